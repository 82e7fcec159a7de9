"""An indexer that was away until nothing in the topic said any more that documents were deleted."""

from __future__ import annotations

import json
import random
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from spanstream.consumer.broker.kafka import TopicAdmin
from spanstream.consumer.broker.protocols import Outgoing
from spanstream.consumer.cli.exit_codes import TERMINATED
from tests.support.kafka.index_stream import IndexStream
from tests.support.kafka.kafka_broker import KafkaBroker
from tests.support.kafka.program import until
from tests.support.kafka.quick_settings import quick_settings

SEED = 20261126
DOCUMENTS = 200
DELETED = {f"d{number}" for number in range(DOCUMENTS) if number % 5}
KILLS = 3
# Everything is compacted within seconds, and a tombstone goes as soon as it was seen twice.
EAGER = {"min.cleanable.dirty.ratio": "0", "segment.ms": "50", "delete.retention.ms": "0"}


@pytest.fixture
def stream(kafka: KafkaBroker, tmp_path: Path) -> Iterator[IndexStream]:
    patient = {"KAFKA__CLIENT": '{"heartbeat.interval.ms": 300}'}
    stream = IndexStream(kafka.bootstrap, tmp_path, 2, quick_settings("classic") | patient)
    stream.create_topics()
    yield stream
    stream.close()


def forget_the_deleted(stream: IndexStream) -> None:
    """Waits until the topic has neither the documents nor their tombstones."""
    topic = stream.topics.documents
    TopicAdmin(stream.config).alter(topic, EAGER)

    def is_forgotten() -> bool:
        # The cleaner leaves the newest segment alone: more records begin others. They are no documents.
        stream.publish([Outgoing(topic, b"\x00", b"filler", partition=number) for number in range(2)])
        return not DELETED & {(record.key or b"").decode() for record in stream.read(topic)}

    until(is_forgotten, "a topic without the deleted documents", every=0.5)


def due(stream: IndexStream) -> list[str]:
    """Returns why each partition is to be swept; empty also where the broker was too busy to be asked."""
    shown = stream.command("index", "status", "--json").stdout or b'{"partitions": []}'
    return [partition["sweep_because"] for partition in json.loads(shown)["partitions"]]


@pytest.mark.timeout(900)
def test_an_index_mends_itself_after_tombstones_were_compacted_away_although_it_is_killed_in_the_middle(
    stream: IndexStream,
) -> None:
    draw = random.Random(SEED)  # noqa: S311  no secret
    stream.write({f"d{number}": f"Machine {number} stops with code E{1000 + number}." for number in range(DOCUMENTS)})
    member = stream.start_index()
    stream.await_indexed()
    assert member.stop() == TERMINATED
    stream.write(dict.fromkeys(DELETED))
    forget_the_deleted(stream)
    until(lambda: due(stream) == ["away_too_long"] * 2, "both partitions due to be swept", every=2.0)
    assert set(stream.status(check=True)["check"]["ghosts"]) == DELETED
    shown = stream.command("index", "status", "--check").stdout
    assert b"a sweep is due or runs (away_too_long)" in shown
    assert shown.endswith(b"`spanstream index run` mends it\n")

    for _ in range(KILLS):
        member = stream.start_index()
        member.await_event("sweep_begun")
        time.sleep(draw.uniform(0, 0.2))
        member.kill()
    member = stream.start_index()
    stream.write({"late": "Written while a partition is swept."})
    until(lambda: due(stream) == ["", ""], "both partitions swept", every=2.0)
    stream.await_indexed()
    status = stream.status(check=True)
    assert status["check"]["is_equal"], status["check"]
    assert status["check"]["documents"] == DOCUMENTS - len(DELETED) + 1
    assert member.stop() == TERMINATED
    for program in stream.programs[1:]:
        assert sum(event["embedded"] for event in program.events("documents_indexed")) <= 1  # the late one
