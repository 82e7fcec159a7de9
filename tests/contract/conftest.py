"""The brokers that the broker contract runs on."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from spanstream.consumer.settings import GroupProtocol
from tests.support.kafka.broker_harness import Harness, KafkaHarness, MemoryHarness

GROUPED = [
    pytest.param(("memory", "classic"), id="memory-classic"),
    pytest.param(("memory", "consumer"), id="memory-consumer"),
    pytest.param(("kafka", "classic"), id="kafka-classic"),
    pytest.param(("kafka", "consumer"), id="kafka-consumer"),
]


def open_harness(
    request: pytest.FixtureRequest, kind: str, protocol: GroupProtocol, *, transactions: bool = True
) -> Iterator[Harness]:
    made: Harness
    if kind == "memory":
        made = MemoryHarness(protocol, transactions=transactions)
    else:
        kafka, topics = request.getfixturevalue("kafka"), request.getfixturevalue("topics")
        made = KafkaHarness(kafka, topics, protocol, transactions=transactions)
    yield made
    made.close()


@pytest.fixture(params=GROUPED)
def grouped(request: pytest.FixtureRequest) -> Iterator[Harness]:
    """For what depends on the group protocol."""
    yield from open_harness(request, *request.param)


@pytest.fixture(params=["memory", "kafka"])
def broker(request: pytest.FixtureRequest) -> Iterator[Harness]:
    """For what does not."""
    yield from open_harness(request, request.param, "classic")


@pytest.fixture(params=["memory", "kafka"])
def plain(request: pytest.FixtureRequest) -> Iterator[Harness]:
    """Without transactions."""
    yield from open_harness(request, request.param, "classic", transactions=False)
