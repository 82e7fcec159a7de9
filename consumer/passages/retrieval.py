"""Finds the passages to read for a question about a collection: by meaning and by words, fused."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from typing import Final, Protocol

from spanstream.consumer.clock import Clock, Deadline
from spanstream.consumer.errors import Retryable, SpanstreamError, Stop
from spanstream.consumer.passages.fusion import RankedPassage, fuse
from spanstream.consumer.passages.index import PassageIndex, PassageIndexes, SearchScope
from spanstream.consumer.settings import IndexSettings
from spanstream.models.arrays import Float32Array

# Seconds between two looks at which generation is searched.
_LOOK_AGAIN: Final = 2.0
# Scores of the same vectors that two ways to compare them give differ by less.
_ROUNDING: Final = 1e-5


class Embedder(Protocol):
    """What makes vectors of texts."""

    @property
    def fingerprint(self) -> str:
        """Names the vector space: vectors of another fingerprint cannot be compared."""

    @property
    def dimensions(self) -> int:
        """Numbers in a vector."""

    def embed(self, texts: Sequence[str]) -> Float32Array:
        """Returns a vector of length 1 for each text, (texts, dimensions)."""

    def close(self) -> None:
        """Ends its threads."""


def search(
    index: PassageIndex, question: str, vector: Float32Array, scope: SearchScope, settings: IndexSettings
) -> list[RankedPassage]:
    """Returns the passages to read for a question, the best first. Raises as the engine."""
    most = settings.candidates
    return fuse(index.nearest(vector, scope, most), index.matching(question, scope, most), settings.passages)


class Retriever:
    """Searches the current generation of an index.

    Args:
        indexes: the generations.
        encoder: makes the questions' vectors.
        settings: how many passages are looked at.
        clock: says when to look which generation is the current one.
    """

    def __init__(self, indexes: PassageIndexes, encoder: Embedder, settings: IndexSettings, clock: Clock) -> None:
        self._indexes = indexes
        self._encoder = encoder
        self._settings = settings
        self._clock = clock
        self._name = ""
        self._index: PassageIndex | None = None
        self._looked = Deadline(clock, 0.0)

    def embed(self, questions: Sequence[str]) -> Float32Array:
        """Returns the vectors of questions, all at once."""
        return self._encoder.embed(questions)

    def retrieve(self, question: str, vector: Float32Array, scope: SearchScope) -> list[RankedPassage]:
        """Returns the passages to read for a question, the best first; none where nothing is near.

        Raises:
            Retryable: the engine did not answer, or there is no index (of this encoder) yet.
            Stop: the engine refuses for good.
        """
        try:
            return search(self._current(), question, vector, scope, self._settings)
        except (Retryable, Stop):
            # A rebuild switches to another generation and drops this one, or another one has its name by now.
            searched = self._name
            self._forget()
            if self._indexes.current() in {None, searched}:
                raise
            return search(self._current(), question, vector, scope, self._settings)

    def recall(self, vector: Float32Array, scope: SearchScope) -> float | None:
        """Returns the share of the nearest passages that a search by meaning finds; both searches are made for it.

        A passage that is as near as the farthest of them is as good. None: the engine misses none, or nothing is in
        scope. Raises as `retrieve`.
        """
        index, most = self._current(), self._settings.candidates
        exact = [] if index.is_exact else index.nearest_exactly(vector, scope, most)
        if not exact:
            return None
        farthest = exact[-1].score - _ROUNDING
        found = index.nearest(vector, scope, most)[: len(exact)]
        return sum(hit.score >= farthest for hit in found) / len(exact)

    def close(self) -> None:
        """Lets go of the engine, and ends the encoder's threads."""
        self._forget()
        self._indexes.close()
        self._encoder.close()

    def _current(self) -> PassageIndex:
        if self._index is None or self._looked.has_passed:
            self._open(self._indexes.current())
            self._looked = Deadline(self._clock, _LOOK_AGAIN)
        if self._index is None:
            raise Retryable("there is no passage index yet: `spanstream index run` makes it")
        return self._index

    def _open(self, name: str | None) -> None:
        if name is None or name == self._name:
            return
        index = self._indexes.open(name)
        if index.description.encoder != self._encoder.fingerprint:
            index.close()
            raise Retryable("the passage index is another encoder's: `spanstream index rebuild` makes a new one")
        self._forget()
        self._name, self._index = name, index

    def _forget(self) -> None:
        if self._index is not None:
            with suppress(SpanstreamError):  # it may have been dropped
                self._index.close()
        self._name, self._index = "", None
