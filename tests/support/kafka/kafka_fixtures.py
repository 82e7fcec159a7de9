"""The session's Kafka, and topics in it. `SPANSTREAM_TEST_KAFKA` (host:port) names one that runs already."""

from __future__ import annotations

import os
import uuid
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TypeVar

import pytest

from spanstream.consumer.broker.kafka import TopicAdmin
from spanstream.consumer.broker.protocols import TopicSpec
from spanstream.consumer.settings import KafkaSettings
from tests.support.fetching import ServerUnavailableError
from tests.support.kafka.kafka_broker import ExternalBroker, KafkaBroker
from tests.support.kafka.program import until

_Broker = TypeVar("_Broker", bound=KafkaBroker)


class Topics:
    """Makes topics with names of their own."""

    def __init__(self, bootstrap: str) -> None:
        self.bootstrap = bootstrap
        self.admin = TopicAdmin(KafkaSettings(bootstrap_servers=bootstrap))

    def make(self, partitions: int = 1, config: Mapping[str, str] | None = None, *, prefix: str = "topic") -> str:
        name = f"{prefix}-{uuid.uuid4().hex[:12]}"
        self.admin.create([TopicSpec(name, partitions, config=config or {})])
        until(lambda: name in self.admin.describe([name]), f"the broker to know {name}")
        return name

    def recreate(self, name: str, partitions: int = 1, config: Mapping[str, str] | None = None) -> None:
        """Deletes a topic and creates it anew, empty."""
        self.admin.delete([name])
        spec = TopicSpec(name, partitions, config=config or {})
        until(lambda: self.admin.create([spec]) == [name], f"the deletion of {name}", every=0.1)


def start_broker(kind: type[_Broker], folder: Path) -> _Broker:
    """Starts a broker of this kind in the folder; skips where there is none to be had."""
    try:
        return kind.start(folder)
    except ServerUnavailableError as missing:
        pytest.skip(f"no Kafka broker: {missing}")


@pytest.fixture(scope="session")
def kafka(tmp_path_factory: pytest.TempPathFactory) -> Iterator[KafkaBroker]:
    """Yields the session's broker. Tests that stop one use `own_kafka`."""
    external = os.environ.get("SPANSTREAM_TEST_KAFKA")
    broker = ExternalBroker(external) if external else start_broker(KafkaBroker, tmp_path_factory.mktemp("kafka"))
    yield broker
    broker.kill()


@pytest.fixture(scope="module")
def own_kafka(tmp_path_factory: pytest.TempPathFactory) -> Iterator[KafkaBroker]:
    """Yields a broker that the tests of one module may kill, if they restart it."""
    if os.environ.get("SPANSTREAM_TEST_KAFKA"):
        pytest.skip("SPANSTREAM_TEST_KAFKA names a broker that is not the tests' to disturb")
    broker = start_broker(KafkaBroker, tmp_path_factory.mktemp("own-kafka"))
    yield broker
    broker.kill()


@pytest.fixture(scope="session")
def topics(kafka: KafkaBroker) -> Topics:
    """Makes topics in the session's broker."""
    return Topics(kafka.bootstrap)
