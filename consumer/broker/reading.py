"""Reads partitions up to where they ended, outside of any group."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from spanstream.consumer.broker.protocols import Partition, PartitionReader, Record
from spanstream.consumer.clock import Clock, Deadline
from spanstream.consumer.errors import Retryable

_BATCH_RECORDS = 500
_WAIT_SECONDS = 0.5


class Patience:
    """Gives Kafka up when nothing moved for too long.

    Args:
        clock: measures the time.
        seconds: how long Kafka may be silent.
    """

    def __init__(self, clock: Clock, seconds: float) -> None:
        self._clock, self._seconds = clock, seconds
        self._deadline = Deadline(clock, seconds)

    def check(self, *, moved: bool, where: str) -> None:
        """Waits anew where something moved.

        Raises:
            Retryable: nothing moved for as long as patience lasts; the text says `where`.
        """
        if moved:
            self._deadline = Deadline(self._clock, self._seconds)
        elif self._deadline.has_passed:
            raise Retryable(f"nothing came from Kafka for {self._seconds:g} s, at {where}")


def read_batches(
    reader: PartitionReader,
    starts: Mapping[Partition, int],
    ends: Mapping[Partition, int],
    *,
    clock: Clock,
    patience_seconds: float,
) -> Iterator[list[Record]]:
    """Reads one partition after the other, from its start up to its end (exclusive).

    The order is the same every time. Records that retention removes meanwhile are skipped.
    A batch is what one poll brought, and may be empty.

    Args:
        reader: follows nothing else meanwhile.
        starts: where to begin in each partition.
        ends: where each of them is to end.
        clock: measures the patience.
        patience_seconds: how long the broker may be silent.

    Raises:
        Retryable: nothing came for as long as patience lasts.
        Stop: the broker refuses.
    """
    for partition in sorted(starts):
        position, end = starts[partition], ends[partition]
        if position >= end:
            continue
        reader.follow({})  # a partition that was read before begins at its start again
        reader.follow({partition: position})
        patience = Patience(clock, patience_seconds)
        try:
            while position < end:
                yield [record for record in reader.poll(_BATCH_RECORDS, _WAIT_SECONDS) if record.offset < end]
                before, position = position, reader.position(partition) or 0
                patience.check(moved=position > before, where=f"{partition} offset {position}")
        finally:
            reader.follow({})


def read_records(
    reader: PartitionReader,
    starts: Mapping[Partition, int],
    ends: Mapping[Partition, int],
    *,
    clock: Clock,
    patience_seconds: float,
) -> Iterator[Record]:
    """Reads as `read_batches`, record by record."""
    for batch in read_batches(reader, starts, ends, clock=clock, patience_seconds=patience_seconds):
        yield from batch


def read_topic(reader: PartitionReader, topic: str, *, clock: Clock, patience_seconds: float) -> Iterator[Record]:
    """Reads everything that stands in a topic now.

    Raises:
        Retryable: as `read_batches`.
        Stop: there is no such topic.
    """
    partitions = reader.partitions(topic)
    starts, ends = reader.begin_offsets(partitions), reader.end_offsets(partitions)
    yield from read_records(reader, starts, ends, clock=clock, patience_seconds=patience_seconds)


def tail(reader: PartitionReader, topic: str, *, follow: bool = False) -> Iterator[Record]:
    """Reads every record of the topic from its beginning, all partitions at once, oldest first within each.

    Args:
        reader: made for this; it follows nothing else.
        topic: what to read.
        follow: go on for ever; otherwise end where the topic ended when this began.

    Raises:
        Retryable: Kafka did not answer in time.
        Stop: there is no such topic.
    """
    partitions = reader.partitions(topic)
    ends = reader.end_offsets(partitions)
    reader.follow(dict.fromkeys(partitions))
    while follow or any((reader.position(partition) or 0) < end for partition, end in ends.items()):
        for record in reader.poll(_BATCH_RECORDS, _WAIT_SECONDS):
            if follow or record.offset < ends[record.partition]:
                yield record
