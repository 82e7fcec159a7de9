"""The brokers that the contract suite runs on: the one in memory and a real Kafka, each under both group protocols."""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol, TypeVar

import pytest
from confluent_kafka import TopicPartition
from confluent_kafka.admin import AdminClient

from spanstream.consumer.broker.kafka import (
    KafkaGroupConsumer,
    KafkaPartitionReader,
    KafkaProgressPublisher,
    open_publisher,
)
from spanstream.consumer.broker.memory.broker import MemoryBroker
from spanstream.consumer.broker.memory.clients import MemoryConsumer
from spanstream.consumer.broker.protocols import (
    GroupConsumer,
    Outgoing,
    Partition,
    PartitionReader,
    ProgressPublisher,
    Publisher,
    Record,
)
from spanstream.consumer.errors import Retryable
from spanstream.consumer.settings import AutoOffsetReset, GroupProtocol, KafkaSettings
from tests.support.kafka.kafka_broker import KafkaBroker
from tests.support.kafka.kafka_fixtures import Topics
from tests.support.kafka.kafka_protocol import expel_from_classic_group, expel_from_consumer_group

# Seconds. Nothing here takes as long; a machine that is busy may.
PATIENCE = 120.0
_Client = TypeVar("_Client")


class Harness(Protocol):
    """What the suite needs of a broker besides the protocols."""

    def topic(self, partitions: int = 1) -> str: ...

    def consumer(self, group: str, *, from_the_end: bool = False) -> GroupConsumer: ...

    def reader(self) -> PartitionReader: ...

    def publisher(self, member: GroupConsumer | None = None) -> Publisher: ...

    def progress_publisher(self, group: str, transactional_id: str) -> ProgressPublisher: ...

    def expel(self, member: GroupConsumer, group: str) -> None:
        """Makes the group give the member's partitions away, without the member's knowing."""

    def small_topic(self, max_record_bytes: int) -> str: ...

    def compacted_topic(self) -> str: ...

    def compact(self, topic: str) -> None:
        """Lets the topic's log cleaner run; called until it has."""

    def cut_before(self, partition: Partition, offset: int) -> None:
        """Drops what lies before the offset."""

    def recreate(self, topic: str) -> None:
        """Deletes a topic of one partition and creates it anew, empty."""

    def close(self) -> None: ...


class MemoryHarness:
    def __init__(self, group_protocol: GroupProtocol, *, transactions: bool = True) -> None:
        self.broker = MemoryBroker()
        self._protocol = group_protocol
        self._transactions = transactions
        self._topics = 0

    def topic(self, partitions: int = 1) -> str:
        self._topics += 1
        self.broker.create_topic(f"topic-{self._topics}", partitions)
        return f"topic-{self._topics}"

    def small_topic(self, max_record_bytes: int) -> str:
        self.broker.create_topic("small", 1, max_record_bytes=max_record_bytes)
        return "small"

    def compacted_topic(self) -> str:
        topic = self.topic()
        self.broker.topic(topic).tombstone_seconds = 0.0
        return topic

    def compact(self, topic: str) -> None:
        self.broker.compact(topic)

    def cut_before(self, partition: Partition, offset: int) -> None:
        self.broker.cut_before(partition, offset)

    def recreate(self, topic: str) -> None:
        self.broker.create_topic(topic, 1)

    def consumer(self, group: str, *, from_the_end: bool = False) -> GroupConsumer:
        return self.broker.consumer(group, group_protocol=self._protocol, from_the_end=from_the_end)

    def reader(self) -> PartitionReader:
        return self.broker.reader()

    def publisher(self, member: GroupConsumer | None = None) -> Publisher:
        assert member is None or isinstance(member, MemoryConsumer)
        return self.broker.publisher(member, transactions=self._transactions)

    def progress_publisher(self, group: str, transactional_id: str) -> ProgressPublisher:
        return self.broker.progress_publisher(group, transactional_id)

    def expel(self, member: GroupConsumer, group: str) -> None:  # noqa: ARG002  the member knows its group
        assert isinstance(member, MemoryConsumer)
        self.broker.expel(member)

    def close(self) -> None:
        pass


class KafkaHarness:
    def __init__(
        self, kafka: KafkaBroker, topics: Topics, protocol: GroupProtocol, *, transactions: bool = True
    ) -> None:
        self.kafka = kafka
        self.topics = topics
        # A member of a classic group hears of a rebalance in its heartbeat; a topic that is not there is soon given up.
        quick: dict[str, int] = {"topic.metadata.propagation.max.ms": 1000}
        if protocol == "classic":
            quick["heartbeat.interval.ms"] = 100
        self.config = KafkaSettings(
            bootstrap_servers=kafka.bootstrap, group_protocol=protocol, transactions=transactions, client=quick
        )
        self._opened: list[Any] = []

    def topic(self, partitions: int = 1) -> str:
        return self.topics.make(partitions)

    def small_topic(self, max_record_bytes: int) -> str:
        return self.topics.make(config={"max.message.bytes": str(max_record_bytes)})

    def compacted_topic(self) -> str:
        eager = {"min.cleanable.dirty.ratio": "0", "segment.ms": "50", "delete.retention.ms": "0"}
        return self.topics.make(config={"cleanup.policy": "compact", **eager})

    def compact(self, topic: str) -> None:
        """The cleaner leaves the newest segment alone: one more record begins another."""
        time.sleep(0.1)
        self.publisher().publish([Outgoing(topic, b"filler", b"")], {})

    def cut_before(self, partition: Partition, offset: int) -> None:
        client = AdminClient({"bootstrap.servers": self.kafka.bootstrap})
        for answer in client.delete_records([TopicPartition(partition.topic, partition.number, offset)]).values():
            answer.result(PATIENCE)

    def recreate(self, topic: str) -> None:
        self.topics.recreate(topic)

    def consumer(self, group: str, *, from_the_end: bool = False) -> GroupConsumer:
        reset: AutoOffsetReset = "latest" if from_the_end else "earliest"
        return self._keep(KafkaGroupConsumer(self._of(group).model_copy(update={"auto_offset_reset": reset})))

    def reader(self) -> PartitionReader:
        return self._keep(KafkaPartitionReader(self.config))

    def publisher(self, member: GroupConsumer | None = None) -> Publisher:
        assert member is None or isinstance(member, KafkaGroupConsumer)
        return self._keep(open_publisher(self.config, member))

    def progress_publisher(self, group: str, transactional_id: str) -> ProgressPublisher:
        return self._keep(
            KafkaProgressPublisher(self._of(group).model_copy(update={"transactional_id": transactional_id}))
        )

    def expel(self, member: GroupConsumer, group: str) -> None:
        assert isinstance(member, KafkaGroupConsumer)
        expel = expel_from_classic_group if self.config.group_protocol == "classic" else expel_from_consumer_group
        expel(self.kafka.bootstrap, group, member._consumer.memberid())

    def close(self) -> None:
        for client in reversed(self._opened):
            client.close()

    def _of(self, group: str) -> KafkaSettings:
        return self.config.model_copy(update={"group_id": group})

    def _keep(self, client: _Client) -> _Client:
        self._opened.append(client)
        return client


class OwnershipRecorder:
    """A listener that remembers what it was told."""

    def __init__(self) -> None:
        self.owned: set[Partition] = set()
        self.calls: list[tuple[str, frozenset[Partition]]] = []
        self.before_revoke: Callable[[Sequence[Partition]], None] = lambda _: None

    def on_assigned(self, partitions: Sequence[Partition]) -> None:
        assert not self.owned & set(partitions)
        self.calls.append(("assigned", frozenset(partitions)))
        self.owned |= set(partitions)

    def on_revoked(self, partitions: Sequence[Partition]) -> None:
        self.before_revoke(partitions)
        self._gone("revoked", partitions)

    def on_lost(self, partitions: Sequence[Partition]) -> None:
        self._gone("lost", partitions)

    def _gone(self, how: str, partitions: Sequence[Partition]) -> None:
        assert set(partitions) <= self.owned
        self.calls.append((how, frozenset(partitions)))
        self.owned -= set(partitions)


@dataclass
class GroupMember:
    """A group member with what it owns and what it read."""

    consumer: GroupConsumer
    ownership: OwnershipRecorder = field(default_factory=OwnershipRecorder)
    records: list[Record] = field(default_factory=list)

    def turn(self) -> None:
        self.records += self.consumer.poll(100, 0.02)

    def values(self, topic: str | None = None) -> list[bytes | None]:
        return [record.value for record in self.records if topic in (None, record.partition.topic)]


def join(broker: Harness, group: str, *topics: str, from_the_end: bool = False) -> GroupMember:
    member = GroupMember(broker.consumer(group, from_the_end=from_the_end))
    member.consumer.subscribe(topics, member.ownership)
    return member


def settle(members: list[GroupMember], partitions: int) -> None:
    """Waits until the members own all partitions, the same number each."""
    share = partitions // len(members)
    until(lambda: all(len(m.ownership.owned) == share for m in members), *(m.turn for m in members))


def until(done: Callable[[], bool], *turns: Callable[[], object]) -> None:
    """Takes turns until it is done; a test that waits in vain fails here."""
    deadline = time.monotonic() + PATIENCE
    while not done():
        assert time.monotonic() < deadline, "it did not happen"
        for turn in turns:
            turn()


def await_markers(reader: PartitionReader, partitions: list[Partition]) -> None:
    """A commit returns a moment before the broker has made its records visible: wait until no transaction is open."""
    until(lambda: reader.end_offsets(partitions) == reader.written_offsets(partitions))


def read_all(reader: PartitionReader, topic: str) -> list[Record]:
    """Everything that a read_committed reader sees in the topic once no transaction is open."""
    partitions = reader.partitions(topic)
    await_markers(reader, partitions)
    ends = reader.end_offsets(partitions)
    records: list[Record] = []
    reader.follow(dict.fromkeys(partitions))
    until(
        lambda: all((reader.position(partition) or 0) >= end for partition, end in ends.items()),
        lambda: records.extend(reader.poll(1000, 0.1)),
    )
    reader.follow({})
    return records


def numbered(topic: str, numbers: range, partition: int | None = None) -> list[Outgoing]:
    """Records whose values are numbers, without keys."""
    return [Outgoing(topic, None, b"%d" % number, partition=partition) for number in numbers]


def group_name() -> str:
    return f"group-{uuid.uuid4().hex[:12]}"


def persist(call: Callable[[], object], otherwise: Callable[[], object] = lambda: None) -> None:
    """Calls until it is not `Retryable`."""
    for _ in range(30):
        try:
            call()
        except Retryable:
            otherwise()
        else:
            return
    pytest.fail("the broker did not come back")
