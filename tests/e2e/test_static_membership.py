"""A member with a name of its own that is killed, and the one that is started in its place."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from spanstream.consumer.broker.kafka import KafkaPartitionReader
from tests.e2e.conftest import MakeStream
from tests.support.kafka.kafka_broker import KafkaBroker
from tests.support.kafka.kafka_proxy import END_TXN, KafkaProxy
from tests.support.kafka.program import PATIENCE, until
from tests.support.kafka.stream import Stream, named


@pytest.fixture
def proxy(own_kafka: KafkaBroker) -> Iterator[KafkaProxy]:
    proxy = KafkaProxy(own_kafka.proxy_port, own_kafka.ports["PROXIED"])
    yield proxy
    proxy.close()


@pytest.fixture
def stream(own_kafka: KafkaBroker, streams: MakeStream) -> Stream:
    """Returns a stream whose broker leaves a dead member's transaction open for longer than any test waits."""
    return streams(own_kafka.bootstrap, 1, KAFKA__GROUP_INSTANCE_ID="qa-0", KAFKA__TRANSACTION_TIMEOUT_SECONDS="600")


def has_open_transaction(stream: Stream) -> bool:
    reader = KafkaPartitionReader(stream.config, request_timeout_seconds=PATIENCE)
    try:
        partitions = reader.partitions(stream.topics.dead_letters)
        return reader.end_offsets(partitions) != reader.written_offsets(partitions)
    finally:
        reader.close()


def has_dead_letter(stream: Stream, protocol: str) -> bool:
    """Looks for the dead letter; starts the successor again where it has ended, as its supervisor does.

    Under KIP-848 Kafka takes no second member of the name before the first one's session has ended.
    """
    if not stream.programs[-1].is_running:
        assert protocol == "consumer", stream.programs[-1].log[-2000:]
        stream.start(KAFKA__GROUP_PROTOCOL=protocol)
    return bool(stream.dead_letters())


@pytest.mark.parametrize("protocol", ["classic", "consumer"])
def test_the_successor_of_a_killed_member_ends_its_transaction_before_the_broker_does(
    stream: Stream, proxy: KafkaProxy, protocol: str
) -> None:
    stream.publish([named("bad", stream.topics.questions, "k", b"{")])
    proxy.lose(END_TXN, "request")
    killed = stream.start(KAFKA__GROUP_PROTOCOL=protocol, KAFKA__BOOTSTRAP_SERVERS=proxy.bootstrap)
    until(proxy.lost.is_set, "a commit that is lost")
    killed.kill()
    assert has_open_transaction(stream)
    proxy.heal()
    stream.start(KAFKA__GROUP_PROTOCOL=protocol)
    until(lambda: not has_open_transaction(stream), "the end of the dead member's transaction", every=0.2)
    until(lambda: has_dead_letter(stream, protocol), "the dead letter", every=0.2)
    assert stream.dead_letters().keys() == {"bad"}
