"""What a broker refuses for good ends with one line that says what to do; it is not tried forever."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from confluent_kafka.admin import (  # type: ignore[attr-defined]  # the stubs do not re-export them all
    AclBinding,
    AclOperation,
    AclPermissionType,
    AdminClient,
    ResourcePatternType,
    ResourceType,
)

from spanstream.consumer.broker.kafka import KafkaGroupConsumer, KafkaPartitionReader, TopicAdmin, open_publisher
from spanstream.consumer.broker.protocols import Outgoing, Partition, Publisher, TopicSpec
from spanstream.consumer.errors import SpanstreamError, Stop
from spanstream.consumer.settings import GroupProtocol, KafkaSettings
from tests.support.kafka.broker_harness import GroupMember, group_name, numbered, until
from tests.support.kafka.kafka_broker import SASL_PASSWORD, SASL_USER, KafkaBroker
from tests.support.kafka.kafka_fixtures import Topics

WRITE, READ, DESCRIBE = AclOperation.WRITE, AclOperation.READ, AclOperation.DESCRIBE


@pytest.fixture
def config(kafka: KafkaBroker) -> KafkaSettings:
    login = {
        "security.protocol": "SASL_PLAINTEXT",
        "sasl.mechanism": "PLAIN",
        "sasl.username": SASL_USER,
        "sasl.password": SASL_PASSWORD,
    }
    return KafkaSettings(bootstrap_servers=kafka.sasl_bootstrap, group_id=group_name(), client=login)


@pytest.fixture
def stranger(config: KafkaSettings) -> KafkaSettings:
    return config.model_copy(update={"client": {**config.client, "sasl.password": "a guess"}})


@pytest.fixture
def grant(kafka: KafkaBroker) -> Callable[[ResourceType, str, AclOperation], None]:
    client = AdminClient({"bootstrap.servers": kafka.bootstrap})

    def grant(kind: ResourceType, name: str, operation: AclOperation) -> None:
        user, allow = f"User:{SASL_USER}", AclPermissionType.ALLOW
        acl = AclBinding(kind, name, ResourcePatternType.LITERAL, user, "*", operation, allow)
        for answer in client.create_acls([acl]).values():
            answer.result(20)

    return grant


def stops(*turns: Callable[[], object], saying: str) -> None:
    """Takes turns until one raises `Stop`, which names what it is about."""
    with pytest.raises(Stop, match=saying):
        until(lambda: False, *turns)


def test_a_wrong_password_stops_everybody(stranger: KafkaSettings, topics: Topics) -> None:
    topic = topics.make()
    consumer, reader = KafkaGroupConsumer(stranger), KafkaPartitionReader(stranger)
    member = GroupMember(consumer)
    consumer.subscribe([topic], member.ownership)
    stops(member.turn, saying="password")
    reader.follow({Partition(topic, 0): None})
    stops(lambda: reader.poll(10, 0.05), saying="password")
    for transactions in (True, False):
        publisher = open_publisher(stranger.model_copy(update={"transactions": transactions}))
        stops(lambda publisher=publisher: publisher.publish(numbered(topic, range(3)), {}), saying="password")  # type: ignore[misc]  # mypy on a lambda's default
        publisher.close()
    stops(lambda: TopicAdmin(stranger).describe([topic]), saying="password")
    reader.close()
    consumer.close()


@pytest.mark.parametrize("protocol", ["classic", "consumer"])
def test_a_topic_that_may_not_be_read_stops_the_member(
    config: KafkaSettings, topics: Topics, grant: Callable[..., None], protocol: GroupProtocol
) -> None:
    topic = topics.make()
    grant(ResourceType.GROUP, config.group_id, READ)
    grant(ResourceType.TOPIC, topic, DESCRIBE)
    consumer = KafkaGroupConsumer(config.model_copy(update={"group_protocol": protocol}))
    member = GroupMember(consumer)
    consumer.subscribe([topic], member.ownership)
    stops(member.turn, saying="grant")
    consumer.close()


@pytest.mark.parametrize("protocol", ["classic", "consumer"])
def test_a_group_that_may_not_be_joined_stops_the_member(
    config: KafkaSettings, topics: Topics, grant: Callable[..., None], protocol: GroupProtocol
) -> None:
    topic = topics.make()
    grant(ResourceType.TOPIC, topic, READ)
    consumer = KafkaGroupConsumer(config.model_copy(update={"group_protocol": protocol}))
    member = GroupMember(consumer)
    consumer.subscribe([topic], member.ownership)
    stops(member.turn, saying="group")
    consumer.close()


def test_a_reader_needs_no_group(config: KafkaSettings, topics: Topics, grant: Callable[..., None]) -> None:
    topic = topics.make()
    grant(ResourceType.TOPIC, topic, READ)
    publisher = open_publisher(KafkaSettings(bootstrap_servers=topics.bootstrap))
    publisher.publish(numbered(topic, range(3)), {})
    reader = KafkaPartitionReader(config)
    reader.follow(dict.fromkeys(reader.partitions(topic)))
    records: list[object] = []
    until(lambda: len(records) == 3, lambda: records.extend(reader.poll(10, 0.05)))
    assert reader.read_at(Partition(topic, 0), 1, 20) is not None
    reader.close()
    publisher.close()


def test_a_topic_that_may_not_be_read_stops_the_reader(
    config: KafkaSettings, topics: Topics, grant: Callable[..., None]
) -> None:
    topic = topics.make()
    reader = KafkaPartitionReader(config)
    stops(lambda: reader.partitions(topic), saying=topic)
    grant(ResourceType.TOPIC, topic, DESCRIBE)
    until(lambda: knows(reader, topic))
    reader.follow({Partition(topic, 0): None})
    stops(lambda: reader.poll(10, 0.05), saying=topic)
    with pytest.raises(Stop, match=topic):
        reader.read_at(Partition(topic, 0), 0, 20)
    reader.close()


def knows(reader: KafkaPartitionReader, topic: str) -> bool:
    try:
        return bool(reader.partitions(topic))
    except SpanstreamError:
        return False


@pytest.mark.parametrize("transactions", [True, False])
def test_a_topic_that_may_not_be_written_stops_the_publisher(
    config: KafkaSettings, topics: Topics, grant: Callable[..., None], *, transactions: bool
) -> None:
    topic, name = topics.make(), f"id-{group_name()}"
    grant(ResourceType.TRANSACTIONAL_ID, name, WRITE)
    grant(ResourceType.TOPIC, topics.make(), WRITE)  # who may write nowhere gets no producer id
    grant(ResourceType.TOPIC, topic, DESCRIBE)
    publisher = open_publisher(config.model_copy(update={"transactions": transactions, "transactional_id": name}))
    stops(lambda: publisher.publish([Outgoing(topic, b"k", b"v")], {}), saying=topic)
    grant(ResourceType.TOPIC, topic, WRITE)
    until(lambda: publishes(publisher, topic))  # it is as good as new once it is granted
    publisher.close()


def publishes(publisher: Publisher, topic: str) -> bool:
    try:
        publisher.publish([Outgoing(topic, b"k", b"v")], {})
    except SpanstreamError:
        return False
    return True


def test_a_transactional_id_that_may_not_be_used_stops_the_publisher(config: KafkaSettings, topics: Topics) -> None:
    publisher = open_publisher(config)
    stops(lambda: publisher.publish(numbered(topics.make(), range(1)), {}), saying="transactional id")
    publisher.close()


def test_a_group_that_may_not_be_committed_for_stops_the_publisher(
    kafka: KafkaBroker, config: KafkaSettings, topics: Topics, grant: Callable[..., None]
) -> None:
    topic, name = topics.make(), f"id-{group_name()}"
    grant(ResourceType.TRANSACTIONAL_ID, name, WRITE)
    grant(ResourceType.TOPIC, topic, WRITE)
    consumer = KafkaGroupConsumer(config.model_copy(update={"bootstrap_servers": kafka.bootstrap, "client": {}}))
    member = GroupMember(consumer)
    consumer.subscribe([topic], member.ownership)
    until(lambda: len(member.ownership.owned) == 1, member.turn)
    publisher = open_publisher(config.model_copy(update={"transactional_id": name}), consumer)
    stops(lambda: publisher.publish(numbered(topic, range(1)), {Partition(topic, 0): 0}), saying="group")
    publisher.close()
    consumer.close()


def test_topics_that_may_not_be_created_stop_the_admin(config: KafkaSettings) -> None:
    stops(lambda: TopicAdmin(config).create([TopicSpec("not-mine", 1)]), saying="not-mine")


def test_a_topic_with_more_replicas_than_brokers_is_refused(topics: Topics) -> None:
    with pytest.raises(Stop, match="fewer brokers"):
        topics.admin.create([TopicSpec("three-fold", 1, replication_factor=3)])


def test_a_static_member_whose_name_is_taken_stops(topics: Topics) -> None:
    topic = topics.make()
    quick = {"heartbeat.interval.ms": 100}
    config = KafkaSettings(
        bootstrap_servers=topics.bootstrap, group_id=group_name(), group_instance_id="pod-0", client=quick
    )
    first, second = (GroupMember(KafkaGroupConsumer(config)) for _ in range(2))
    first.consumer.subscribe([topic], first.ownership)
    until(lambda: len(first.ownership.owned) == 1, first.turn)
    second.consumer.subscribe([topic], second.ownership)
    stops(first.turn, second.turn, saying="group_instance_id")
    second.consumer.close()
    first.consumer.close()


@pytest.mark.parametrize(
    "client", [{"no.such.property": "1"}, {"security.protocol": "CARRIER_PIGEON"}, {"enable.auto.commit": True}]
)
def test_properties_that_are_not_taken_stop_at_the_start(client: dict[str, Any]) -> None:
    with pytest.raises(Stop, match="propert"):
        KafkaGroupConsumer(KafkaSettings(bootstrap_servers="localhost:1", group_id="g", client=client))
