"""A broker that is fenced (just started, or paused) names no brokers in its metadata: clients come back from that."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator

import pytest

from spanstream.consumer.broker.kafka import (
    AtLeastOncePublisher,
    KafkaGroupConsumer,
    KafkaPartitionReader,
    open_publisher,
)
from spanstream.consumer.broker.protocols import Partition, Publisher
from spanstream.consumer.errors import Retryable
from spanstream.consumer.settings import KafkaSettings
from tests.support.kafka.broker_harness import GroupMember, group_name, numbered, read_all, until
from tests.support.kafka.kafka_broker import KafkaBroker
from tests.support.kafka.kafka_fixtures import Topics
from tests.support.kafka.kafka_proxy import KafkaProxy


@pytest.fixture
def proxy(own_kafka: KafkaBroker) -> Iterator[KafkaProxy]:
    made = KafkaProxy(own_kafka.proxy_port, own_kafka.ports["PROXIED"])
    yield made
    made.close()


def config(proxy: KafkaProxy) -> KafkaSettings:
    return KafkaSettings(bootstrap_servers=proxy.bootstrap, group_id=group_name())


def publish(own_kafka: KafkaBroker, topic: str, count: int) -> None:
    publisher = AtLeastOncePublisher(KafkaSettings(bootstrap_servers=own_kafka.bootstrap))
    publisher.publish(numbered(topic, range(count)), {})
    publisher.close()


def test_a_reader_goes_on_after_a_broker_named_no_brokers(own_kafka: KafkaBroker, proxy: KafkaProxy) -> None:
    topic = Topics(own_kafka.bootstrap).make()
    reader = KafkaPartitionReader(config(proxy), request_timeout_seconds=1)
    reader.follow({Partition(topic, 0): None})
    until(lambda: reader.position(Partition(topic, 0)) == 0, lambda: reader.poll(1, 0.1))
    proxy.name_no_brokers()
    reader.partitions(topic)
    assert proxy.named_none.is_set()
    proxy.heal()
    publish(own_kafka, topic, 3)
    until(lambda: reader.position(Partition(topic, 0)) == 3, lambda: reader.poll(10, 0.1))
    reader.close()


def test_a_group_member_goes_on_after_a_broker_named_no_brokers(own_kafka: KafkaBroker, proxy: KafkaProxy) -> None:
    topic = Topics(own_kafka.bootstrap).make()
    consumer = KafkaGroupConsumer(config(proxy), request_timeout_seconds=1)
    member = GroupMember(consumer)
    consumer.subscribe([topic], member.ownership)
    publish(own_kafka, topic, 3)
    until(lambda: len(member.records) == 3, member.turn)
    proxy.name_no_brokers()
    with contextlib.suppress(Retryable):
        consumer.end_offsets(topic)  # asks about the topic first
    assert proxy.named_none.is_set()
    proxy.heal()
    publish(own_kafka, topic, 3)
    until(lambda: len(member.records) == 6, member.turn)
    consumer.close()


def test_a_publisher_goes_on_after_a_broker_named_no_brokers(own_kafka: KafkaBroker, proxy: KafkaProxy) -> None:
    topic, unknown = Topics(own_kafka.bootstrap).make(), Topics(own_kafka.bootstrap).make()
    publisher = AtLeastOncePublisher(config(proxy))
    publisher.publish(numbered(topic, range(3)), {})
    proxy.name_no_brokers()
    threading.Timer(1, proxy.heal).start()
    publisher.publish(numbered(unknown, range(3)), {})  # asks where this topic is
    assert proxy.named_none.is_set()
    publisher.publish(numbered(topic, range(3)), {})
    publisher.close()


def test_a_transactional_publisher_goes_on_after_a_broker_named_no_brokers(
    own_kafka: KafkaBroker, proxy: KafkaProxy
) -> None:
    # librdkafka would not come back from that (its transactions need the strategy "none"): a new producer does
    topic, unknown = Topics(own_kafka.bootstrap).make(), Topics(own_kafka.bootstrap).make()
    publisher = open_publisher(config(proxy), publish_timeout_seconds=3)
    publisher.publish(numbered(topic, range(3)), {})
    proxy.name_no_brokers()
    with pytest.raises(Retryable):
        publisher.publish(numbered(unknown, range(3)), {})  # asks where this topic is
    assert proxy.named_none.is_set()
    proxy.heal()
    until(lambda: is_published(publisher, unknown))
    publisher.close()
    reader = KafkaPartitionReader(KafkaSettings(bootstrap_servers=own_kafka.bootstrap))
    assert len(read_all(reader, unknown)) == 3
    reader.close()


def is_published(publisher: Publisher, topic: str) -> bool:
    try:
        publisher.publish(numbered(topic, range(3)), {})
    except Retryable:
        return False
    return True
