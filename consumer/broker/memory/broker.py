"""Behaves as Kafka does where the service can tell, in memory, for tests.

It passes the same contract suite as the real adapter (tests/contract/test_broker_contract.py). What it leaves out:
time (nothing expires by itself: see `expel`, `compact`, `cut_before`) and open transactions (a publish is one step).
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Literal

from spanstream.consumer.broker.memory.clients import MemoryConsumer, MemoryPublisher, MemoryReader
from spanstream.consumer.broker.memory.log import Topic
from spanstream.consumer.broker.memory.progress_publisher import MemoryProgressPublisher
from spanstream.consumer.broker.memory.state import BrokerState, Operation
from spanstream.consumer.broker.protocols import Partition, PartitionReader, Record
from spanstream.consumer.errors import SpanstreamError

_LARGEST_RECORD = 16 * 1024 * 1024


class MemoryBroker(BrokerState):
    """Topics and groups; its clients may be used from several threads, each client from one."""

    def __init__(self, *, clock: Callable[[], float] = time.time) -> None:
        super().__init__(clock)
        self._members = 0

    def create_topic(self, name: str, partitions: int, *, max_record_bytes: int = _LARGEST_RECORD) -> None:
        """Creates a topic; one of that name that is there is replaced, and what groups have committed of it is gone."""
        with self.changed:
            self.topics[name] = Topic(name, partitions, max_record_bytes)
            for group in self.groups.values():
                group.committed = {p: offset for p, offset in group.committed.items() if p.topic != name}

    def consumer(
        self,
        group_id: str,
        *,
        group_protocol: Literal["classic", "consumer"] = "classic",
        from_the_end: bool = False,
    ) -> MemoryConsumer:
        """Returns a new member-to-be of a group; `from_the_end`: where it begins if nothing is committed."""
        with self.changed:
            self._members += 1
            name = f"member-{self._members:04}"
            return MemoryConsumer(self, self.groups[group_id], name, group_protocol, from_the_end=from_the_end)

    def reader(self) -> PartitionReader:
        """Returns a reader outside any group."""
        return MemoryReader(self)

    def publisher(self, member: MemoryConsumer | None = None, *, transactions: bool = True) -> MemoryPublisher:
        """Returns a publisher that commits the offsets of this member's group."""
        return MemoryPublisher(self, member, transactional=transactions)

    def progress_publisher(self, group_id: str, transactional_id: str) -> MemoryProgressPublisher:
        """Returns a publisher that commits the offsets of a group without members."""
        with self.changed:
            return MemoryProgressPublisher(self, self.groups[group_id], transactional_id)

    # What a test does to a broker.

    def fail_next(self, operation: Operation, error: SpanstreamError) -> None:
        """Makes the next such call raise this and do nothing; called twice, the next two."""
        self.faults.errors[operation].append(error)

    def lose_next_reply(self) -> None:
        """Commits the next publish, but raises `Retryable` to its caller; the same call again is recognised."""
        self.faults.lost_replies += 1

    def add_partitions(self, topic: str, partitions: int) -> None:
        """Enlarges a topic to so many partitions; the groups that read it are assigned anew."""
        with self.changed:
            self.topic(topic).enlarge(partitions)
            for group in self.groups.values():
                group.assign_anew(self.all_partitions())
            self.changed.notify_all()

    def expel(self, member: MemoryConsumer) -> None:
        """Expels a member as after an expired session; the member notices in its next poll."""
        self.leave(member.group, member.member_id)

    def compact(self, topic: str) -> None:
        """Runs the log cleaner over a topic."""
        with self.changed:
            for log in self.topic(topic).logs:
                log.compact()

    def cut_before(self, partition: Partition, offset: int) -> None:
        """Lets retention drop what lies before this offset."""
        with self.changed:
            self.log(partition).cut_before(offset)

    def records(self, topic: str) -> list[Record]:
        """Returns all records of a topic, partition by partition."""
        with self.changed:
            return [record for log in self.topic(topic).logs for record in log.read(0, log.end)]

    def committed(self, group_id: str) -> dict[Partition, int]:
        """Returns the group's committed offsets."""
        with self.changed:
            return dict(self.groups[group_id].committed)
