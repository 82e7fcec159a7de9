"""A broker in memory that behaves as Kafka does where the service can tell: the fake of the unit tests.

It passes the same contract suite as the real adapter (tests/contract/test_broker_contract.py). What it leaves out:
time (nothing expires by itself: see `expel`, `compact`, `cut_before`) and open transactions (a publish is one step).
"""

from __future__ import annotations

import time
from collections import defaultdict, deque
from dataclasses import dataclass, field
from threading import Condition
from typing import TYPE_CHECKING, Literal

from consumer.broker import Outgoing, Partition, PartitionReader, Record
from consumer.errors import SpanstreamError, Stop
from consumer.memory_clients import MemoryConsumer, MemoryPublisher, MemoryReader
from consumer.memory_group import Group
from consumer.memory_log import Log, Topic
from consumer.memory_progress import MemoryProgressPublisher

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

Operation = Literal["publish", "poll", "read_at", "end_offsets", "committed"]
_LARGEST_RECORD = 16 * 1024 * 1024


@dataclass(slots=True)
class _Faults:
    """What tests have ordered to go wrong."""

    errors: dict[Operation, deque[SpanstreamError]] = field(default_factory=lambda: defaultdict(deque))
    lost_replies: int = 0

    def raise_next(self, operation: Operation) -> None:
        if self.errors[operation]:
            raise self.errors[operation].popleft()


class MemoryBroker:
    """Topics and groups; its clients may be used from several threads, each client from one."""

    def __init__(self, *, clock: Callable[[], float] = time.time) -> None:
        self.changed = Condition()
        self.faults = _Faults()
        self.epochs: dict[str, int] = {}  # how often each transactional id was taken over
        self._clock = clock
        self._topics: dict[str, Topic] = {}
        self._groups: dict[str, Group] = defaultdict(Group)
        self._members = 0

    def create_topic(self, name: str, partitions: int, *, max_record_bytes: int = _LARGEST_RECORD) -> None:
        """Create a topic; one of that name that is there is replaced."""
        with self.changed:
            self._topics[name] = Topic(name, partitions, max_record_bytes)

    def consumer(self, group_id: str, *, group_protocol: Literal["classic", "consumer"] = "classic") -> MemoryConsumer:
        """A new member-to-be of a group."""
        with self.changed:
            self._members += 1
            return MemoryConsumer(self, self._groups[group_id], f"member-{self._members:04}", group_protocol)

    def reader(self) -> PartitionReader:
        """A reader outside any group."""
        return MemoryReader(self)

    def publisher(self, member: MemoryConsumer | None = None, *, transactions: bool = True) -> MemoryPublisher:
        """A publisher that commits the offsets of this member's group."""
        return MemoryPublisher(self, member, transactional=transactions)

    def progress_publisher(self, group_id: str, transactional_id: str) -> MemoryProgressPublisher:
        """A publisher that commits the offsets of a group without members."""
        with self.changed:
            return MemoryProgressPublisher(self, self._groups[group_id], transactional_id)

    # What a test does to a broker.

    def fail_next(self, operation: Operation, error: SpanstreamError) -> None:
        """The next such call raises this, and does nothing. Ordered twice, the next two do."""
        self.faults.errors[operation].append(error)

    def lose_next_reply(self) -> None:
        """The next publish is committed, but its caller hears `Retryable`; the same call again is recognised."""
        self.faults.lost_replies += 1

    def expel(self, member: MemoryConsumer) -> None:
        """What the group does to a member whose session expired; the member notices in its next poll."""
        with self.changed:
            member.group.leave(member.member_id, self.all_partitions())
            self.changed.notify_all()

    def compact(self, topic: str) -> None:
        """Run the log cleaner over a topic."""
        with self.changed:
            for log in self.topic(topic).logs:
                log.compact()

    def cut_before(self, partition: Partition, offset: int) -> None:
        """Let retention drop what lies before this offset."""
        with self.changed:
            self.log(partition).cut_before(offset)

    def records(self, topic: str) -> list[Record]:
        """All records of a topic, partition by partition."""
        with self.changed:
            return [record for log in self.topic(topic).logs for record in log.read(0, log.end)]

    def committed(self, group_id: str) -> dict[Partition, int]:
        """The group's committed offsets."""
        with self.changed:
            return dict(self._groups[group_id].committed)

    # What its clients ask of it, with `changed` held.

    def topic(self, name: str) -> Topic:
        """The topic. Raises `Stop` where there is none."""
        if name not in self._topics:
            raise Stop(f"there is no topic {name}: create it (`spanstream topics create`) or correct the topic's name")
        return self._topics[name]

    def log(self, partition: Partition) -> Log:
        """The log of a partition. Raises `Stop` where there is none."""
        logs = self.topic(partition.topic).logs
        if partition.number >= len(logs):
            raise Stop(f"there is no partition {partition}")
        return logs[partition.number]

    def all_partitions(self) -> dict[str, list[Partition]]:
        """The partitions of each topic."""
        return {name: topic.partitions for name, topic in self._topics.items()}

    def append(self, records: Sequence[Outgoing], *, transactional: bool) -> None:
        """Write records to their topics, all or, where one is refused, none."""
        by_topic: dict[str, list[Outgoing]] = defaultdict(list)
        for record in records:
            size = len(record.key or b"") + len(record.value or b"")
            if size > self.topic(record.topic).max_record_bytes:
                raise Stop(f"a record of {size} bytes is too large for {record.topic}: raise its max.message.bytes")
            if record.partition is not None:
                self.log(Partition(record.topic, record.partition))
            by_topic[record.topic].append(record)
        now_ms = int(self._clock() * 1000)
        for name, outgoing in by_topic.items():
            self.topic(name).append(outgoing, now_ms, transactional=transactional)
        self.changed.notify_all()
