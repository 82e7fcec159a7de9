"""Topics that should have as many partitions as each other and have not: the log and the probe say so."""

from __future__ import annotations

import threading

import pytest
from structlog.testing import capture_logs

from spanstream.consumer.errors import Stop
from tests.support.memory.memory_stream import TOPICS, MemoryStream, StreamMember
from tests.support.memory.turns import ask, join, once, two_documents

COUNTS = f"{TOPICS.questions} 3, {TOPICS.retries} 2, {TOPICS.documents} 2"


def with_more_partitions(topic: str) -> MemoryStream:
    stream = MemoryStream()
    stream.broker.create_topic(topic, 3)
    return stream


def logged_while(stream: MemoryStream, member: StreamMember, seconds: float) -> list[dict[str, object]]:
    end = stream.clock.now + seconds
    with capture_logs() as lines:
        while stream.clock.now < end:
            member.turn()
    return [dict(line) for line in lines if line["event"] == "partition_counts_differ"]


def test_a_questions_topic_with_more_partitions_is_one_line_in_the_log_and_the_probe_names_it() -> None:
    stream = with_more_partitions(TOPICS.questions)
    member = stream.start()
    (line,) = logged_while(stream, member, 30.0)
    assert line["log_level"] == "error"
    assert COUNTS in str(line["detail"])
    assert "spanstream doctor" in str(line["detail"])
    assert member.health.waiting_for == f"topics with the same number of partitions ({COUNTS})"


def test_a_documents_topic_with_more_partitions_is_told_too() -> None:
    stream = with_more_partitions(TOPICS.documents)
    (line,) = logged_while(stream, stream.start(), 5.0)
    assert f"{TOPICS.documents} 3" in str(line["detail"])


def test_the_partitions_that_have_their_documents_are_answered_meanwhile() -> None:
    stream = two_documents()
    before = stream.start()
    ask(stream, "a")
    stream.settle("a")
    stream.close(before)
    stream.broker.create_topic(TOPICS.retries, 3)
    stream.start()
    ask(stream, "b")
    stream.settle("ab")
    assert once(stream, "a b")


def test_once_the_numbers_are_equal_again_the_probe_says_nothing_of_them() -> None:
    stream = with_more_partitions(TOPICS.questions)
    member = stream.start()
    member.turn(5)
    assert "partitions" in member.health.waiting_for
    for topic in (TOPICS.retries, TOPICS.documents):
        stream.broker.create_topic(topic, 3)
    join(stream)
    stream.until(lambda: not member.health.waiting_for)


def test_equal_numbers_are_not_worth_a_line() -> None:
    stream = two_documents()
    assert logged_while(stream, stream.start(), 5.0) == []


def test_a_run_of_what_is_there_stops_where_a_partition_can_never_be_read() -> None:
    stream = with_more_partitions(TOPICS.questions)
    member = stream.start()
    with pytest.raises(Stop, match="same number of partitions"):
        member.service.run(threading.Event(), once=True)
