"""Reads a whole topic outside of any group, oldest first within each partition."""

from __future__ import annotations

from collections.abc import Iterator

from spanstream.consumer.broker.protocols import PartitionReader, Record

_RECORDS = 500
_WAIT_SECONDS = 0.5


def tail(reader: PartitionReader, topic: str, *, follow: bool = False) -> Iterator[Record]:
    """Every record of the topic, from its beginning.

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
        for record in reader.poll(_RECORDS, _WAIT_SECONDS):
            if follow or record.offset < ends[record.partition]:
                yield record
