"""Builds a new generation of the index from the beginning of the documents topic, and switches to it.

    drop what an earlier rebuild left -> which records are the latest -> create -> read to the end -> upkeep
    -> read on -> switch -> drop

The topic is read twice: only its end tells which record of a document is the latest, and no other is worth embedding.
That takes about 200 bytes of memory a document.

Meanwhile the old generation is searched, and kept current by `index run`, which notices the switch and goes on with the
new one from where that is. A vector is taken from the old generation where both are of the same encoder.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final, TypeVar

import structlog

from spanstream.consumer.broker.protocols import Partition, PartitionReader
from spanstream.consumer.broker.reading import Patience, read_records
from spanstream.consumer.clock import Clock, Deadline
from spanstream.consumer.errors import Retryable, SpanstreamError, Stop
from spanstream.consumer.indexing.batches import BatchBuilder, BatchCounts
from spanstream.consumer.indexing.document_tail import DocumentTail
from spanstream.consumer.indexing.generations import next_name
from spanstream.consumer.passages.index import IndexDescription, PassageIndex, PassageIndexes, SweepMark
from spanstream.consumer.passages.retrieval import Embedder

_log = structlog.get_logger(__name__)
_T = TypeVar("_T")

_POLL_SECONDS: Final = 0.5
_PAUSE_SECONDS: Final = 1.0
# The topic is read to its end so often before the switch; what comes later `index run` reads.
_MOST_ROUNDS: Final = 5
# Longer than a member of the index's group takes from one look at the current generation to the next.
GRACE_SECONDS: Final = 30.0


@dataclass(frozen=True, slots=True)
class RebuildCounts:
    """How far a rebuild has come.

    Attributes:
        batches: of all documents so far.
        offsets_done: how far the reading is ...
        offsets_total: ... of how many offsets.
        seconds: since the start.
    """

    batches: BatchCounts = field(default_factory=BatchCounts)
    offsets_done: int = 0
    offsets_total: int = 0
    seconds: float = 0.0

    @property
    def documents_per_second(self) -> float:
        """Since the start."""
        return self.batches.documents / self.seconds if self.seconds > 0 else 0.0

    def __str__(self) -> str:
        counts = self.batches
        return (
            f"{counts.documents:,} documents, {counts.embedded + counts.reused:,} passages: "
            f"{counts.embedded:,} embedded, {counts.reused:,} reused; "
            f"{counts.bad:,} bad records, {counts.failed:,} failed; "
            f"{self.seconds:.1f} s, {self.documents_per_second:,.0f} documents/s"
        )


@dataclass(slots=True)
class Rebuild:
    """One rebuild; of two at the same time the later one drops what the other has.

    Attributes:
        indexes: the generations.
        reader: made for this; it follows nothing else.
        topic: the documents topic.
        builder: makes the changes.
        encoder: what the builder embeds with.
        clock: measures time.
        watch: called with the counts so far.
        batch_documents: indexed at a time.
        patience_seconds: how long Kafka, the engine or a registry may be silent.
        grace_seconds: between the switch and the end of the old generation: who uses it is to notice before.
        from_scratch: take no vector from the old generation.
    """

    indexes: PassageIndexes
    reader: PartitionReader
    topic: str
    builder: BatchBuilder
    encoder: Embedder
    clock: Clock
    watch: Callable[[RebuildCounts], None]
    batch_documents: int
    patience_seconds: float = 60.0
    grace_seconds: float = GRACE_SECONDS
    from_scratch: bool = False
    _batches: BatchCounts = field(default_factory=BatchCounts)
    _started: float = 0.0
    _latest: dict[tuple[Partition, bytes | None], int] = field(default_factory=dict)
    _marks: dict[int, SweepMark] = field(default_factory=dict)

    def run(self) -> RebuildCounts:
        """Builds, switches and drops.

        Raises:
            Retryable: something was silent for too long; the old generation is still the one that is searched.
            Stop: the engine or Kafka refuses, or the encoder fails on one document after the other.
        """
        self._started = self.clock.monotonic()
        before = self._patiently(self.indexes.current)
        names = self._patiently(self.indexes.names)
        for left in names:
            if left != before:
                _log.info("index_dropped", generation=left, because="it was never switched to")
                self.indexes.drop(left)
        partitions = self.reader.partitions(self.topic)
        description = IndexDescription(
            self.encoder.fingerprint, self.encoder.dimensions, self.reader.topic_id(self.topic), len(partitions)
        )
        name = next_name([*names, *self.indexes.names()])  # `index run` may just have made the first one
        new, old = self.indexes.create(name, description), self._reusable(before, description)
        as_of_ms, begins = self.clock.now_ms(), self.reader.begin_offsets(partitions)
        self._marks = {partition.number: SweepMark(as_of_ms, begin) for partition, begin in begins.items()}
        self._latest = self._latest_offsets(begins)
        tail = DocumentTail(self.reader)
        tail.begin(dict.fromkeys(partitions, 0))
        self._read_to_the_end(tail, new, [new] if old is None else [new, old])
        self._patiently(new.optimize)
        self._read_to_the_end(tail, new, [new] if old is None else [new, old])
        if self.reader.topic_id(self.topic) != description.topic_id:
            raise Retryable(f"{self.topic} was replaced while it was read", hint="run it again")
        self._patiently(lambda: self.indexes.switch(name))
        _log.info("index_switched", generation=name, before=before)
        new.close()
        if old is not None:
            old.close()
        self._drop(before)
        return self._counts(tail, {})

    def _latest_offsets(self, starts: dict[Partition, int]) -> dict[tuple[Partition, bytes | None], int]:
        """Returns the offset of each document's latest record."""
        ends = self.reader.end_offsets(starts)
        records = read_records(self.reader, starts, ends, clock=self.clock, patience_seconds=self.patience_seconds)
        return {(record.partition, record.key): record.offset for record in records}

    def _reusable(self, before: str | None, description: IndexDescription) -> PassageIndex | None:
        """Returns the generation whose vectors may be taken; None: there is none."""
        if before is None or self.from_scratch:
            return None
        try:
            old = self._patiently(lambda: self.indexes.open(before))
        except Stop as error:
            _log.warning("index_not_reused", generation=before, detail=error.detail)
            return None
        if (old.description.encoder, old.description.dimensions) == (description.encoder, description.dimensions):
            return old
        old.close()
        return None

    def _read_to_the_end(self, tail: DocumentTail, new: PassageIndex, known: list[PassageIndex]) -> None:
        """Reads until nothing new came while it did."""
        for _ in range(_MOST_ROUNDS):
            ends = self._patiently(lambda: self.reader.end_offsets(tail.followed))
            if not _is_behind(tail, ends):
                return
            self._read_to(tail, ends, new, known)

    def _read_to(
        self, tail: DocumentTail, ends: dict[Partition, int], new: PassageIndex, known: list[PassageIndex]
    ) -> None:
        patience = Patience(self.clock, self.patience_seconds)
        while _is_behind(tail, ends):
            done = tail.next_slice(self.batch_documents, _POLL_SECONDS)
            patience.check(moved=bool(done.positions), where=self.topic)
            if not done.positions:
                continue
            records = [one for one in done.records if one.offset >= self._latest.get((one.partition, one.key), 0)]
            changes, counts = self._patiently(lambda: self.builder.build(records, known, _no_beat))  # noqa: B023  called at once
            positions = {partition.number: offset for partition, offset in done.positions.items()}
            marks = {number: self._marks[number] for number in positions}
            self._patiently(lambda: new.apply(changes, positions, marks))  # noqa: B023  called at once
            tail.took(done)
            self._batches += counts
            self.watch(self._counts(tail, ends))

    def _drop(self, before: str | None) -> None:
        if before is None:
            return
        self.clock.sleep(self.grace_seconds)
        try:
            self.indexes.drop(before)
        except SpanstreamError as error:  # the next rebuild does it
            _log.warning("index_not_dropped", generation=before, detail=str(error))

    def _counts(self, tail: DocumentTail, ends: dict[Partition, int]) -> RebuildCounts:
        done = sum(tail.positions.values())
        return RebuildCounts(self._batches, done, max(done, sum(ends.values())), self.clock.monotonic() - self._started)

    def _patiently(self, call: Callable[[], _T]) -> _T:
        """Calls again after a pause, while what is asked is silent."""
        deadline = Deadline(self.clock, self.patience_seconds)
        while True:
            try:
                return call()
            except Retryable as error:
                if deadline.has_passed:
                    raise
                _log.warning("rebuild_waits", detail=str(error))
                self.clock.sleep(_PAUSE_SECONDS)


def _is_behind(tail: DocumentTail, ends: dict[Partition, int]) -> bool:
    return any(tail.positions[partition] < end for partition, end in ends.items())


def _no_beat() -> None:
    """Nobody watches this loop."""
