"""Holds the state of a broker in memory: topics, groups, and the faults that tests have ordered.

The clients work on it. A caller holds `changed` around every method but `leave`.
"""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from threading import Condition
from typing import Literal

from spanstream.consumer.broker.memory.group import MemoryGroup
from spanstream.consumer.broker.memory.log import Log, Topic
from spanstream.consumer.broker.protocols import Outgoing, Partition
from spanstream.consumer.errors import SpanstreamError, Stop, TooLarge

Operation = Literal["publish", "poll", "read_at", "end_offsets", "committed"]


@dataclass(slots=True)
class Faults:
    """What tests have ordered to go wrong."""

    errors: dict[Operation, deque[SpanstreamError]] = field(default_factory=lambda: defaultdict(deque))
    lost_replies: int = 0

    def raise_next(self, operation: Operation) -> None:
        """Fails as ordered, if anything was ordered for this operation."""
        if self.errors[operation]:
            raise self.errors[operation].popleft()


class BrokerState:
    """Topics and groups."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self.changed = Condition()
        self.faults = Faults()
        self.epochs: dict[str, int] = {}  # how often each transactional id was taken over
        self._clock = clock
        self.topics: dict[str, Topic] = {}
        self.groups: dict[str, MemoryGroup] = defaultdict(MemoryGroup)

    def topic(self, name: str) -> Topic:
        """Returns the topic. Raises `Stop` where there is none."""
        if name not in self.topics:
            raise Stop(f"there is no topic {name}: create it (`spanstream topics create`) or correct the topic's name")
        return self.topics[name]

    def log(self, partition: Partition) -> Log:
        """Returns the log of a partition. Raises `Stop` where there is none."""
        logs = self.topic(partition.topic).logs
        if partition.number >= len(logs):
            raise Stop(f"there is no partition {partition}")
        return logs[partition.number]

    def all_partitions(self) -> dict[str, list[Partition]]:
        """Returns the partitions of each topic."""
        return {name: topic.partitions for name, topic in self.topics.items()}

    def append(self, records: Sequence[Outgoing], *, transactional: bool) -> None:
        """Writes records to their topics, all or, where one is refused, none."""
        by_topic: dict[str, list[Outgoing]] = defaultdict(list)
        for record in records:
            if record.size > self.topic(record.topic).max_record_bytes:
                detail = f"a record of {record.size} bytes is too large for {record.topic}"
                raise TooLarge(detail, hint="raise its max.message.bytes", record=record)
            if record.partition is not None:
                self.log(Partition(record.topic, record.partition))
            by_topic[record.topic].append(record)
        now_ms = int(self._clock() * 1000)
        for name, outgoing in by_topic.items():
            self.topic(name).append(outgoing, now_ms, transactional=transactional)
        self.changed.notify_all()

    def leave(self, group: MemoryGroup, member_id: str) -> None:
        """Takes a member out of its group."""
        with self.changed:
            group.leave(member_id, self.all_partitions())
            self.changed.notify_all()
