"""The loop when members come, go and are expelled: what has begun comes out once, whoever publishes it."""

from __future__ import annotations

import pytest

from spanstream.consumer.broker.protocols import Partition
from spanstream.consumer.errors import CircuitOpen, Fenced, Retryable
from spanstream.consumer.settings import CircuitSettings
from tests.support.memory.memory_stream import GROUP, TOPICS, MemoryStream, StreamMember
from tests.support.memory.turns import ONE, TEXT, ZERO, ask, forget_faults, join, once, turns_in, two_documents


@pytest.fixture
def stream() -> MemoryStream:
    return two_documents()


def test_a_rebalance_finishes_what_has_begun(stream: MemoryStream) -> None:
    first = stream.start(at_once=False)
    ask(stream, "a", "b")
    first.turn(5)
    assert len(first.pool._tasks) == 1
    join(stream)
    first.turn()
    assert once(stream, "a b")


def begun_in_both_partitions(stream: MemoryStream) -> StreamMember:
    member = stream.start(drain_seconds=1.0)
    stream.until(lambda: not member.health.waiting_for)
    ask(stream, "a", "b")
    ask(stream, "c", "d", about=ONE)
    return member


@pytest.mark.parametrize("group_protocol", ["classic", "consumer"])
def test_a_chunk_that_was_published_after_all_is_not_published_again(group_protocol: str) -> None:
    """The reply to its commit is lost, and a rebalance takes a part of it away before it could be asked for again."""
    stream = two_documents(group_protocol)
    first = begun_in_both_partitions(stream)
    stream.broker.lose_next_reply()
    stream.until(lambda: bool(stream.outcomes()))
    for _ in range(10):
        stream.broker.fail_next("publish", Retryable("busy"))
    join(stream)
    first.turn(3)
    forget_faults(stream)
    ask(stream, "e")
    ask(stream, "f", about=ONE)
    stream.settle("abcdef")
    turns_in(stream, first, 5.0)
    assert once(stream, "a b c d e f")


@pytest.mark.parametrize("group_protocol", ["classic", "consumer"])
def test_a_chunk_that_was_not_published_is_answered_by_whoever_owns_its_partitions_now(group_protocol: str) -> None:
    stream = two_documents(group_protocol)
    first = begun_in_both_partitions(stream)
    for _ in range(10):
        stream.broker.fail_next("publish", Retryable("busy"))
    first.turn(3)
    assert first.metric("windows_pending") == 4
    second = join(stream)
    first.turn(3)
    assert first.metric("windows_pending") <= 2
    forget_faults(stream)
    stream.settle("abcd")
    assert once(stream, "a b c d")
    assert second.metric("chunks_total") >= 1


def test_dead_letters_of_documents_whose_commit_is_in_doubt_are_not_sent_twice() -> None:
    stream = MemoryStream(group_protocol="consumer")
    first = stream.start(drain_seconds=1.0)
    stream.until(lambda: not first.health.waiting_for)
    turns_in(stream, first, 2.0)
    stream.broker.lose_next_reply()
    stream.garbage("bad", ZERO, TOPICS.documents)
    stream.settle(["bad"])
    for _ in range(10):
        stream.broker.fail_next("publish", Retryable("busy"))
    join(stream)
    first.turn(3)
    forget_faults(stream)
    stream.document(ZERO, TEXT)  # so that what is committed next is not the same again
    for member in stream.members:
        turns_in(stream, member, 5.0)
    assert once(stream, "bad")


def test_progress_whose_commit_is_in_doubt_is_finished_before_a_chunk_would_repeat_it_or_be_undone(
    stream: MemoryStream,
) -> None:
    member = stream.start()
    stream.until(lambda: not member.health.waiting_for)
    turns_in(stream, member, 2.0)
    stream.broker.lose_next_reply()
    stream.garbage("bad", ZERO, TOPICS.documents)
    stream.settle(["bad"])
    ask(stream, "a")
    stream.settle("a")
    turns_in(stream, member, 5.0)
    assert once(stream, "bad a")
    assert stream.committed(TOPICS.questions)[0] == stream.ends(TOPICS.questions)[0]


def test_fenced_chunks_are_given_back_and_published_once(stream: MemoryStream) -> None:
    member = stream.start()
    ask(stream, "a", "b")
    stream.broker.fail_next("publish", Fenced("another producer took the name"))
    stream.settle("ab")
    assert once(stream, "a b")
    assert member.metric("publish_failures_total", kind="fenced") == 1


def test_a_member_that_was_expelled_publishes_nothing_more(stream: MemoryStream) -> None:
    zombie = stream.start(at_once=False)
    ask(stream, "a", "b")
    zombie.turn(5)
    stream.broker.expel(zombie.consumer)
    heir = stream.start()
    heir.turn(20)
    assert once(stream, "a b")
    zombie.pool.work()
    zombie.service._publish_head()  # before any poll could tell it
    assert once(stream, "a b")
    stream.until(lambda: zombie.metric("partitions_owned") > 0)
    assert once(stream, "a b")


def test_partitions_that_come_back_are_answered_from_their_committed_offset(stream: MemoryStream) -> None:
    first = stream.start()
    for round_ in range(4):
        names = [f"q{round_}{number}" for number in range(6)]
        ask(stream, *names[:3])
        ask(stream, *names[3:], about=ONE)
        second = stream.start()
        stream.settle(names)
        stream.close(second)
    first.turn(10)
    assert set(stream.outcomes().values()) == {1}


def test_what_goes_wrong_in_a_rebalance_stops_the_program(stream: MemoryStream) -> None:
    circuit = CircuitSettings(window=10, min_records=3, max_share=0.5)
    first = stream.start(at_once=False, circuit=circuit)
    for name in "abc":
        stream.garbage(name, ZERO)
    first.turn(5)
    join(stream)
    with pytest.raises(CircuitOpen):
        first.turn()
    first.service.close()
    stream.members.remove(first)
    assert stream.outcomes() == {}
    stream.settle("abc")
    assert once(stream, "a b c")


@pytest.mark.parametrize("error", [Retryable, Fenced])
def test_records_of_a_chunk_that_is_given_back_again_and_again_count_once(
    stream: MemoryStream, error: type[Retryable | Fenced]
) -> None:
    member = stream.start(circuit=CircuitSettings(window=10, min_records=3, max_share=0.5))
    for name in "ab":
        stream.garbage(name, ZERO)
    for _ in range(4):
        stream.broker.fail_next("publish", error("as the test wants it"))
    stream.settle("ab")
    assert once(stream, "a b")
    stream.garbage("c", ZERO)
    with pytest.raises(CircuitOpen, match="3 of the latest 3"):
        turns_in(stream, member, 5.0)


def test_closing_after_the_circuit_opened_publishes_nothing_and_judges_nothing_again(stream: MemoryStream) -> None:
    member = stream.start(circuit=CircuitSettings(window=10, min_records=3, max_share=0.5))
    for name in "abc":
        stream.garbage(name, ZERO)
    with pytest.raises(CircuitOpen, match="undecodable"):
        turns_in(stream, member, 5.0)
    member.service.close()
    assert stream.outcomes() == {}
    assert stream.broker.committed(GROUP).get(Partition(TOPICS.questions, 0), 0) == 0
