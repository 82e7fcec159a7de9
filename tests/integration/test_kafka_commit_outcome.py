"""A commit whose outcome the publisher does not hear is finished, never repeated: every chunk is there exactly once."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from spanstream.consumer.broker.kafka import KafkaGroupConsumer, KafkaPartitionReader, KafkaPublisher
from spanstream.consumer.broker.protocols import Outgoing, Partition
from spanstream.consumer.errors import Retryable, Stop
from spanstream.consumer.settings import KafkaSettings
from tests.support.kafka.broker_harness import GroupMember, group_name, numbered, persist, read_all, until
from tests.support.kafka.kafka_broker import KafkaBroker
from tests.support.kafka.kafka_fixtures import Topics
from tests.support.kafka.kafka_proxy import END_TXN, TXN_OFFSET_COMMIT, KafkaProxy, Loss


@dataclass
class ProxiedMember:
    """A member that talks to the broker, and its publisher, which talks to it through the proxy."""

    proxy: KafkaProxy
    config: KafkaSettings
    member: GroupMember
    publisher: KafkaPublisher
    reader: KafkaPartitionReader
    questions: str
    answers: str

    @property
    def partition(self) -> Partition:
        return Partition(self.questions, 0)

    def chunk(self, value: bytes) -> list[Outgoing]:
        return [Outgoing(self.answers, None, value), Outgoing(self.answers, None, value)]

    def lose_the_commit(self, what: Loss, *, offset: int = 2) -> None:
        """Publishes a first chunk, and does not hear what became of it."""
        self.proxy.lose(END_TXN, what)
        with pytest.raises(Retryable):
            self.publisher.publish(self.chunk(b"first"), {self.partition: offset})
        assert self.proxy.lost.is_set()

    def take_over_the_id(self) -> None:
        """What a second process with the same transactional id does."""
        other = KafkaPublisher(self.config, publish_timeout_seconds=2)
        other.prepare()
        other.close()

    def visible(self) -> list[bytes | None]:
        return [record.value for record in read_all(self.reader, self.answers)]

    def committed(self) -> int | None:
        return self.member.consumer.committed([self.partition], 20)[self.partition]


@pytest.fixture
def scene(own_kafka: KafkaBroker) -> Iterator[ProxiedMember]:
    topics = Topics(own_kafka.bootstrap)
    questions, answers = topics.make(prefix="questions"), topics.make(prefix="answers")
    name = group_name()
    config = KafkaSettings(
        bootstrap_servers=own_kafka.bootstrap,
        group_id=name,
        group_protocol="consumer",
        transactional_id=name,
        client={"reconnect.backoff.ms": 50, "reconnect.backoff.max.ms": 200, "retry.backoff.ms": 50},
    )
    proxy = KafkaProxy(own_kafka.proxy_port, own_kafka.ports["PROXIED"])
    consumer = KafkaGroupConsumer(config)
    member = GroupMember(consumer)
    through_proxy = config.model_copy(update={"bootstrap_servers": proxy.bootstrap})
    publisher = KafkaPublisher(through_proxy, consumer, publish_timeout_seconds=2)
    reader = KafkaPartitionReader(config)
    publisher.publish(numbered(questions, range(5)), {})
    consumer.subscribe([questions], member.ownership)
    until(lambda: len(member.records) == 5, member.turn)
    yield ProxiedMember(proxy, config, member, publisher, reader, questions, answers)
    publisher.close()
    consumer.close()
    reader.close()
    proxy.close()


def test_a_lost_reply_is_asked_for_again_at_once(scene: ProxiedMember) -> None:
    scene.proxy.lose(END_TXN, "reply", then_away=False)
    scene.publisher.publish(scene.chunk(b"first"), {scene.partition: 2})
    assert scene.proxy.lost.is_set()
    assert scene.visible() == [b"first", b"first"]
    assert scene.committed() == 2


@pytest.mark.parametrize("lost", ["request", "reply"])
def test_the_same_call_finishes_a_commit_that_was_not_heard_of(scene: ProxiedMember, lost: Loss) -> None:
    scene.lose_the_commit(lost)
    scene.proxy.heal()
    scene.publisher.publish(scene.chunk(b"made anew for the same input"), {scene.partition: 2})
    assert scene.visible() == [b"first", b"first"]
    assert scene.committed() == 2


@pytest.mark.parametrize("lost", ["request", "reply"])
def test_a_commit_unheard_of_for_longer_than_a_transaction_lasts_is_left_to_a_successor(
    scene: ProxiedMember, lost: Loss
) -> None:
    # its producer may never find a broker again
    scene.publisher._settings = scene.config.model_copy(update={"transaction_timeout_seconds": 3})
    scene.lose_the_commit(lost)
    with pytest.raises(Retryable):
        scene.publisher.publish(scene.chunk(b"again"), {scene.partition: 2})
    assert scene.publisher._committing is None
    scene.proxy.heal()
    until(lambda: publishes(scene, b"again"))
    # A request that was lost may still come through before the successor asks: then it is the first chunk, as well.
    possible = [b"first"] if lost == "reply" else [b"first", b"again"]
    assert scene.visible() in [[value, value] for value in possible]
    assert scene.committed() == 2


def publishes(scene: ProxiedMember, value: bytes) -> bool:
    try:
        scene.publisher.publish(scene.chunk(value), {scene.partition: 2})
    except Retryable:
        return False
    return True


@pytest.mark.parametrize("lost", ["request", "reply"])
def test_a_call_with_another_chunk_finishes_the_one_before(scene: ProxiedMember, lost: Loss) -> None:
    scene.lose_the_commit(lost)
    scene.proxy.heal()
    scene.publisher.publish(scene.chunk(b"second"), {scene.partition: 4})
    assert scene.visible() == [b"first", b"first", b"second", b"second"]
    assert scene.committed() == 4


def test_as_long_as_the_outcome_is_unknown_nothing_else_is_published(scene: ProxiedMember) -> None:
    scene.lose_the_commit("request")
    for offset in (2, 4):
        with pytest.raises(Retryable):
            scene.publisher.publish(scene.chunk(b"impatient"), {scene.partition: offset})
    scene.proxy.heal()
    scene.publisher.publish([], {scene.partition: 5})
    assert scene.visible() == [b"first", b"first"]


@pytest.mark.parametrize("lost", ["request", "reply"])
def test_a_producer_that_lost_its_id_meanwhile_asks_the_group_what_was_committed(
    scene: ProxiedMember, lost: Loss
) -> None:
    scene.lose_the_commit(lost)
    scene.take_over_the_id()
    scene.proxy.heal()
    scene.publisher.publish(scene.chunk(b"again"), {scene.partition: 2})
    # The request that was lost leaves the transaction open, and the other producer has it aborted.
    assert scene.visible() == ([b"first", b"first"] if lost == "reply" else [b"again", b"again"])
    assert scene.committed() == 2


def test_without_offsets_a_producer_that_lost_its_id_cannot_know_and_stops(scene: ProxiedMember) -> None:
    scene.proxy.lose(END_TXN, "reply")
    with pytest.raises(Retryable):
        scene.publisher.publish(scene.chunk(b"first"), {})
    scene.take_over_the_id()
    scene.proxy.heal()
    with pytest.raises(Stop, match="not known"):
        scene.publisher.publish(scene.chunk(b"first"), {})
    assert scene.visible() == [b"first", b"first"]


@pytest.mark.parametrize("lost", ["request", "reply"])
def test_a_broker_that_goes_away_while_it_takes_the_offsets_holds_nobody(scene: ProxiedMember, lost: Loss) -> None:
    # librdkafka's call does not return before the broker does: the publisher leaves it behind
    scene.proxy.lose(TXN_OFFSET_COMMIT, lost)
    for _ in range(2):
        with pytest.raises(Retryable):
            scene.publisher.publish(scene.chunk(b"first"), {scene.partition: 2})
    assert scene.proxy.lost.is_set()
    scene.proxy.heal()
    # Its own abort, which it left behind, may still be on its way and take the id from it once.
    persist(lambda: scene.publisher.publish(scene.chunk(b"first"), {scene.partition: 2}))
    assert scene.visible() == [b"first", b"first"]
    assert scene.committed() == 2


def test_closing_finishes_a_commit_that_was_not_heard_of(scene: ProxiedMember) -> None:
    scene.lose_the_commit("request")
    scene.proxy.heal()
    scene.publisher.close()
    assert scene.visible() == [b"first", b"first"]
    assert scene.committed() == 2


def test_a_producer_that_lost_its_id_takes_it_back_with_the_next_call(scene: ProxiedMember) -> None:
    scene.take_over_the_id()
    with pytest.raises(Retryable):
        scene.publisher.publish(scene.chunk(b"first"), {scene.partition: 2})
    scene.publisher.publish(scene.chunk(b"first"), {scene.partition: 2})
    assert scene.visible() == [b"first", b"first"]


def test_two_processes_with_one_transactional_id_are_told_so(scene: ProxiedMember) -> None:
    for error in [*[Retryable] * 4, Stop]:
        scene.publisher.prepare()
        scene.take_over_the_id()
        with pytest.raises(error):
            scene.publisher.publish(scene.chunk(b"first"), {scene.partition: 2})
    assert scene.visible() == []
