"""Validation questions: the tickets of the repository, and SQuAD beside it or where SPANSTREAM_TEST_DATA says."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from spanstream.models.metrics.squad_files import Example, read_squad

VALIDATION_TICKETS = Path(__file__).parents[3] / "models" / "data" / "tickets" / "validation_tickets.json.gz"
VALIDATION_SETS = ("tickets", "squad")
_BESIDE = Path(__file__).parents[4] / "shared" / "data"


def validation_examples(name: str) -> list[Example]:
    """Returns a validation set by its name; skips where it is not there."""
    if name == "tickets":
        return read_squad(VALIDATION_TICKETS)
    path = Path(os.environ.get("SPANSTREAM_TEST_DATA") or _BESIDE) / "validation.json.gz"
    if not path.exists():
        pytest.skip("no SQuAD validation set (SPANSTREAM_TEST_DATA names its folder)")
    return read_squad(path)
