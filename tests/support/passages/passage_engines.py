"""The engines that the contract of the passage index runs on."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Protocol

import pytest

from spanstream.consumer.passages.index import PassageIndexes
from spanstream.consumer.passages.memory_index import MemoryPassageIndexes
from spanstream.consumer.passages.opening import open_passage_indexes
from spanstream.consumer.settings import IndexSettings

# What is slow on a busy machine is no failure of the engine.
_PATIENT = 60.0


class PassageEngine(Protocol):
    """A place for an index that nobody else uses; each `open` is a new client of it."""

    def open(self) -> PassageIndexes:
        """Opens one more."""


class MemoryEngine:
    """In this process."""

    def __init__(self) -> None:
        self._indexes = MemoryPassageIndexes()

    def open(self) -> PassageIndexes:
        return self._indexes


class RealEngine:
    """Named by settings, which other processes can have too."""

    def __init__(self, uri: str, token: str | None = None, name: str | None = None) -> None:
        self.settings = IndexSettings(
            uri=uri, token=token, name=name or f"test-{uuid.uuid4().hex[:12]}", timeout_seconds=_PATIENT
        )

    def open(self) -> PassageIndexes:
        return open_passage_indexes(self.settings)


@pytest.fixture(params=["sqlite", "opensearch"])
def real_engine(request: pytest.FixtureRequest, tmp_path: Path) -> RealEngine:
    """A real engine."""
    if request.param == "sqlite":
        return RealEngine(str(tmp_path / "index"))
    return RealEngine(request.getfixturevalue("opensearch").url)


@pytest.fixture(params=["memory", "sqlite", "opensearch"])
def engine(request: pytest.FixtureRequest, tmp_path: Path) -> PassageEngine:
    """Any engine."""
    if request.param == "memory":
        return MemoryEngine()
    if request.param == "sqlite":
        return RealEngine(str(tmp_path / "index"))
    return RealEngine(request.getfixturevalue("opensearch").url)


@pytest.fixture
def indexes(engine: PassageEngine) -> Iterator[PassageIndexes]:
    """The generations of any engine."""
    opened = engine.open()
    yield opened
    for name in opened.names():
        opened.drop(name)
    opened.close()
