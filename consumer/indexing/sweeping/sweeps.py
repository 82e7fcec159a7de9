"""Keeps the marks of the owned partitions, and sweeps those where a deletion may have been missed, one at a time.

    look: where do the partitions begin and end? ──> tail has come to an end of before: as of then all is read
      │
      └─ due ──> Sweep, a step a turn, beside the tail ──> ghosts out, position and mark written

A mark is written with the position that it is true of, and moved by a sweep only once all ghosts are out: a member that
is killed in the middle leaves a partition that is due.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from operator import itemgetter
from typing import Final

import structlog

from spanstream.consumer.broker.protocols import Partition, PartitionReader, Record
from spanstream.consumer.clock import Clock, Deadline
from spanstream.consumer.indexing.document_tail import DocumentTail
from spanstream.consumer.indexing.metrics import IndexMetrics
from spanstream.consumer.indexing.sweeping.due import END_LOST, safe_seconds, why_due
from spanstream.consumer.indexing.sweeping.sweep import Sweep
from spanstream.consumer.passages.index import PassageIndex, SweepMark

_log = structlog.get_logger(__name__)

# Seconds.
_ASK_EVERY: Final = 600.0
_REST: Final = 600.0
# Of the time that deletions can be read: the mark of a quiet partition is written so often.
_WRITTEN_EVERY_SHARE: Final = 0.1
_GHOSTS_A_TURN: Final = 64


@dataclass(slots=True)
class _Watched:
    """An owned partition.

    Attributes:
        mark: what holds of it.
        written_ms: as of when the mark is that the index has.
        rest: until it may be swept again.
        begin: where it begins; None: not asked yet.
        goal: where it ended at a moment; when the tail has come there, everything is read as of then.
    """

    mark: SweepMark | None
    written_ms: int
    rest: Deadline
    begin: int | None = None
    goal: tuple[int, int] | None = None


class Sweeps:
    """The sweeps of one member. Only for the thread that writes the index.

    Args:
        reader: the member's; it is asked about offsets.
        tail: the member's.
        open_reader: opens another one, for a sweep.
        metrics: the member's.
        clock: tells the moments.
    """

    def __init__(
        self,
        reader: PartitionReader,
        tail: DocumentTail,
        open_reader: Callable[[], PartitionReader],
        metrics: IndexMetrics,
        clock: Clock,
    ) -> None:
        self._reader, self._tail, self._open_reader = reader, tail, open_reader
        self._metrics, self._clock = metrics, clock
        self._watched: dict[Partition, _Watched] = {}
        self._sweep: Sweep | None = None
        self._safe_for = 0.0
        self._ask_at = Deadline(clock, 0.0)

    @property
    def is_running(self) -> bool:
        """Whether a partition is being swept."""
        return self._sweep is not None

    @property
    def is_busy(self) -> bool:
        """Whether one is, or is going to be soon, or is not known to need none."""
        return self.is_running or any(
            one.begin is None or (one.rest.has_passed and self._why_due(one)) for one in self._watched.values()
        )

    def begin(self, index: PassageIndex, partitions: Iterable[Partition], stored: Mapping[int, int]) -> None:
        """Watches partitions that are read on from where the index is; a sweep of one of them is given up.

        One that the index has nothing of is as good as swept now. That is written before its first document.
        """
        partitions = list(partitions)
        self.release(partitions)
        marks, new = index.marks(), [one for one in partitions if one.number not in stored]
        if new:
            now_ms, begins = self._clock.now_ms(), self._reader.begin_offsets(new)
            first = {one.number: SweepMark(now_ms, begins[one]) for one in new}
            index.apply([], dict.fromkeys(first, 0), first)
            marks |= first
        for one in partitions:
            mark = marks.get(one.number)
            self._watched[one] = _Watched(mark, mark.as_of_ms if mark else 0, Deadline(self._clock, 0.0))

    def release(self, partitions: Collection[Partition]) -> None:
        """Watches these no more."""
        if self._sweep is not None and self._sweep.partition in partitions:
            self._end_sweep()
        for one in partitions:
            self._watched.pop(one, None)

    def look(self, index: PassageIndex) -> None:
        """Asks where the partitions begin and end, and begins a sweep where one is due."""
        if not self._watched:  # others index all of it
            return
        if self._ask_at.has_passed:
            self._safe_for = safe_seconds(self._reader, next(iter(self._watched)).topic)
            self._ask_at = Deadline(self._clock, _ASK_EVERY)
        now_ms = self._clock.now_ms()
        begins, ends = self._reader.begin_offsets(self._watched), self._reader.end_offsets(self._watched)
        if self._sweep is not None and ends[self._sweep.partition] < self._sweep.end:
            self._end_sweep()  # the topic has lost what it was to read
        for one, watched in self._watched.items():
            watched.begin = begins[one]
            watched.goal = watched.goal or (ends[one], now_ms)
            self._advance(watched, self._tail.positions[one])
        self.write(index, _WRITTEN_EVERY_SHARE * self._safe_for)
        self._start_if_due(index)

    def write(self, index: PassageIndex, older_than: float = 0.0) -> None:
        """Writes the marks that have moved by more than these seconds since they were written."""
        moved = {
            one: watched.mark
            for one, watched in self._watched.items()
            if watched.mark is not None and watched.mark.as_of_ms - watched.written_ms > 1000 * older_than
        }
        if moved:
            positions = {one.number: self._tail.positions[one] for one in moved}
            index.apply([], positions, {one.number: mark for one, mark in moved.items()})
            for one, mark in moved.items():
                self._watched[one].written_ms = mark.as_of_ms

    def marks_at(self, positions: Mapping[Partition, int]) -> dict[int, SweepMark]:
        """Returns the marks to be written with the tail's next positions."""
        marks = {}
        for one, position in positions.items():
            watched = self._watched[one]
            if position < self._tail.positions[one]:
                self._lost_the_end(one)
            else:
                self._advance(watched, position)
            if watched.mark is not None:
                marks[one.number] = watched.mark
                watched.written_ms = watched.mark.as_of_ms
        return marks

    def saw(self, records: Iterable[Record]) -> None:
        """Takes in what the tail has read."""
        if self._sweep is not None:
            self._sweep.saw(records)

    def turn(self, index: PassageIndex, is_current: Callable[[], bool]) -> None:
        """Takes the sweep a step further, if there is one.

        Args:
            index: the generation.
            is_current: looks whether nobody else has written; called before each write.

        Raises:
            Retryable: the index or Kafka does not answer; the sweep begins again.
        """
        sweep = self._sweep
        if sweep is None:
            return
        if not sweep.is_read:
            sweep.step()
            return
        if not is_current():
            return
        ghosts = sweep.ghosts(_GHOSTS_A_TURN)
        is_last, number = len(ghosts) < _GHOSTS_A_TURN, sweep.partition.number
        position = self._tail.positions[sweep.partition]
        index.apply(ghosts, {number: position}, {number: sweep.mark} if is_last else None)
        sweep.took(ghosts)
        self._metrics.documents.labels("removed").inc(len(ghosts))
        if is_last:
            self._finish(sweep)
            self._start_if_due(index)

    def close(self) -> None:
        """Gives up what runs; the next owner begins it again."""
        self._end_sweep()

    def _start_if_due(self, index: PassageIndex) -> None:
        for partition, watched in sorted(self._watched.items(), key=itemgetter(0)):
            if self._sweep is None and watched.rest.has_passed and (because := self._why_due(watched)):
                _log.info("sweep_begun", partition=str(partition), because=because)
                self._sweep = Sweep(partition, because, index, self._open_reader(), self._clock)

    def _lost_the_end(self, partition: Partition) -> None:
        """Takes in that the tail reads from the beginning again: its position is behind the topic's end."""
        _log.warning("topic_lost_records", partition=str(partition))
        watched = self._watched[partition]
        watched.mark, watched.goal = END_LOST, None
        if self._sweep is not None and self._sweep.partition == partition:
            self._end_sweep()

    def _finish(self, sweep: Sweep) -> None:
        watched = self._watched[sweep.partition]
        watched.mark, watched.written_ms, watched.goal = sweep.mark, sweep.mark.as_of_ms, None
        watched.rest = Deadline(self._clock, _REST)
        self._metrics.sweeps.labels(sweep.because).inc()
        _log.info("sweep_done", partition=str(sweep.partition), because=sweep.because, removed=sweep.removed)
        self._end_sweep()

    def _end_sweep(self) -> None:
        if self._sweep is not None:
            self._sweep.close()
            self._sweep = None

    def _advance(self, watched: _Watched, position: int) -> None:
        """Moves the mark to the moment of the goal, once the tail is there in time."""
        if watched.goal is None or position < watched.goal[0]:
            return
        if watched.mark is not None and not self._why_due(watched):
            watched.mark = replace(watched.mark, as_of_ms=watched.goal[1])
        watched.goal = None

    def _why_due(self, watched: _Watched) -> str:
        return why_due(watched.mark, watched.begin or 0, self._clock.now_ms(), self._safe_for)
