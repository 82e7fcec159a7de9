"""Publishes records and progress in memory, for tests: a transactional id is a number that only grows."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from spanstream.consumer.broker.memory.group import MemoryGroup
from spanstream.consumer.broker.memory.state import BrokerState
from spanstream.consumer.broker.protocols import Outgoing, Partition
from spanstream.consumer.errors import Fenced, Retryable, Stop


class MemoryProgressPublisher:
    """Implements `spanstream.consumer.broker.protocols.ProgressPublisher`."""

    def __init__(self, broker: BrokerState, group: MemoryGroup, transactional_id: str) -> None:
        self._broker = broker
        self._group = group
        self._transactional_id = transactional_id
        self._epoch: int | None = None

    def take_over(self) -> None:
        """Holds the transactional id."""
        with self._broker.changed:
            self._epoch = self._broker.epochs.get(self._transactional_id, 0) + 1
            self._broker.epochs[self._transactional_id] = self._epoch

    def committed(self, partitions: Iterable[Partition]) -> dict[Partition, int | None]:
        """Returns the group's committed offsets."""
        self._broker.faults.raise_next("committed")
        with self._broker.changed:
            return {partition: self._group.committed.get(partition) for partition in partitions}

    def publish(self, records: Sequence[Outgoing], offsets: Mapping[Partition, int]) -> None:
        """Publishes all records and commits all offsets, in one step."""
        if self._epoch is None:
            raise Stop("publishing begins with taking over the transactional id")
        epoch, self._epoch = self._epoch, None  # like the Kafka publisher, it cannot be used again after an error
        self._broker.faults.raise_next("publish")
        with self._broker.changed:
            if epoch != self._broker.epochs[self._transactional_id]:
                raise Fenced(f"another process took over the transactional id {self._transactional_id}")
            self._broker.append(records, transactional=True)
            self._group.committed.update(offsets)
        if self._broker.faults.lost_replies:
            self._broker.faults.lost_replies -= 1
            raise Retryable("the reply to a commit was lost")
        self._epoch = epoch

    def close(self) -> None:
        """Does nothing: nothing is held."""
