"""Producers that write in transactions, and so leave a marker in each partition that they wrote to."""

from __future__ import annotations

import uuid
from collections.abc import Sequence

from confluent_kafka import Consumer, ConsumerGroupTopicPartitions, Producer, TopicPartition
from confluent_kafka.admin import AdminClient

from spanstream.consumer.broker.protocols import Outgoing
from tests.support.kafka.stream import Stream


def begin(bootstrap: str, records: Sequence[Outgoing], *, timeout_seconds: float = 60) -> Producer:
    """Writes the records in a transaction and leaves it open; the broker aborts it when nobody ends it in time."""
    producer = Producer(
        {
            "bootstrap.servers": bootstrap,
            "transactional.id": f"tests-{uuid.uuid4().hex}",
            "transaction.timeout.ms": round(timeout_seconds * 1000),
            "partitioner": "murmur2_random",
        }
    )
    producer.init_transactions(30)
    producer.begin_transaction()
    for record in records:
        producer.produce(record.topic, key=record.key, value=record.value, headers=list(record.headers))
    producer.flush(30)
    return producer


def send(stream: Stream, records: Sequence[Outgoing], *, abort: bool = False) -> None:
    """All records in one transaction, committed or aborted."""
    producer = begin(stream.bootstrap, records)
    if abort:
        producer.abort_transaction(30)
    else:
        producer.commit_transaction(30)


def log_ends(stream: Stream, topic: str) -> dict[int, int]:
    """Returns where each partition ends, markers counted, as KEDA counts."""
    reader = Consumer({"bootstrap.servers": stream.bootstrap, "group.id": "unused"})
    try:
        return {
            number: reader.get_watermark_offsets(TopicPartition(topic, number), timeout=20)[1]
            for number in range(stream.partitions)
        }
    finally:
        reader.close()


def committed(stream: Stream, topic: str) -> dict[int, int | None]:
    """Returns what the group has committed of the topic."""
    reader = Consumer({"bootstrap.servers": stream.bootstrap, "group.id": stream.name})
    try:
        asked = [TopicPartition(topic, number) for number in range(stream.partitions)]
        return {at.partition: at.offset if at.offset >= 0 else None for at in reader.committed(asked, timeout=20)}
    finally:
        reader.close()


def rewind(stream: Stream, topic: str, *, by: int) -> None:
    """Sets the group's committed offsets so many back; it has no members now."""
    offsets = committed(stream, topic).items()
    wanted = [TopicPartition(topic, number, offset - by) for number, offset in offsets if offset is not None]
    admin = AdminClient({"bootstrap.servers": stream.bootstrap})
    for done in admin.alter_consumer_group_offsets([ConsumerGroupTopicPartitions(stream.name, wanted)]).values():
        done.result(30)
