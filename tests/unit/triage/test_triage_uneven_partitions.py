"""A ticket stream whose topics get different numbers of partitions while it runs: the log and the probe say so."""

from __future__ import annotations

import pytest
from structlog.testing import capture_logs

from spanstream.consumer.broker.memory.clients import MemoryReader
from spanstream.consumer.errors import Retryable
from tests.support.memory.memory_triage import QUESTIONS, TEXT, TOPICS, MemoryTriage


def test_tickets_that_get_more_partitions_while_it_runs_are_told_in_the_log_and_by_the_probe() -> None:
    stream = MemoryTriage()
    member = stream.start()
    stream.broker.create_topic(TOPICS.tickets, 3)
    with capture_logs() as lines:
        member.turn(20)
    (line,) = [line for line in lines if line["event"] == "partition_counts_differ"]
    assert f"{TOPICS.tickets} 3" in line["detail"]
    assert "same number of partitions" in member.application.health.waiting_for


def test_a_member_starts_while_kafka_does_not_say_how_many_partitions_there_are(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def no_answer(*_: object) -> None:
        raise Retryable("no answer from Kafka")

    stream = MemoryTriage()
    with monkeypatch.context() as outage, capture_logs() as lines:
        outage.setattr(MemoryReader, "partitions", no_answer)
        member = stream.start()
    assert [line["event"] for line in lines] == ["partition_counts_unknown"]
    stream.ticket("t-1", TEXT)
    member.turn(20)
    assert len(stream.questions()) == QUESTIONS
