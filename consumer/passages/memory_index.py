"""A passage index in memory, for tests: it has the protocol's rules and no speed."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping, Sequence

from spanstream.consumer.errors import Stop
from spanstream.consumer.passages.index import (
    DocumentPassages,
    IndexDescription,
    Passage,
    PassageHit,
    PassageIndex,
    SearchScope,
    SweepMark,
)
from spanstream.consumer.passages.query_words import query_words
from spanstream.models.arrays import Float32Array

_WORD = re.compile(r"\w+")


class MemoryPassageIndex:
    """One generation."""

    def __init__(self, description: IndexDescription) -> None:
        self._description = description
        self._documents: dict[str, tuple[Passage, ...]] = {}
        self._positions: dict[int, int] = {}
        self._marks: dict[int, SweepMark] = {}

    @property
    def description(self) -> IndexDescription:
        """What the generation was built of."""
        return self._description

    @property
    def is_exact(self) -> bool:
        """Always."""
        return True

    def positions(self) -> dict[int, int]:
        """Returns the next offset to be read of each partition."""
        return dict(self._positions)

    def vectors_of(self, document_ids: Collection[str]) -> dict[str, dict[str, Float32Array]]:
        """Returns the vectors of these documents' passages, by document and text."""
        known = {document_id: self._documents.get(document_id) for document_id in document_ids}
        return {name: {one.text: one.vector for one in passages} for name, passages in known.items() if passages}

    def marks(self) -> dict[int, SweepMark]:
        """Returns what is known of each partition."""
        return dict(self._marks)

    def documents_of(self, partition: int) -> Iterator[str]:
        """Returns the documents that have passages from this partition."""
        known = list(self._documents.items())
        return (name for name, passages in known if passages[0].place.partition == partition)

    def apply(
        self,
        changes: Sequence[DocumentPassages],
        positions: Mapping[int, int],
        marks: Mapping[int, SweepMark] | None = None,
    ) -> None:
        """Replaces all passages of these documents, then advances the positions, with their marks."""
        for change in changes:
            old = self._documents.get(change.document_id)
            if old and change.only_of in (None, old[0].place.partition):
                del self._documents[change.document_id]
            if change.passages:
                self._documents[change.document_id] = change.passages
        self._positions |= positions
        self._marks |= marks or {}

    def nearest(self, vector: Float32Array, scope: SearchScope, limit: int) -> list[PassageHit]:
        """Returns the passages whose vectors are nearest."""
        return _best([PassageHit(one.place, float(one.vector @ vector)) for one in self._within(scope)], limit)

    def nearest_exactly(self, vector: Float32Array, scope: SearchScope, limit: int) -> list[PassageHit]:
        """Returns the same as `nearest`."""
        return self.nearest(vector, scope, limit)

    def matching(self, text: str, scope: SearchScope, limit: int) -> list[PassageHit]:
        """Returns the passages that share the most words with the text."""
        words = set(query_words(text))
        shared = [(one, len(words & set(_WORD.findall(one.text.lower())))) for one in self._within(scope)]
        return _best([PassageHit(one.place, float(count)) for one, count in shared if count], limit)

    def count(self) -> int:
        """Returns how many passages there are."""
        return sum(1 for _ in self.contents())

    def contents(self) -> Iterator[Passage]:
        """Returns all passages."""
        return (passage for passages in list(self._documents.values()) for passage in passages)

    def optimize(self) -> None:
        """Has nothing to do."""

    def close(self) -> None:
        """Has nothing to let go of."""

    def _within(self, scope: SearchScope) -> Iterator[Passage]:
        wanted = scope.filter.items()
        return (
            one for one in self.contents() if scope.collection in one.collections and wanted <= one.metadata.items()
        )


class MemoryPassageIndexes:
    """The generations."""

    def __init__(self) -> None:
        self._generations: dict[str, MemoryPassageIndex] = {}
        self._current: str | None = None

    def current(self) -> str | None:
        """Returns the name of the generation that is searched."""
        return self._current

    def names(self) -> list[str]:
        """Returns the names of all generations."""
        return sorted(self._generations)

    def create(self, name: str, description: IndexDescription) -> PassageIndex:
        """Makes an empty generation."""
        self._generations[name] = MemoryPassageIndex(description)
        return self._generations[name]

    def open(self, name: str) -> PassageIndex:
        """Opens a generation. Raises `Stop` where there is none of this name."""
        if name not in self._generations:
            raise Stop(f"no passage index {name!r}")
        return self._generations[name]

    def switch(self, name: str) -> None:
        """Makes this generation the one that is searched."""
        self.open(name)
        self._current = name

    def drop(self, name: str) -> None:
        """Deletes a generation, if it is there."""
        if name != self._current:
            self._generations.pop(name, None)

    def close(self) -> None:
        """Has nothing to let go of."""


def _best(hits: list[PassageHit], limit: int) -> list[PassageHit]:
    return sorted(hits, key=lambda hit: (-hit.score, hit.place.document_id, hit.place.number))[:limit]
