"""How the loop ends: when it is stopped, when it fails, and when everything that was there is done."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import pytest

from spanstream.consumer.broker.protocols import Outgoing, Partition
from spanstream.consumer.errors import Retryable, Stop
from tests.support.memory.fake_time import StoppingClock
from tests.support.memory.memory_stream import GROUP, TOPICS, MemoryStream, StreamMember, quick_retries
from tests.support.memory.turns import ONE, TEXT, ZERO, ask, forget_faults, once, two_documents


@pytest.fixture
def stream() -> MemoryStream:
    return two_documents()


def test_stopping_finishes_what_has_begun_and_leaves_the_rest(stream: MemoryStream) -> None:
    member = stream.start(at_once=False)
    ask(stream, *(f"q{number}" for number in range(12)))
    stream.until(lambda: True)
    for _ in range(60):
        member.turn()
    stream.close(member)
    assert list(stream.outcomes()) == [f"q{number}" for number in range(8)]
    assert stream.committed(TOPICS.questions)[0] < stream.ends(TOPICS.questions)[0]


def test_stopping_while_publishing_fails_ends_in_time_and_publishes_nothing_late(stream: MemoryStream) -> None:
    member = stream.start(drain_seconds=3.0)
    ask(stream, "a")
    for _ in range(100):
        stream.broker.fail_next("publish", Retryable("busy"))
    member.turn(5)
    started = stream.clock.now
    stream.close(member)
    assert 2.9 <= stream.clock.now - started <= 4.0
    forget_faults(stream)
    assert stream.outcomes() == {}
    stream.start()
    stream.settle("a")
    assert once(stream, "a")


def run(stream: MemoryStream, member: StreamMember, *, at_once: bool = True) -> float:
    """`run --once`, to its end; how long it took by the clock."""
    started = stream.clock.now
    stream.members.remove(member)
    member.pool.at_once = at_once
    member.service.run(threading.Event(), once=True)
    return stream.clock.now - started


def test_once_ends_where_there_is_nothing() -> None:
    stream = MemoryStream()
    assert run(stream, stream.start()) < 1.0


def test_once_ends_when_all_is_answered(stream: MemoryStream) -> None:
    ask(stream, *(f"q{number}" for number in range(30)))
    run(stream, stream.start())
    assert len(stream.answers()) == 30
    assert stream.committed(TOPICS.questions)[0] == stream.ends(TOPICS.questions)[0]


def test_once_ends_again_where_everything_was_done_before(stream: MemoryStream) -> None:
    ask(stream, "a")
    run(stream, stream.start())
    run(stream, stream.start())
    assert once(stream, "a")


def test_once_waits_for_retries_and_ends_with_their_last_attempt(stream: MemoryStream) -> None:
    stream.question("a", "never")
    assert run(stream, stream.start(retries=quick_retries(delay_seconds=2.0, max_attempts=4))) >= 6.0
    assert once(stream, "a")


def test_once_finishes_retries_that_are_all_there_is(stream: MemoryStream) -> None:
    first = stream.start(retries=quick_retries(max_attempts=100))
    stream.question("a", "late")
    stream.until(lambda: bool(stream.broker.records(TOPICS.retries)))
    stream.close(first)
    stream.document("late", TEXT)
    run(stream, stream.start(retries=quick_retries()))
    assert len(stream.answers()) == 1


def test_once_ends_in_partitions_that_hold_only_transaction_markers_or_nothing_any_more(stream: MemoryStream) -> None:
    with stream.broker.changed:
        stream.broker.log(Partition(TOPICS.questions, 0)).mark()
    ask(stream, "gone", about=ONE)
    stream.broker.cut_before(Partition(TOPICS.questions, 1), 2)
    assert run(stream, stream.start()) < 5.0
    assert stream.outcomes() == {}
    assert stream.committed(TOPICS.questions) == {0: 1, 1: 2}


def test_once_dead_letters_bad_documents_before_it_ends(stream: MemoryStream) -> None:
    stream.garbage("bad", ZERO, TOPICS.documents)
    run(stream, stream.start())
    assert once(stream, "bad")


def test_once_leaves_what_came_later_to_the_next(stream: MemoryStream) -> None:
    ask(stream, "a")
    member = stream.start()
    late_questions: list[Callable[[], None]] = [lambda: ask(stream, *(f"late{number}" for number in range(50)))]
    publisher: Any = member.publisher
    publish = publisher.publish

    def publish_and_ask_more(records: Sequence[Outgoing], offsets: Mapping[Partition, int], _: float) -> None:
        publish(records, offsets)
        while late_questions and records:
            late_questions.pop()()

    publisher.publish = publish_and_ask_more
    run(stream, member)
    assert "a" in stream.outcomes()
    assert len(stream.outcomes()) < 51


def test_run_goes_on_until_it_is_stopped_and_leaves_the_group() -> None:
    clock = StoppingClock()
    stream = MemoryStream(clock=clock)
    stream.document(ZERO, TEXT)
    ask(stream, "a")
    member = stream.start()
    member.service.run(clock.stop)
    assert once(stream, "a")
    assert 5.0 <= clock.now - 1000.0 < 6.0
    assert member.pool.is_shut_down
    assert not stream.broker.groups[GROUP].members


def test_run_lets_go_of_everything_when_it_is_stopped_by_an_error(stream: MemoryStream) -> None:
    ask(stream, "a")
    member = stream.start()
    stream.broker.fail_next("publish", Stop("not authorized"))
    with pytest.raises(Stop, match="not authorized"):
        run(stream, member)
    assert member.pool.is_shut_down
    assert not stream.broker.groups[GROUP].members
    stream.start()
    stream.settle("a")
    assert once(stream, "a")
