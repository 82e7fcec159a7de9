"""A dead-letter topic together with its ledger, as both stand at one moment."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import NamedTuple

from spanstream.consumer.broker.protocols import Partition, PartitionReader
from spanstream.consumer.broker.reading import read_records, read_topic
from spanstream.consumer.clock import Clock
from spanstream.consumer.replay.letters.formats import read_letter
from spanstream.consumer.replay.letters.ledger import Ledger
from spanstream.consumer.replay.letters.letter import Letter
from spanstream.consumer.replay.letters.selection import LetterState

Committed = Callable[[Iterable[Partition]], Mapping[Partition, int | None]]
"""The replay group's committed offsets."""


class SeenLetter(NamedTuple):
    """A dead letter, how often its record was sent again, and whether it is settled."""

    letter: Letter
    attempts: int
    state: LetterState


@dataclass(frozen=True, slots=True)
class TopicSnapshot:
    """What is looked at: from `starts` to `ends` (exclusive) of each partition.

    Attributes:
        begins: where the partitions begin now.
        starts: where to read from: before it everything is settled, or is not wanted.
        ends: where they ended when the view was opened. What comes later is another view's.
    """

    reader: PartitionReader
    topic: str
    ledger: Ledger
    begins: Mapping[Partition, int]
    starts: Mapping[Partition, int]
    ends: Mapping[Partition, int]
    clock: Clock
    patience_seconds: float

    def letters(self) -> Iterator[SeenLetter]:
        """The dead letters, partition by partition.

        Raises:
            Retryable: the broker was silent for too long.
        """
        records = read_records(
            self.reader, self.starts, self.ends, clock=self.clock, patience_seconds=self.patience_seconds
        )
        for record in records:
            letter = read_letter(record)
            yield SeenLetter(letter, self.ledger.attempts_of(letter), self.ledger.state_of(record))


@dataclass(frozen=True, slots=True)
class SnapshotOpener:
    """Opens views of one dead-letter topic; `ledger` is None where there is no ledger topic yet."""

    reader: PartitionReader
    topic: str
    topic_id: str
    ledger: str | None
    committed: Committed
    clock: Clock
    patience_seconds: float

    def open(self, *, from_the_beginning: bool = False, ends: Mapping[Partition, int] | None = None) -> TopicSnapshot:
        """The topic as it stands.

        Args:
            from_the_beginning: also what the group's progress says is settled.
            ends: where to end; by default where the partitions end now.

        Raises:
            Retryable: the broker did not answer in time.
            Stop: there is no such topic, or the ledger is none.
        """
        partitions = self.reader.partitions(self.topic)
        ends = ends or self.reader.end_offsets(partitions)
        # The ends come first: what the ledger says later is true for all that stands before them.
        ledger = self._read_ledger()
        begins = self.reader.begin_offsets(partitions)
        committed = {} if from_the_beginning else self.committed(partitions)
        starts = {at: _start(begins[at], ends[at], committed.get(at)) for at in partitions}
        return TopicSnapshot(self.reader, self.topic, ledger, begins, starts, ends, self.clock, self.patience_seconds)

    def _read_ledger(self) -> Ledger:
        ledger = Ledger(self.ledger or "", self.topic_id)
        if self.ledger is not None:
            for record in read_topic(
                self.reader, self.ledger, clock=self.clock, patience_seconds=self.patience_seconds
            ):
                ledger.take(record)
        return ledger


def _start(begin: int, end: int, committed: int | None) -> int:
    """The group's progress where it makes sense; offsets past the end are those of another topic of this name."""
    return begin if committed is None or not begin <= committed <= end else committed
