"""Runs `topics create` on a real broker: what it sets, what it says of topics that were there, and `--alter`."""

from __future__ import annotations

from pathlib import Path

import pytest

from spanstream.consumer.broker.kafka import TopicAdmin
from tests.support.kafka.kafka_broker import KafkaBroker
from tests.support.kafka.kafka_fixtures import Topics
from tests.support.kafka.triage_stream import TriageStream

DAY_MS = 24 * 3600 * 1000


@pytest.fixture
def stream(kafka: KafkaBroker, tmp_path: Path) -> TriageStream:
    return TriageStream(kafka.bootstrap, tmp_path, 2)


def create(stream: TriageStream, *arguments: str, deleted_seconds: str = "86400") -> dict[str, str]:
    """Runs the command; returns what it says of each topic."""
    arguments = ("topics", "create", "--triage", "--partitions", "2", *arguments)
    done = stream.command(*arguments, RETENTION__DELETED_SECONDS=deleted_seconds)
    assert done.returncode == 0, done.stderr
    return dict(line.split(": ", 1) for line in done.stdout.decode().splitlines())


def test_the_broker_takes_every_config_and_a_second_run_finds_no_difference(stream: TriageStream) -> None:
    assert set(create(stream).values()) == {"created"}
    assert set(create(stream).values()) == {"was there"}
    documents = TopicAdmin(stream.config).describe([stream.topics.documents])[stream.topics.documents]
    assert documents.config["max.compaction.lag.ms"] == str(DAY_MS // 2)


def test_what_differs_of_a_topic_that_was_there_is_said_and_only_set_when_asked(
    stream: TriageStream, topics: Topics
) -> None:
    create(stream)
    name = stream.topics.answers
    topics.admin.alter(name, {"retention.ms": "-1", "segment.bytes": "1048576"})
    assert create(stream)[name] == f"was there; retention.ms was -1, should be {7 * DAY_MS}"
    assert create(stream, "--alter")[name] == f"was there; retention.ms was -1, set {7 * DAY_MS}"
    assert create(stream)[name] == "was there"
    assert topics.admin.describe([name])[name].config["segment.bytes"] == "1048576"


def test_another_time_in_the_settings_is_a_difference(stream: TriageStream) -> None:
    create(stream)
    said = create(stream, deleted_seconds="7200")
    assert said[stream.topics.documents].endswith(
        "max.compaction.lag.ms was 43200000, should be 3600000; segment.ms was 43200000, should be 3600000"
    )
    assert said[stream.topics.questions] == "was there"
