"""Protocols of the passage index; `memory_index` is for tests, the other engines are real.

    PassageIndexes ──> PassageIndex    one generation: built once, kept current, replaced as a whole by a rebuild

An index holds copies. What is quoted is read from the documents topic, whose truth the index only follows: it may be
behind, and a passage then names a version of a document that is no more.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from spanstream.models.arrays import Float32Array


@dataclass(frozen=True, slots=True)
class IndexDescription:
    """What a generation was built of: passages of another encoder or topic mean something else.

    Attributes:
        encoder: fingerprint of the encoder that made the vectors.
        dimensions: numbers in a vector.
        topic_id: of the documents topic whose offsets the positions are.
        partitions: of that topic.
    """

    encoder: str
    dimensions: int
    topic_id: str
    partitions: int


@dataclass(frozen=True, slots=True)
class PassagePlace:
    """Where a passage stands: characters `char_start` to `char_end` (exclusive) of one version of a document.

    Attributes:
        document_id: the document.
        number: which of the document's passages it is, counted from 0.
        char_start: where it starts, in Unicode code points.
        char_end: where it ends, exclusive.
        document_sha256: the version of the document.
        partition: the number of its partition in the documents topic.
    """

    document_id: str
    number: int
    char_start: int
    char_end: int
    document_sha256: str
    partition: int


@dataclass(frozen=True, slots=True)
class Passage:
    """A passage as it is indexed; `vector` has the description's dimensions and length 1."""

    place: PassagePlace
    text: str = field(repr=False)
    vector: Float32Array = field(repr=False)
    collections: tuple[str, ...]
    metadata: Mapping[str, str] = field(repr=False)


@dataclass(frozen=True, slots=True)
class DocumentPassages:
    """All passages that a document has from now on; none: it is deleted, or in no collection any more.

    Attributes:
        document_id: the document.
        passages: all of them.
        only_of: the number of a partition: passages of the document that came from another one stay; None: none stay.
    """

    document_id: str
    passages: tuple[Passage, ...]
    only_of: int | None = None


@dataclass(frozen=True, slots=True)
class SweepMark:
    """As of when a partition's documents are known to be no more than what the topic holds.

    What the topic no longer held at that moment is not in the index, or its deletion stands at or behind the position.

    Attributes:
        as_of_ms: the moment, milliseconds since the epoch.
        begin: the offset at which the partition began when all of it was last read.
    """

    as_of_ms: int
    begin: int


@dataclass(frozen=True, slots=True)
class SearchScope:
    """What is searched: the documents of a collection whose metadata has all these values."""

    collection: str
    filter: Mapping[str, str] = field(default_factory=dict, repr=False)


@dataclass(frozen=True, slots=True)
class PassageHit:
    """A passage that was found; `score` is the engine's own, higher is better."""

    place: PassagePlace
    score: float


class PassageIndex(Protocol):
    """One generation of the index. Searches are safe from any thread; one writer a partition.

    Every method raises `Retryable` where the engine does not answer, and `Stop` where it refuses for good.
    """

    @property
    def description(self) -> IndexDescription:
        """What the generation was built of."""

    @property
    def is_exact(self) -> bool:
        """Whether `nearest` compares every passage in scope, and so misses none."""

    def positions(self) -> dict[int, int]:
        """Returns the next offset to be read of each partition of the documents topic; a new one is left out."""

    def vectors_of(self, document_ids: Collection[str]) -> dict[str, dict[str, Float32Array]]:
        """Returns the vectors of these documents' passages, by document and the passage's text; absent: not indexed."""

    def marks(self) -> dict[int, SweepMark]:
        """Returns what is known of each partition; one that an earlier version wrote is left out."""

    def documents_of(self, partition: int) -> Iterator[str]:
        """Returns the documents that have passages from this partition; one may come several times."""

    def apply(
        self,
        changes: Sequence[DocumentPassages],
        positions: Mapping[int, int],
        marks: Mapping[int, SweepMark] | None = None,
    ) -> None:
        """Replaces all passages of these documents, then advances the positions, with the marks that hold there.

        A partition without a new mark keeps the one that it has; one with a mark needs a position.

        A document's passages are replaced as one, and positions are written last. After a kill at any moment, the same
        changes applied again from the stored positions lead to the same index.
        """

    def nearest(self, vector: Float32Array, scope: SearchScope, limit: int) -> list[PassageHit]:
        """Returns the passages whose vectors are nearest by cosine, the best first."""

    def nearest_exactly(self, vector: Float32Array, scope: SearchScope, limit: int) -> list[PassageHit]:
        """Returns what `nearest` would return if it missed none; its time grows with the passages in scope."""

    def matching(self, text: str, scope: SearchScope, limit: int) -> list[PassageHit]:
        """Returns the passages that match words of the text best by BM25, the best first; any text is fine."""

    def count(self) -> int:
        """Returns how many passages there are."""

    def contents(self) -> Iterator[Passage]:
        """Returns all passages, in any order."""

    def optimize(self) -> None:
        """Does the engine's upkeep: files together, new passages into its indexes, old versions away."""

    def close(self) -> None:
        """Lets go of the engine."""


class PassageIndexes(Protocol):
    """The generations of the index in one engine, and which of them is searched. Raises as `PassageIndex` does."""

    def current(self) -> str | None:
        """Returns the name of the generation that is searched; None before the first one is."""

    def names(self) -> list[str]:
        """Returns the names of all generations, in order."""

    def create(self, name: str, description: IndexDescription) -> PassageIndex:
        """Makes an empty generation and opens it."""

    def open(self, name: str) -> PassageIndex:
        """Opens a generation. Raises `Stop` where there is none of this name."""

    def switch(self, name: str) -> None:
        """Makes this generation the one that is searched; a search sees the one or the other."""

    def drop(self, name: str) -> None:
        """Deletes a generation, if it is there; never the current one."""

    def close(self) -> None:
        """Lets go of the engine."""
