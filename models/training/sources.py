"""Reads the files to train on, and says how often an epoch reads each.

`FILE` is read once, `FILE:2` twice, of `FILE:0.5` every other question.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from spanstream.models.artifact import sha256_of_file
from spanstream.models.errors import BuildError
from spanstream.models.metrics.squad_files import Example, read_squad


@dataclass(frozen=True, slots=True)
class DataSource:
    """A SQuAD v2.0 file.

    Attributes:
        path: the file.
        weight: how often an epoch reads each of its questions; a fraction is a share of them, drawn anew each epoch.
    """

    path: Path
    weight: float = 1.0

    @classmethod
    def parse(cls, text: str) -> DataSource:
        """Parses `FILE` or `FILE:WEIGHT`.

        Raises:
            BuildError: the weight is no number above 0.
        """
        name, colon, weight = text.rpartition(":")
        if not colon or Path(text).exists():
            return cls(Path(text))
        try:
            value = float(weight)
        except ValueError:
            return cls(Path(text))  # a colon in a name; whether the file is there shows when it is read
        if not 0 < value < float("inf"):
            raise BuildError(f"{text}: the weight behind the colon must be above 0")
        return cls(Path(name), value)


@dataclass(frozen=True, slots=True)
class LoadedSource:
    """A source and its questions."""

    source: DataSource
    examples: tuple[Example, ...]

    @property
    def unanswerable(self) -> int:
        """Questions without an answer."""
        return sum(not example.has_answer for example in self.examples)

    def describe(self) -> dict[str, Any]:
        """Returns the entry of `training.json`."""
        return {
            "file": self.source.path.name,
            "sha256": sha256_of_file(self.source.path),
            "questions": len(self.examples),
            "unanswerable": self.unanswerable,
            "weight": self.source.weight,
        }


def load_sources(sources: Sequence[DataSource]) -> list[LoadedSource]:
    """Reads all files.

    Raises:
        BuildError: there is none, or one is named twice.
        SquadError: one of them is not what it should be.
    """
    if not sources:
        raise BuildError("no data to train on")
    paths = [source.path.resolve() for source in sources]
    if repeated := next((path for place, path in enumerate(paths) if path in paths[:place]), None):
        raise BuildError(f"{repeated}: is named twice; to read it twice as often say {repeated.name}:2")
    return [LoadedSource(source, tuple(read_squad(source.path))) for source in sources]


def times_read(count: int, weight: float, random: np.random.Generator) -> np.ndarray[Any, np.dtype[np.int64]]:
    """Returns (count,) how often each of a file's questions is read in one epoch; on average `weight`."""
    whole = int(weight)
    times = np.full(count, whole, dtype=np.int64)
    more = round((weight - whole) * count)
    times[random.permutation(count)[:more]] += 1
    return times
