"""Streams of a test's own; the programs that a test leaves running are killed after it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.support.kafka.kafka_broker import KafkaBroker
from tests.support.kafka.stream import Stream

MakeStream = Callable[..., Stream]


@pytest.fixture
def streams(tmp_path: Path) -> Iterator[MakeStream]:
    """Makes streams in a broker, with these settings."""
    made: list[Stream] = []

    def make(bootstrap: str, partitions: int = 3, **settings: str) -> Stream:
        stream = Stream(bootstrap, tmp_path, partitions, settings)
        made.append(stream)
        stream.create_topics()
        return stream

    yield make
    for stream in made:
        stream.close()


# A silent member of the classic protocol is given up after two seconds; under KIP-848 the broker decides.
QUICK_CLASSIC = {
    "KAFKA__SESSION_TIMEOUT_SECONDS": "2",
    "KAFKA__CLIENT": '{"socket.timeout.ms": 4000, "heartbeat.interval.ms": 300}',
}


@pytest.fixture
def stream(kafka: KafkaBroker, streams: MakeStream) -> Stream:
    """Returns a stream in the session's broker, quick to retry and to notice what is gone."""
    return streams(kafka.bootstrap, **QUICK)


# Seconds that a test would wait for.
QUICK = {
    "KAFKA__TRANSACTION_TIMEOUT_SECONDS": "4",
    "KAFKA__CLIENT": '{"socket.timeout.ms": 4000}',
    "RETRIES__DELAY_SECONDS": "0.5",
    "RETRIES__MAX_ATTEMPTS": "4",
    "CHUNK__MAX_QUESTIONS": "16",
}
