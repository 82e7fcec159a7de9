"""Streams of a test's own; the programs that a test leaves running are killed after it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.support.kafka.kafka_broker import KafkaBroker
from tests.support.kafka.quick_settings import QUICK
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


@pytest.fixture
def stream(kafka: KafkaBroker, streams: MakeStream) -> Stream:
    """Returns a stream in the session's broker, quick to retry and to notice what is gone."""
    return streams(kafka.bootstrap, **QUICK)
