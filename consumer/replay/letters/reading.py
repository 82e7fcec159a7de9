"""One partition after the other, from where it is wanted to where it ended: the same order every time."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from spanstream.consumer.broker.protocols import Partition, PartitionReader, Record
from spanstream.consumer.clock import Clock, Deadline
from spanstream.consumer.errors import Retryable

_RECORDS = 500
_WAIT_SECONDS = 0.5


def read(
    reader: PartitionReader,
    starts: Mapping[Partition, int],
    ends: Mapping[Partition, int],
    *,
    clock: Clock,
    patience_seconds: float,
) -> Iterator[Record]:
    """The records of each partition from its start up to its end (exclusive).

    What retention takes away on the way is not there; the reading goes on behind it.

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
        start, end = starts[partition], ends[partition]
        if start >= end:
            continue
        reader.follow({})
        reader.follow({partition: start})
        at, patience = start, Deadline(clock, patience_seconds)
        try:
            while at < end:
                for record in reader.poll(_RECORDS, _WAIT_SECONDS):
                    if record.offset < end:
                        yield record
                before, at = at, reader.position(partition) or 0
                if at > before:
                    patience = Deadline(clock, patience_seconds)
                elif patience.has_passed:
                    raise Retryable(f"nothing came from Kafka for {patience_seconds:g} s, at {partition} offset {at}")
        finally:
            reader.follow({})


def read_topic(reader: PartitionReader, topic: str, *, clock: Clock, patience_seconds: float) -> Iterator[Record]:
    """Everything that stands in a topic now.

    Raises:
        Retryable: as `read`.
        Stop: there is no such topic.
    """
    partitions = reader.partitions(topic)
    starts, ends = reader.begin_offsets(partitions), reader.end_offsets(partitions)
    yield from read(reader, starts, ends, clock=clock, patience_seconds=patience_seconds)
