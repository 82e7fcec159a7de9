"""A broker that is killed and comes back: waits end, nothing is lost, nothing is there twice."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest

from spanstream.consumer.broker.kafka import KafkaGroupConsumer, KafkaPartitionReader, TopicAdmin, open_publisher
from spanstream.consumer.broker.protocols import Outgoing, Partition, Record
from spanstream.consumer.errors import Retryable
from spanstream.consumer.settings import GroupProtocol, KafkaSettings
from tests.support.kafka.broker_harness import GroupMember, group_name, numbered, persist, read_all, until
from tests.support.kafka.kafka_broker import KafkaBroker
from tests.support.kafka.kafka_fixtures import Topics

REQUEST_SECONDS, PUBLISH_SECONDS = 1, 2


@pytest.fixture
def config(own_kafka: KafkaBroker) -> KafkaSettings:
    return KafkaSettings(
        bootstrap_servers=own_kafka.bootstrap,
        group_id=group_name(),
        client={"reconnect.backoff.ms": 50, "reconnect.backoff.max.ms": 200},
    )


@pytest.fixture
def topics(own_kafka: KafkaBroker) -> Topics:
    return Topics(own_kafka.bootstrap)


@pytest.fixture
def reader(config: KafkaSettings) -> Iterator[KafkaPartitionReader]:
    made = KafkaPartitionReader(config, request_timeout_seconds=20)
    yield made
    made.close()


@pytest.mark.parametrize("protocol", ["classic", "consumer"])
def test_chunks_are_published_once_each_through_a_broker_that_is_killed(
    own_kafka: KafkaBroker, config: KafkaSettings, topics: Topics, reader: KafkaPartitionReader, protocol: GroupProtocol
) -> None:
    questions, answers = topics.make(), topics.make()
    config = config.model_copy(update={"group_protocol": protocol})
    consumer = KafkaGroupConsumer(config, request_timeout_seconds=REQUEST_SECONDS)
    publisher = open_publisher(config, consumer, publish_timeout_seconds=PUBLISH_SECONDS)
    member, partition = GroupMember(consumer), Partition(questions, 0)
    persist(lambda: publisher.publish(numbered(questions, range(300)), {}))
    consumer.subscribe([questions], member.ownership)
    until(lambda: len(member.records) == 300, member.turn)

    power_cut = threading.Timer(0.05, own_kafka.kill)
    for number, record in enumerate(member.records):
        if number == 20:
            power_cut.start()  # it falls somewhere into a transaction
        chunk = [Outgoing(answers, None, record.value)]

        def publish(chunk: list[Outgoing] = chunk, record: Record = record) -> None:
            consumer.poll(10, 0)
            publisher.publish(chunk, {partition: record.next_offset})

        persist(publish, own_kafka.ensure_running)
    assert [record.value for record in read_all(reader, answers)] == [b"%d" % number for number in range(300)]
    # Not 300 where the first try of the questions was aborted: its records have offsets, too.
    assert consumer.committed([partition], 20) == {partition: member.records[-1].next_offset}
    publisher.close()
    consumer.close()


def test_questions_to_a_broker_that_is_away_end_in_time_and_are_answered_when_it_is_back(
    own_kafka: KafkaBroker, config: KafkaSettings, topics: Topics
) -> None:
    topic = topics.make()
    partition = Partition(topic, 0)
    consumer = KafkaGroupConsumer(config, request_timeout_seconds=REQUEST_SECONDS)
    follower = KafkaPartitionReader(config, request_timeout_seconds=REQUEST_SECONDS)
    publisher = open_publisher(config, consumer, publish_timeout_seconds=PUBLISH_SECONDS)
    without_transactions = config.model_copy(update={"transactions": False})
    plain = open_publisher(without_transactions, consumer, publish_timeout_seconds=PUBLISH_SECONDS)
    admin = TopicAdmin(config, request_timeout_seconds=REQUEST_SECONDS)
    persist(lambda: publisher.publish(numbered(topic, range(5)), {}))
    member = GroupMember(consumer)
    consumer.subscribe([topic], member.ownership)
    until(lambda: len(member.records) == 5, member.turn)
    assert follower.read_at(partition, 3, 20) is not None
    own_kafka.kill()
    record = [Outgoing(topic, None, b"late")]
    for ask in (
        lambda: consumer.end_offsets(topic),
        lambda: consumer.committed([partition], 1),
        lambda: follower.partitions(topic),
        lambda: follower.end_offsets([partition]),
        lambda: follower.begin_offsets([partition]),
        lambda: follower.read_at(partition, 3, 0.5),
        lambda: publisher.publish(record, {partition: 5}),
        lambda: plain.publish(record, {partition: 5}),
        lambda: plain.publish([], {partition: 5}),
        lambda: admin.describe([topic]),
        lambda: admin.lag(config.group_id, [topic]),
    ):
        with pytest.raises(Retryable):
            ask()
    assert consumer.poll(10, 0.1) == []
    assert follower.poll(10, 0.1) == []
    own_kafka.restart()
    persist(lambda: publisher.publish(record, {partition: 5}))
    until(lambda: len(member.records) == 6, member.turn)
    persist(lambda: follower.end_offsets([partition]))
    assert admin.describe([topic])[topic].partitions == 1
    for client in (publisher, plain, follower, consumer):
        client.close()


def test_members_and_readers_close_while_the_broker_is_away(
    own_kafka: KafkaBroker, config: KafkaSettings, topics: Topics
) -> None:
    topic = topics.make()
    consumer = KafkaGroupConsumer(config, request_timeout_seconds=REQUEST_SECONDS)
    follower = KafkaPartitionReader(config, request_timeout_seconds=REQUEST_SECONDS)
    publisher = open_publisher(config, consumer, publish_timeout_seconds=PUBLISH_SECONDS)
    persist(lambda: publisher.publish(numbered(topic, range(5)), {}))
    member = GroupMember(consumer)
    consumer.subscribe([topic], member.ownership)
    until(lambda: len(member.records) == 5, member.turn)
    follower.follow({Partition(topic, 0): None})
    own_kafka.kill()
    with pytest.raises(Retryable):
        publisher.publish([Outgoing(topic, None, b"")], {Partition(topic, 0): 5})
    for client in (publisher, follower, consumer):
        client.close()
    assert member.ownership.owned == set()
    own_kafka.restart()
