"""Knows, for `run --once`, what was there at the start and whether all of it is done."""

from __future__ import annotations

from spanstream.consumer.broker.protocols import GroupConsumer, Partition
from spanstream.consumer.delivery.ownership import Ownership
from spanstream.consumer.delivery.partition_counts import PartitionCounts
from spanstream.consumer.errors import Retryable, Stop
from spanstream.consumer.settings import TopicSettings


class OnceProgress:
    """Remembers where the questions ended when their partitions were ready."""

    def __init__(
        self, consumer: GroupConsumer, ownership: Ownership, counts: PartitionCounts, topics: TopicSettings
    ) -> None:
        self._consumer = consumer
        self._ownership = ownership
        self._counts = counts
        self._topics = topics
        self._ends: dict[Partition, int] = {}

    @property
    def finished(self) -> frozenset[Partition]:
        """The partitions of questions that were read up to these ends; later records are left to the next run."""
        return frozenset(partition for partition, end in self._ends.items() if self._is_read(partition, end))

    def is_done(self, *, is_idle: bool) -> bool:
        """Returns whether nothing is left of what was there at the start, retries included.

        Args:
            is_idle: whether nothing of what was read is left to be done.

        Raises:
            Stop: some of it can never be read.
        """
        if not self._ownership.is_ready:
            if self._counts.differing:
                raise Stop(f"this needs {self._counts.differing}", hint="`spanstream doctor` says what to do")
            return False
        consumed = self._ownership.consumed
        try:
            self._ends = self._ends or self._consumer.end_offsets(self._topics.questions)
            if not is_idle or self._ends.keys() & consumed - self.finished:
                return False
            retries = self._consumer.end_offsets(self._topics.retries)
        except Retryable:
            return False
        return all(self._is_read(partition, end) for partition, end in retries.items() if partition in consumed)

    def _is_read(self, partition: Partition, end: int) -> bool:
        return (self._consumer.position(partition) or 0) >= end
