"""The loop of the indexer: one thread, one slice of documents at a time.

    poll (group: who owns what) -> DocumentTail -> BatchBuilder (DocumentCutter, encoder) -> PassageIndex.apply

The group only says which partitions are whose. Where each of them is read from stands in the index, beside the passages
and written after them: a member that is killed leaves what the next one writes again, and neither a hole nor a ghost.
The group's offsets are committed as well, for those who watch its lag; nobody reads on from them.

What the index says of a position is looked at again before each write. Where it is not what this member wrote, another
one has written meanwhile (a member that was cut off from Kafka, and did not know yet): reading goes on from there, so
whatever that one wrote over is written anew.

Where a deletion may have been missed, the partition is swept beside that, a step a turn (`sweeping/`).
"""

from __future__ import annotations

import threading
from collections.abc import Iterable, Sequence
from typing import Final

import structlog

from spanstream.consumer.broker.protocols import Partition
from spanstream.consumer.clock import Deadline
from spanstream.consumer.errors import Fenced, Retryable, SpanstreamError
from spanstream.consumer.indexing.document_tail import Slice
from spanstream.consumer.indexing.parts import IndexingParts
from spanstream.consumer.passages.index import IndexDescription, PassageIndex
from spanstream.consumer.settings import Settings

_log = structlog.get_logger(__name__)

# Seconds.
_IDLE_POLL: Final = 0.1
_LOOK_EVERY: Final = 2.0
_COUNT_EVERY: Final = 10.0
_COMMIT_EVERY: Final = 1.0
_FIRST_PAUSE: Final = 0.1
_LONGEST_PAUSE: Final = 30.0


class IndexingService:
    """A member of the index's group. `run` is its whole life; the rebalance listener runs in the same thread."""

    def __init__(self, parts: IndexingParts, settings: Settings) -> None:
        self._parts = parts
        self._settings = settings
        self._clock, self._topic = parts.clock, settings.topics.documents
        self._owned: set[Partition] = set()
        self._stop = threading.Event()
        self._committed: dict[Partition, int] = {}
        self._topic_id = ""
        self._resting_for = ""
        self._pause = _FIRST_PAUSE
        self._resume, self._look_at, self._count_at, self._commit_at = (Deadline(parts.clock, 0.0) for _ in range(4))

    def run(self, stop: threading.Event, *, once: bool = False) -> None:
        """Keeps the index current until `stop` is set; what is not in the index then, the next member reads again.

        Args:
            stop: ends the work after a second or two.
            once: end also when everything is indexed that stood in the topic at the start.

        Raises:
            Stop: the member cannot go on.
        """
        self._stop = stop
        try:
            reader = self._parts.reader
            ends = reader.end_offsets(reader.partitions(self._topic)) if once else None
            self.start()
            while not stop.is_set() and not (ends is not None and self._has_reached(ends)):
                self.turn()
                if self._parts.late is not None and not once:
                    self._parts.late.lead(leads=self._leads)
            self.drain()
        finally:
            self.close()

    def start(self) -> None:
        """Joins the group."""
        self._parts.consumer.subscribe([self._topic], self)

    def drain(self) -> None:
        """Lets the engine end its upkeep, within `drain_seconds`, and commits where the index is."""
        self._parts.upkeep.wait(self._settings.drain_seconds)
        self._write_marks()
        self._commit(self._parts.tail.followed)
        self._parts.reporter.finish(self._parts.tail.lag())

    def close(self) -> None:
        """Leaves the group and closes the clients."""
        if self._parts.late is not None:
            self._parts.late.close()
        self._parts.sweeps.close()
        self._parts.consumer.close()
        self._parts.publisher.close()
        self._parts.reader.close()
        self._parts.generation.forget()

    def turn(self) -> None:
        """Goes once around: does what can be done now, and waits a moment at most."""
        # What comes was fetched before the partitions were paused; the reader reads it.
        self._parts.consumer.poll(1, 0.0 if self._can_work else _IDLE_POLL)
        if self._can_work:
            try:
                self._work()
            except Retryable as error:
                self._wait(error)
            else:
                self._pause = _FIRST_PAUSE
        self._parts.health.turned(self._waiting_for)
        self._parts.reporter.turned(self._parts.tail.lag(), len(self._owned))

    # Rebalance listener: called from inside poll and close.

    def on_assigned(self, partitions: Sequence[Partition]) -> None:
        """Takes partitions over; they are read from where the index is."""
        _log.info("partitions_assigned", partitions=[str(partition) for partition in partitions])
        self._parts.consumer.pause(partitions)
        self._owned.update(partitions)
        self._look_at = Deadline(self._clock, 0.0)

    def on_revoked(self, partitions: Sequence[Partition]) -> None:
        """Gives partitions up; what is in the index of them is complete."""
        _log.info("partitions_revoked", partitions=[str(partition) for partition in partitions])
        self._commit(partitions)
        self._let_go(partitions)

    def on_lost(self, partitions: Sequence[Partition]) -> None:
        """Gives partitions up: another member has them already."""
        _log.warning("partitions_lost", partitions=[str(partition) for partition in partitions])
        self._let_go(partitions)

    def _let_go(self, partitions: Sequence[Partition]) -> None:
        self._owned.difference_update(partitions)
        self._parts.tail.release(partitions)
        self._parts.sweeps.release(partitions)
        for partition in partitions:
            self._committed.pop(partition, None)

    # The steps of a turn.

    @property
    def _can_work(self) -> bool:
        return bool(self._owned) and self._resume.has_passed

    def _work(self) -> None:
        """Indexes the next slice. Raises `Retryable` where something does not answer: nothing of it is lost."""
        if self._look_at.has_passed:
            self._look()
        index = self._parts.generation.index
        if index is None:
            self._rest("the first passage index, which the owner of partition 0 makes", _IDLE_POLL)
            return
        wait = 0.0 if self._parts.sweeps.is_running else _IDLE_POLL
        done = self._parts.tail.next_slice(self._settings.index.batch_documents, wait)
        if done.positions:
            self._index(done, index)
        self._parts.sweeps.turn(index, lambda: self._follow(index))
        if self._commit_at.has_passed:
            self._commit(self._parts.tail.followed)
        if self._leads:
            self._parts.upkeep.start_if_due(index)

    def _look(self) -> None:
        """Looks which generation is the current one, and whether its positions are those that were written."""
        parts, reader = self._parts, self._parts.reader
        self._topic_id = reader.topic_id(self._topic)
        wanted = IndexDescription(
            parts.encoder.fingerprint, parts.encoder.dimensions, self._topic_id, len(reader.partitions(self._topic))
        )
        if parts.generation.look(wanted, may_create=self._leads):
            parts.tail.release(parts.tail.followed)
            self._count_at = Deadline(self._clock, 0.0)
        index = parts.generation.index
        if index is None:
            return
        self._follow(index)
        self._parts.sweeps.look(index)
        if self._count_at.has_passed:
            parts.reporter.holds(index.count())
            self._count_at = Deadline(self._clock, _COUNT_EVERY)
        self._look_at = Deadline(self._clock, _LOOK_EVERY)

    def _follow(self, index: PassageIndex) -> bool:
        """Has each owned partition read from where the index is; returns whether all of them were already."""
        stored, positions = index.positions(), self._parts.tail.positions
        begin = {
            partition: stored.get(partition.number, 0)
            for partition in self._owned
            if stored.get(partition.number, 0) != positions.get(partition)
        }
        if begin:
            starts = {str(partition): offset for partition, offset in sorted(begin.items())}
            _log.info("documents_followed", generation=self._parts.generation.name, positions=starts)
            self._parts.sweeps.begin(index, begin, stored)
            self._parts.tail.begin(begin)
        return not begin

    def _index(self, done: Slice, index: PassageIndex) -> None:
        began = self._clock.monotonic()
        changes, counts = self._parts.builder.build(done.records, [index], self._beat)
        if not self._follow(index):
            return
        marks = self._parts.sweeps.marks_at(done.positions)
        index.apply(changes, {partition.number: offset for partition, offset in done.positions.items()}, marks)
        self._parts.tail.took(done)
        self._parts.sweeps.saw(done.records)
        if changes:
            self._parts.upkeep.changed()
            self._parts.reporter.indexed(counts, self._clock.monotonic() - began)

    def _write_marks(self) -> None:
        """Writes as of when the index is complete, for the next member; one that finds an older moment reads more."""
        index = self._parts.generation.index
        try:
            if index is not None and self._owned and self._follow(index):
                self._parts.sweeps.write(index)
        except SpanstreamError as error:
            _log.warning("marks_not_written", detail=str(error))

    def _beat(self) -> None:
        """Shows that work goes on; gives the slice up where the member is to leave."""
        self._parts.health.beat()
        if self._stop.is_set():
            raise Retryable("the member leaves")

    def _commit(self, partitions: Iterable[Partition]) -> None:
        """Commits positions for those who watch the group; where that fails, the next commit makes up for it."""
        positions = self._parts.tail.positions
        ahead = {
            partition: positions[partition]
            for partition in partitions
            if positions.get(partition, 0) != self._committed.get(partition, 0)
        }
        self._commit_at = Deadline(self._clock, _COMMIT_EVERY)
        if not ahead:
            return
        try:
            self._parts.publisher.publish([], ahead)
        except (Fenced, Retryable) as error:
            _log.warning("offsets_not_committed", detail=str(error))
        else:
            self._committed.update(ahead)

    def _wait(self, error: Retryable) -> None:
        """Begins a pause, longer each time; the member stays in its group meanwhile."""
        if self._stop.is_set():
            return
        self._parts.reporter.failed()
        _log.warning("indexing_waits", detail=str(error), seconds=self._pause)
        self._parts.generation.forget()  # it may have been dropped, or its connection be broken
        self._look_at = Deadline(self._clock, 0.0)
        self._rest(error.detail, self._pause)
        self._pause = min(2 * self._pause, _LONGEST_PAUSE)

    def _rest(self, waiting_for: str, seconds: float) -> None:
        self._resting_for = waiting_for
        self._resume = Deadline(self._clock, seconds)

    # What the steps go by.

    @property
    def _leads(self) -> bool:
        """Whether this member does what one does for all: the first index, upkeep, and what late documents need."""
        return Partition(self._topic, 0) in self._owned

    @property
    def _waiting_for(self) -> str:
        if not self._owned:
            return "partitions"
        return "" if self._resume.has_passed else self._resting_for

    def _has_reached(self, ends: dict[Partition, int]) -> bool:
        if not self._resume.has_passed:
            return False
        try:
            if not self._owned and self._look_at.has_passed:  # others index all of it
                self._look()
            index = self._parts.generation.index
            stored = None if index is None else index.positions()
        except Retryable as error:
            self._wait(error)
            return False
        if stored is None or self._parts.sweeps.is_busy:
            return False
        return all(stored.get(partition.number, 0) >= end for partition, end in ends.items())
