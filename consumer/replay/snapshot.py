"""Reads a dead-letter topic together with its ledger, as both are at one moment."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace

from spanstream.consumer.broker.protocols import Partition, PartitionReader
from spanstream.consumer.broker.reading import read_records, read_topic
from spanstream.consumer.clock import Clock
from spanstream.consumer.replay.ledger import Ledger
from spanstream.consumer.replay.letters.formats import read_letter
from spanstream.consumer.replay.letters.letter import SeenLetter
from spanstream.consumer.replay.letters.selection import Selection

ReadCommitted = Callable[[Iterable[Partition]], Mapping[Partition, int | None]]
"""Returns the replay group's committed offsets."""


@dataclass(frozen=True, slots=True)
class TopicSnapshot:
    """The dead letters from `starts` to `ends` (exclusive) of each partition, and the ledger.

    Attributes:
        begins: where the partitions begin now.
        starts: where to read from; everything before it is settled or not wanted.
        ends: where the partitions ended when the snapshot was opened; later records are not part of it.
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
        """Reads the dead letters, partition by partition.

        Raises:
            Retryable: the broker sent nothing for too long.
        """
        records = read_records(
            self.reader, self.starts, self.ends, clock=self.clock, patience_seconds=self.patience_seconds
        )
        for record in records:
            letter = read_letter(record)
            yield SeenLetter(letter, self.ledger.attempts_of(letter), self.ledger.state_of(record))

    def matching(self, selection: Selection) -> Iterator[SeenLetter]:
        """Reads the dead letters that match a selection; with a place, only from there on.

        Raises:
            Retryable: the broker sent nothing for too long.
        """
        snapshot = self
        if selection.place is not None:
            number, offset = selection.place
            starts = {
                partition: max(start, offset) if partition.number == number else self.ends[partition]
                for partition, start in self.starts.items()
            }
            snapshot = replace(self, starts=starts)
        return (seen for seen in snapshot.letters() if selection.matches(*seen))


@dataclass(frozen=True, slots=True)
class SnapshotOpener:
    """Opens snapshots of one dead-letter topic; `ledger` is None where there is no ledger topic yet."""

    reader: PartitionReader
    topic: str
    topic_id: str
    ledger: str | None
    committed: ReadCommitted
    clock: Clock
    patience_seconds: float

    def open(self, *, from_the_beginning: bool = False, ends: Mapping[Partition, int] | None = None) -> TopicSnapshot:
        """Opens the topic as it is now.

        Args:
            from_the_beginning: also read what lies before the group's committed offsets.
            ends: where to stop; by default where the partitions end now.

        Raises:
            Retryable: the broker did not answer in time.
            Stop: there is no such topic, or the ledger topic holds other records.
        """
        partitions = self.reader.partitions(self.topic)
        ends = ends or self.reader.end_offsets(partitions)
        # The ends are read first: the ledger, read later, is complete for all dead letters before them.
        ledger = self._read_ledger()
        begins = self.reader.begin_offsets(partitions)
        committed = {} if from_the_beginning else self.committed(partitions)
        starts = {
            partition: _start(begins[partition], ends[partition], committed.get(partition)) for partition in partitions
        }
        return TopicSnapshot(self.reader, self.topic, ledger, begins, starts, ends, self.clock, self.patience_seconds)

    def _read_ledger(self) -> Ledger:
        ledger = Ledger(self.ledger or "", self.topic_id)
        if self.ledger is not None:
            for record in read_topic(
                self.reader, self.ledger, clock=self.clock, patience_seconds=self.patience_seconds
            ):
                ledger.apply_record(record)
        return ledger


def _start(begin: int, end: int, committed: int | None) -> int:
    """Returns the committed offset if it is in the partition; one past the end is of an earlier topic of this name."""
    return begin if committed is None or not begin <= committed <= end else committed
