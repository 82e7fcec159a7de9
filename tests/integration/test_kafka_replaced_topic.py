"""A topic that is deleted and created anew while a reader of it lives, on a broker whose leaders had changed before."""

from __future__ import annotations

from spanstream.consumer.broker.kafka import KafkaPartitionReader
from spanstream.consumer.broker.protocols import Outgoing, Partition, Record
from spanstream.consumer.errors import Retryable
from spanstream.consumer.settings import KafkaSettings
from tests.support.kafka.broker_harness import read_all, until
from tests.support.kafka.kafka_broker import KafkaBroker
from tests.support.kafka.kafka_fixtures import Topics
from tests.support.kafka.stream import send


def test_a_reader_that_has_seen_other_leaders_reads_the_new_topic(own_kafka: KafkaBroker) -> None:
    """Leader epochs begin at 0 again, and librdkafka takes lower ones than it knows for outdated."""
    topics = Topics(own_kafka.bootstrap)
    topic = topics.make()
    partition = Partition(topic, 0)
    settings = KafkaSettings(bootstrap_servers=own_kafka.bootstrap)
    send(settings, [Outgoing(topic, None, b"old") for _ in range(10)])
    reader = KafkaPartitionReader(settings, request_timeout_seconds=2)
    assert len(read_all(reader, topic)) == 10
    first = reader.topic_id(topic)
    reader.follow({partition: 10})
    for _ in range(2):
        own_kafka.stop()
        own_kafka.restart()
        send(settings, [Outgoing(topic, None, b"old")])
        await_records(reader, 1)
    topics.recreate(topic)
    send(settings, [Outgoing(topic, None, b"new") for _ in range(5)])

    def is_replaced() -> bool:
        try:
            return reader.topic_id(topic) != first
        except Retryable:
            return False

    until(is_replaced)
    reader.follow({})
    reader.follow({partition: None})
    assert {record.value for record in await_records(reader, 5)} == {b"new"}
    assert reader.end_offsets([partition]) == {partition: 5}
    record = reader.read_at(partition, 3, 20)
    assert record is not None
    assert record.value == b"new"
    reader.close()


def await_records(reader: KafkaPartitionReader, count: int) -> list[Record]:
    records: list[Record] = []
    until(lambda: len(records) >= count, lambda: records.extend(reader.poll(100, 0.05)))
    return records
