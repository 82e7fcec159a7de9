"""Readers see what is committed: ends, positions and single records stop before a transaction that is open."""

from __future__ import annotations

import uuid
from collections.abc import Iterator

import pytest
from confluent_kafka import Producer

from spanstream.consumer.broker.kafka import KafkaGroupConsumer, KafkaPartitionReader, KafkaPublisher, TopicAdmin
from spanstream.consumer.broker.protocols import Partition
from spanstream.consumer.broker.reading import read_topic
from spanstream.consumer.clock import SystemClock
from spanstream.consumer.settings import KafkaSettings
from tests.support.kafka.broker_harness import GroupMember, await_markers, group_name, numbered, until
from tests.support.kafka.kafka_broker import KafkaBroker
from tests.support.kafka.kafka_fixtures import Topics


@pytest.fixture
def open_transaction(kafka: KafkaBroker) -> Iterator[Producer]:
    producer = Producer({"bootstrap.servers": kafka.bootstrap, "transactional.id": f"open-{uuid.uuid4().hex}"})
    producer.init_transactions(20)
    producer.begin_transaction()
    yield producer
    producer.abort_transaction(20)


def test_an_open_transaction_is_the_end_for_everybody(topics: Topics, open_transaction: Producer) -> None:
    topic = topics.make()
    partition = Partition(topic, 0)
    config = KafkaSettings(bootstrap_servers=topics.bootstrap, group_id=group_name())
    publisher = KafkaPublisher(config)
    publisher.publish(numbered(topic, range(3)), {})  # and a marker at 3
    reader, consumer = KafkaPartitionReader(config), KafkaGroupConsumer(config)
    await_markers(reader, reader.partitions(topic))
    open_transaction.produce(topic, b"open", partition=0)
    assert open_transaction.flush(20) == 0
    publisher.publish(numbered(topic, range(10, 13)), {})  # committed, behind the open one
    member = GroupMember(consumer)
    consumer.subscribe([topic], member.ownership)
    assert reader.end_offsets([partition]) == {partition: 4}
    assert consumer.end_offsets(topic) == {partition: 4}
    assert reader.written_offsets([partition])[partition] >= 8  # what it wrote, and what stands behind it
    assert TopicAdmin(config).lag(config.group_id, [topic]) == {partition: 4}
    reader.follow({partition: None})
    read = []
    until(
        lambda: reader.position(partition) == 4 and consumer.position(partition) == 4,
        lambda: read.extend(reader.poll(10, 0.05)),
        member.turn,
    )
    assert [record.value for record in read] == [b"0", b"1", b"2"]
    assert reader.read_at(partition, 4, 20) is None
    open_transaction.abort_transaction(20)
    open_transaction.begin_transaction()
    until(
        lambda: reader.position(partition) == 10 and consumer.position(partition) == 10,
        lambda: read.extend(reader.poll(10, 0.05)),
        member.turn,
    )
    assert [record.value for record in read] == [b"0", b"1", b"2", b"10", b"11", b"12"]
    assert member.values() == [record.value for record in read]
    assert reader.read_at(partition, 4, 20) is None  # the aborted record
    for client in (publisher, reader, consumer):
        client.close()


def test_a_new_producer_with_the_same_id_frees_what_its_predecessor_left_open(topics: Topics) -> None:
    topic, name = topics.make(), f"pod-{uuid.uuid4().hex}"
    config = KafkaSettings(bootstrap_servers=topics.bootstrap, transactional_id=name)
    dead = Producer({"bootstrap.servers": topics.bootstrap, "transactional.id": name})
    dead.init_transactions(20)
    dead.begin_transaction()
    dead.produce(topic, b"left open", partition=0)
    assert dead.flush(20) == 0
    reader = KafkaPartitionReader(config)
    assert reader.end_offsets([Partition(topic, 0)]) == {Partition(topic, 0): 0}
    publisher = KafkaPublisher(config)
    publisher.prepare()
    until(lambda: reader.end_offsets([Partition(topic, 0)]) == {Partition(topic, 0): 2})
    publisher.close()
    reader.close()


def test_a_reader_of_uncommitted_records_sees_what_open_and_aborted_transactions_wrote(
    topics: Topics, open_transaction: Producer
) -> None:
    topic = topics.make()
    config = KafkaSettings(bootstrap_servers=topics.bootstrap, group_id=group_name())
    open_transaction.produce(topic, b"aborted", partition=0)
    assert open_transaction.flush(20) == 0
    open_transaction.abort_transaction(20)
    open_transaction.begin_transaction()
    KafkaPublisher(config).publish(numbered(topic, range(1)), {})
    open_transaction.produce(topic, b"open", partition=0)
    assert open_transaction.flush(20) == 0
    reader = KafkaPartitionReader(config, uncommitted=True)
    try:
        read = read_topic(reader, topic, clock=SystemClock(), patience_seconds=60)
        assert [record.value for record in read] == [b"aborted", b"0", b"open"]
    finally:
        reader.close()
