"""Unit tests log nothing: a test that wants to see log lines captures them (`structlog.testing.capture_logs`)."""

from __future__ import annotations

import logging
from collections.abc import Iterator, MutableMapping
from typing import Any, NoReturn

import pytest
import structlog


def _drop(_: object, __: str, ___: MutableMapping[str, Any]) -> NoReturn:
    raise structlog.DropEvent


@pytest.fixture(autouse=True)
def _quiet() -> Iterator[None]:
    # For each test anew: one that runs a command in this process configures the logs as the command does, on a standard
    # error that is closed when it ends.
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    structlog.reset_defaults()
    structlog.configure(processors=[_drop])
    yield
    structlog.reset_defaults()
    root.handlers[:] = handlers
    root.setLevel(level)
