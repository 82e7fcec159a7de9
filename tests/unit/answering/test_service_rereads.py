"""Records that come again: read below what was read before, or below what the group has committed."""

from __future__ import annotations

from typing import Any

import pytest

from spanstream.consumer.broker.protocols import Partition
from tests.support.memory.memory_stream import GROUP, TOPICS, MemoryStream, StreamMember
from tests.support.memory.turns import ONE, ask, once, turns_in, two_documents

QUESTIONS = Partition(TOPICS.questions, 0)


@pytest.fixture
def stream() -> MemoryStream:
    return two_documents()


def rewind(member: StreamMember, offset: int = 0) -> None:
    """Makes the consumer read from here again, as after a reset that nobody asked for."""
    member.consumer._cursor.start(QUESTIONS, offset)


def test_records_that_were_committed_are_not_answered_again(stream: MemoryStream) -> None:
    member = stream.start()
    ask(stream, *"abcdefgh")
    stream.settle("abcdefgh")
    rewind(member)
    ask(stream, "i")
    stream.settle("i")
    turns_in(stream, member, 5.0)
    assert once(stream, "a b c d e f g h i")
    assert member.metric("rewinds_total") == 1
    assert stream.committed(TOPICS.questions)[0] == stream.ends(TOPICS.questions)[0]


@pytest.mark.parametrize("published", [False, True])
def test_records_that_are_read_again_while_they_are_worked_on_are_answered_once(
    stream: MemoryStream, published: bool
) -> None:
    """Whether or not their commit came through without a reply."""
    member = stream.start(at_once=False)
    ask(stream, *"abcdefgh")
    ask(stream, "x", about=ONE)
    member.turn(5)
    if published:
        stream.broker.lose_next_reply()
        stream.until(lambda: bool(stream.outcomes()))
    rewind(member)
    stream.settle("abcdefghx")
    turns_in(stream, member, 5.0)
    assert once(stream, "a b c d e f g h x")
    assert member.metric("rewinds_total") == 1


def test_a_partition_that_begins_below_what_is_committed_is_not_answered_again(stream: MemoryStream) -> None:
    first = stream.start()
    ask(stream, *"abcdefgh")
    stream.settle("abcdefgh")
    stream.close(first)
    second = stream.start()
    cursor: Any = second.consumer._cursor
    start = cursor.start
    cursor.start = lambda partition, offset: start(partition, 0 if partition == QUESTIONS else offset)
    ask(stream, "i")
    stream.settle("i")
    turns_in(stream, second, 5.0)
    assert once(stream, "a b c d e f g h i")
    assert second.metric("rewinds_total") == 1


def test_questions_of_a_topic_that_was_replaced_are_new_ones_although_their_offsets_were_committed(
    stream: MemoryStream,
) -> None:
    member = stream.start()
    ask(stream, *"abcd")
    stream.settle("abcd")
    stream.broker.create_topic(TOPICS.questions, stream.partitions)
    assert not stream.committed(TOPICS.questions)
    ask(stream, "e", "f")
    stream.settle("ef")
    turns_in(stream, member, 5.0)
    assert once(stream, "a b c d e f")
    assert stream.committed(TOPICS.questions)[0] == stream.ends(TOPICS.questions)[0]


def test_a_commit_behind_the_end_of_a_log_that_started_over_hides_no_question(stream: MemoryStream) -> None:
    first = stream.start()
    stream.close(first)
    stream.broker.groups[GROUP].committed[QUESTIONS] = 1000
    ask(stream, "a")
    second = stream.start()
    stream.settle("a")
    turns_in(stream, second, 5.0)
    assert once(stream, "a")
    assert stream.committed(TOPICS.questions)[0] == stream.ends(TOPICS.questions)[0]
