"""Question-answering data that is not in the repository: beside it, or in the folder SPANSTREAM_TEST_DATA names."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from spanstream.models.metrics.squad_files import Example, read_squad

_BESIDE = Path(__file__).parents[4] / "shared" / "data"


def validation_examples() -> list[Example]:
    """The validation set; skips where it is not there."""
    path = Path(os.environ.get("SPANSTREAM_TEST_DATA") or _BESIDE) / "validation.json.gz"
    if not path.exists():
        pytest.skip("no validation set (SPANSTREAM_TEST_DATA names its folder)")
    return read_squad(path)
