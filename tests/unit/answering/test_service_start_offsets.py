"""The loop of a group whose committed offsets are gone."""

from __future__ import annotations

import pytest

from spanstream.consumer.errors import Stop
from spanstream.consumer.settings import KafkaSettings
from tests.support.memory.memory_stream import GROUP, TOPICS, MemoryStream
from tests.support.memory.turns import ask, once, turns_in, two_documents


@pytest.fixture
def stream() -> MemoryStream:
    """Four questions, answered by a group whose offsets have expired since."""
    stream = two_documents()
    member = stream.start()
    ask(stream, *"abcd")
    stream.settle("abcd")
    stream.close(member)
    stream.broker.groups[GROUP].committed.clear()
    return stream


def test_with_error_nothing_is_answered_again_and_the_consumer_stops(stream: MemoryStream) -> None:
    member = stream.start(kafka=KafkaSettings(auto_offset_reset="error"))
    with pytest.raises(Stop, match="offsets have expired"):
        member.turn(20)
    assert once(stream, "a b c d")


def test_with_earliest_everything_is_answered_again(stream: MemoryStream) -> None:
    stream.start()
    stream.until(lambda: stream.outcomes() == dict.fromkeys("abcd", 2))


def test_with_latest_only_what_comes_later_is_answered(stream: MemoryStream) -> None:
    member = stream.start(kafka=KafkaSettings(auto_offset_reset="latest"))
    stream.until(lambda: not member.health.waiting_for)
    turns_in(stream, member, 2.0)
    ask(stream, "e")
    stream.settle("e")
    assert once(stream, "a b c d e")


def test_a_group_that_has_read_nothing_yet_has_committed_that_it_was_there() -> None:
    """Else a consumer that is started again could not tell what came meanwhile from what it has answered."""
    stream = MemoryStream()
    first = stream.start(kafka=KafkaSettings(auto_offset_reset="error"))
    stream.until(lambda: not first.health.waiting_for)
    turns_in(stream, first, 2.0)
    stream.die(first)
    assert stream.committed(TOPICS.questions) == {0: 0, 1: 0}
    ask(stream, "a")
    stream.start(kafka=KafkaSettings(auto_offset_reset="error"))
    stream.until(lambda: "a" in stream.outcomes())
