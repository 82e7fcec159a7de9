"""Tokens of MSK that live for seconds: every kind of client has a new one before the old one ends."""

from __future__ import annotations

import uuid
from collections.abc import Iterator

import pytest

pytest.importorskip("aws_msk_iam_sasl_signer", reason="the extra aws is not installed")

from aws_msk_iam_sasl_signer import MSKAuthTokenProvider

from spanstream.consumer.broker.kafka import KafkaGroupConsumer, KafkaPartitionReader, TopicAdmin, open_publisher
from spanstream.consumer.broker.protocols import Outgoing, Partition, TopicSpec
from spanstream.consumer.errors import Retryable
from spanstream.consumer.settings import KafkaSettings
from tests.support.kafka.program import until
from tests.support.kafka.token_broker import TokenBroker

LIFE_SECONDS = 12  # librdkafka looks at a token's age once a second
PATIENCE = 120.0


class Listener:
    """Takes what the group gives."""

    def on_assigned(self, partitions: object) -> None: ...

    def on_revoked(self, partitions: object) -> None: ...

    def on_lost(self, partitions: object) -> None: ...


class Clients:
    """One of each kind, on a topic of their own."""

    def __init__(self, settings: KafkaSettings) -> None:
        self.topic = f"tokens-{uuid.uuid4().hex[:8]}"
        self.admin = TopicAdmin(settings)
        self.admin.create([TopicSpec(self.topic, 1)])
        self.member = KafkaGroupConsumer(settings)
        self.member.subscribe([self.topic], Listener())
        self.reader = KafkaPartitionReader(settings)
        self.reader.follow({Partition(self.topic, 0): 0})
        self.publisher = open_publisher(settings, self.member)
        self.sent, self.consumed, self.followed = 0, 0, 0

    def turn(self) -> None:
        """Publishes and reads a record, and asks about the topic; what the broker refuses now is tried again."""
        try:
            self.publisher.publish([Outgoing(self.topic, None, b"%d" % self.sent, ())], {}, 5.0)
            self.sent += 1
            self.admin.topic_id(self.topic)
        except Retryable:
            pass
        self.consumed += len(self.member.poll(100, 0.2))
        self.followed += len(self.reader.poll(100, 0.2))

    def read_all(self) -> bool:
        """Tells whether each record that was sent was read, once, by member and reader."""
        self.turn()
        return self.consumed == self.followed == self.sent

    def close(self) -> None:
        self.publisher.close()
        self.member.close()
        self.reader.close()


@pytest.fixture
def clients(token_kafka: TokenBroker, monkeypatch: pytest.MonkeyPatch) -> Iterator[Clients]:
    monkeypatch.setenv("AWS_CONTAINER_CREDENTIALS_FULL_URI", f"{token_kafka.tokens.url}/credentials")
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setattr(MSKAuthTokenProvider, "DEFAULT_TOKEN_EXPIRY_SECONDS", LIFE_SECONDS)
    settings = KafkaSettings(
        bootstrap_servers=token_kafka.msk_bootstrap,
        group_id=uuid.uuid4().hex,
        login="msk-iam",
        login_region="eu-west-1",
        client={"security.protocol": "SASL_PLAINTEXT", "socket.timeout.ms": 4000},
        transaction_timeout_seconds=5,
    )
    made = Clients(settings)
    yield made
    made.close()


def test_every_client_goes_on_over_many_tokens_and_over_a_while_without_any(
    token_kafka: TokenBroker, clients: Clients
) -> None:
    def turned_over(tokens: int) -> bool:
        clients.turn()
        return len(set(token_kafka.msk_logins) - before) >= tokens

    before = set(token_kafka.msk_logins)
    until(lambda: turned_over(4), "four tokens", PATIENCE)

    token_kafka.tokens.is_down = True
    until(lambda: refused(clients), "a refusal of what is no token", PATIENCE)
    token_kafka.tokens.is_down = False

    before = set(token_kafka.msk_logins)
    until(lambda: turned_over(2), "new tokens", PATIENCE)
    until(clients.read_all, "all records", PATIENCE)


def refused(clients: Clients) -> bool:
    sent = clients.sent
    clients.turn()
    return clients.sent == sent
