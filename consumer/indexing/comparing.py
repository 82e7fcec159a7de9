"""Compares the index with the documents topic itself: what it lacks, what it should not have, what is outdated.

    positions -> contents of the index -> the whole topic, up to where it ends after that -> what is missing, once more

Documents may flow meanwhile. Of a document whose latest record stands behind the positions that were taken first,
nothing can be said but that it is not due yet. A missing document is embedded: where that fails, it can have no
passages, and is no hole.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from contextlib import closing
from dataclasses import dataclass, field
from typing import NamedTuple

from spanstream.consumer.broker.protocols import Partition, PartitionReader
from spanstream.consumer.broker.reading import read_batches
from spanstream.consumer.clock import Clock
from spanstream.consumer.indexing.cutting import CutDocument, DocumentCutter
from spanstream.consumer.passages.embedding import embed_each
from spanstream.consumer.passages.index import PassageIndex, PassagePlace
from spanstream.consumer.passages.retrieval import Embedder

_HASH_BITS = (1 << 64) - 1
# Of more missing documents it is no question of single texts; embedding them would take long.
_MOST_EMBEDDED = 1000


@dataclass(frozen=True, slots=True)
class IndexDifferences:
    """What was found; documents by id, in order.

    Attributes:
        documents: that the topic holds with passages.
        missing: documents whose passages the index does not have.
        ghosts: documents of which it has passages, and the topic holds none.
        outdated: documents whose passages are others than they should be.
        failed: documents that the encoder fails on: the index cannot have their passages.
        behind: documents that have changed behind the index's positions: it has not come to them yet.
    """

    documents: int
    missing: tuple[str, ...] = field(default=())
    ghosts: tuple[str, ...] = field(default=())
    outdated: tuple[str, ...] = field(default=())
    failed: tuple[str, ...] = field(default=())
    behind: int = 0

    @property
    def is_equal(self) -> bool:
        """Whether the index holds what a fresh one would, as far as it has come."""
        return not (self.missing or self.ghosts or self.outdated)


class _Sum(NamedTuple):
    """A document's passages, whatever their order: how many, and the sum of their hashes."""

    passages: int = 0
    hashes: int = 0

    def plus(self, hashed: int) -> _Sum:
        return _Sum(self.passages + 1, (self.hashes + hashed) & _HASH_BITS)


class _Latest(NamedTuple):
    expected: _Sum
    partition: Partition
    offset: int


@dataclass(slots=True)
class IndexComparison:
    """Compares once.

    Attributes:
        index: the generation.
        reader: made for this; it follows nothing else.
        topic: the documents topic.
        cutter: cuts the documents as the indexer does.
        clock: for when to give Kafka up.
        patience_seconds: how long Kafka may be silent.
        begin_stage: called with a stage's name and size; returns what is called with how much more is done.
        open_encoder: opens the indexer's encoder; called where something is missing.
    """

    index: PassageIndex
    reader: PartitionReader
    topic: str
    cutter: DocumentCutter
    clock: Clock
    patience_seconds: float
    begin_stage: Callable[[str, int], Callable[[int], None]]
    open_encoder: Callable[[], Embedder]

    def run(self) -> IndexDifferences:
        """Reads both.

        Raises:
            Retryable: the engine, Kafka or a registry does not answer.
        """
        positions = self.index.positions()
        held: defaultdict[str, _Sum] = defaultdict(_Sum)
        advance = self.begin_stage("passages", self.index.count())
        for one in self.index.contents():
            hashed = _hash(one.place, one.text, one.collections, one.metadata)
            held[one.place.document_id] = held[one.place.document_id].plus(hashed)
            advance(1)
        latest = self._read_topic()
        not_due = {name for name, one in latest.items() if one.offset >= positions.get(one.partition.number, 0)}
        due = {name: one.expected for name, one in latest.items() if name not in not_due and one.expected.passages}
        found = {name: one for name, one in held.items() if name not in not_due}
        missing = due.keys() - found.keys()
        failed = self._failed({name: latest[name] for name in missing})
        return IndexDifferences(
            documents=sum(one.expected.passages > 0 for one in latest.values()),
            missing=tuple(sorted(missing - failed)),
            ghosts=tuple(sorted(found.keys() - due.keys())),
            outdated=tuple(sorted(name for name in due.keys() & found.keys() if due[name] != found[name])),
            failed=tuple(sorted(failed)),
            behind=len(not_due),
        )

    def _read_topic(self) -> dict[str, _Latest]:
        partitions = self.reader.partitions(self.topic)
        starts, ends = self.reader.begin_offsets(partitions), self.reader.end_offsets(partitions)
        advance = self.begin_stage("documents", sum(ends.values()) - sum(starts.values()))
        latest: dict[str, _Latest] = {}
        for batch in read_batches(self.reader, starts, ends, clock=self.clock, patience_seconds=self.patience_seconds):
            for document in self.cutter.cut_all(batch):
                latest[document.document_id] = _Latest(_expected(document), document.partition, document.offset)
            advance(len(batch))
        return latest

    def _failed(self, missing: Mapping[str, _Latest]) -> set[str]:
        """Returns those of these documents that the encoder fails on; it reads them once more."""
        failed = set[str]()
        if not 0 < len(missing) <= _MOST_EMBEDDED:
            return failed
        offsets: dict[Partition, set[int]] = {}
        for one in missing.values():
            offsets.setdefault(one.partition, set()).add(one.offset)
        starts = {partition: min(of_missing) for partition, of_missing in offsets.items()}
        ends = {partition: max(of_missing) + 1 for partition, of_missing in offsets.items()}
        advance = self.begin_stage("missing documents", len(missing))
        with closing(self.open_encoder()) as encoder:
            for batch in read_batches(
                self.reader, starts, ends, clock=self.clock, patience_seconds=self.patience_seconds
            ):
                records = [record for record in batch if record.offset in offsets[record.partition]]
                for document in self.cutter.cut_all(records):
                    if document.texts and embed_each(encoder.embed, document.texts).errors:
                        failed.add(document.document_id)
                    advance(1)
        return failed


def _expected(document: CutDocument) -> _Sum:
    total = _Sum()
    for place, text in zip(document.places, document.texts, strict=True):
        total = total.plus(_hash(place, text, document.collections, document.metadata))
    return total


def _hash(place: PassagePlace, text: str, collections: Iterable[str], metadata: Mapping[str, str]) -> int:
    """Hashes a passage, the same way during the life of a process."""
    return hash((place, text, tuple(sorted(collections)), tuple(sorted(metadata.items()))))
