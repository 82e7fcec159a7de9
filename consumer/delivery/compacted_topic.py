"""Reads partitions of a compacted topic, outside of the group, from their beginnings to where they ended.

A partition is read when it is assigned, and when the outcome of a transaction is in doubt. From then on only this
member writes it, and knows what it wrote.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Mapping

from spanstream.consumer.broker.protocols import Partition, PartitionReader, Record

_READ_RECORDS = 2_000


class CompactedTopic:
    """Loads partitions. Only for the thread that talks to Kafka.

    Args:
        reader: used for nothing else.
        take: called with each record that has a key; where it raises, it is called with the same record again.
    """

    def __init__(self, reader: PartitionReader, take: Callable[[Record], None]) -> None:
        self._reader = reader
        self._take = take
        self._loading: set[Partition] = set()
        self._unread: deque[Record] = deque()

    def load(self, partitions: Iterable[Partition]) -> dict[Partition, int]:
        """Starts to read these partitions from their beginning, and returns where they end now.

        The ends include open transactions, so every transaction that was decided before this call will be read.

        Raises:
            Retryable: Kafka did not answer; call again.
        """
        to_load = set(partitions)
        self.release(to_load)
        ends = self._reader.written_offsets(to_load)
        self._loading |= to_load
        self._follow()
        return ends

    def poll(self, ends: Mapping[Partition, int], timeout_seconds: float) -> int:
        """Reads on in the partitions that are loading, each up to its end; returns how many records came."""
        if not self._loading:
            return 0
        if not self._unread:
            self._unread.extend(self._reader.poll(_READ_RECORDS, timeout_seconds))
        polled = len(self._unread)
        while self._unread:
            record = self._unread[0]
            if record.partition in self._loading and record.key is not None:
                self._take(record)
            self._unread.popleft()
        loaded = {
            partition
            for partition in self._loading
            if partition in ends and (self._reader.position(partition) or 0) >= ends[partition]
        }
        if loaded:
            self._loading -= loaded
            self._follow()
        return polled

    def ends(self, partitions: Iterable[Partition]) -> dict[Partition, int]:
        """Returns where these partitions end now, open transactions included; raises `Retryable` without an answer."""
        return self._reader.written_offsets(partitions)

    def behind(self, ends: Mapping[Partition, int]) -> frozenset[Partition]:
        """Returns which of these partitions are not read to their end yet."""
        return frozenset(partition for partition in ends if partition in self._loading)

    def release(self, partitions: Iterable[Partition]) -> None:
        """Reads these partitions no more."""
        released = set(partitions)
        self._loading -= released
        self._unread = deque(record for record in self._unread if record.partition not in released)
        self._follow()

    def close(self) -> None:
        """Closes the reader."""
        self._reader.close()

    def _follow(self) -> None:
        self._reader.follow(dict.fromkeys(self._loading))
