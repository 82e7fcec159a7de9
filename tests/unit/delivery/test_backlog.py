"""The backlog keeps each partition's order, whatever is taken, given back, dropped and due in between."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spanstream.consumer.answering.question_record import QuestionRecord
from spanstream.consumer.broker.protocols import Partition
from spanstream.consumer.delivery.backlog import Backlog
from tests.support.events.asked import TOPICS, asked, retried
from tests.support.memory.fake_time import FakeClock

QUESTIONS, RETRIES = Partition(TOPICS.questions, 0), Partition(TOPICS.retries, 0)


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def backlog(clock: FakeClock) -> Backlog[QuestionRecord]:
    return make(clock)


def make(clock: FakeClock, *, max_records: int = 10, max_bytes: int = 10_000) -> Backlog[QuestionRecord]:
    return Backlog(
        due_ms=lambda record: record.due_ms if record.partition.topic == TOPICS.retries else None,
        max_records=max_records,
        max_bytes=max_bytes,
        max_wait_seconds=60.0,
        clock=clock,
    )


def due_in(clock: FakeClock, seconds: float, offset: int) -> QuestionRecord:
    return retried(clock.now_ms() + round(seconds * 1000), at=(0, offset))


def test_records_leave_in_the_order_they_came(backlog: Backlog[QuestionRecord]) -> None:
    records = [asked(at=(number % 2, number)) for number in range(5)]
    backlog.add(records)
    assert backlog.take(3) + backlog.take(3) == records
    assert len(backlog) == 0


def test_a_retry_cannot_be_taken_before_it_is_due(backlog: Backlog[QuestionRecord], clock: FakeClock) -> None:
    later, question = due_in(clock, 5.0, 0), asked()
    backlog.add([later, question])
    assert backlog.take(10) == [question]
    assert (backlog.ready, len(backlog)) == (0, 1)
    clock.sleep(4.9)
    assert backlog.ready == 0
    clock.sleep(0.2)
    assert backlog.take(10) == [later]


def test_a_retry_that_says_it_is_due_next_year_holds_nothing_up_for_longer_than_the_delay(
    backlog: Backlog[QuestionRecord], clock: FakeClock
) -> None:
    backlog.add([due_in(clock, 3e7, 0), due_in(clock, 1.0, 1)])
    clock.sleep(61.0)
    assert [record.offset for record in backlog.take(10)] == [0, 1]


@pytest.mark.parametrize("hours", [-1, 1])
def test_a_clock_that_is_set_while_a_retry_waits_changes_nothing_about_its_wait(
    backlog: Backlog[QuestionRecord], clock: FakeClock, hours: int
) -> None:
    backlog.add([due_in(clock, 5.0, 0)])
    clock.wall_shift = hours * 3600.0
    assert backlog.ready == 0
    clock.sleep(5.0)
    assert backlog.ready == 1


def test_a_retry_from_before_the_clock_was_set_back_waits_no_longer_than_the_delay_and_nor_do_those_behind_it(
    backlog: Backlog[QuestionRecord], clock: FakeClock
) -> None:
    before = due_in(clock, 60.0, 0)
    clock.wall_shift = -3600.0
    backlog.add([before, due_in(clock, 60.0, 1)])
    clock.sleep(60.0)
    assert [record.offset for record in backlog.take(10)] == [0, 1]


def test_a_retry_without_readable_headers_is_due_at_once(backlog: Backlog[QuestionRecord]) -> None:
    bad = asked(topic=TOPICS.retries, headers=(("retry.attempt", b"many"),))
    none = asked(topic=TOPICS.retries, at=(0, 1))
    backlog.add([bad, none])
    assert backlog.take(10) == [bad, none]


def test_what_is_given_back_is_taken_first_again(backlog: Backlog[QuestionRecord]) -> None:
    backlog.add(asked(at=(0, offset)) for offset in range(4))
    taken = backlog.take(3)
    backlog.give_back(taken)
    assert [record.offset for record in backlog.take(10)] == [0, 1, 2, 3]


def test_dropped_partitions_leave_nothing_behind_ready_or_waiting(
    backlog: Backlog[QuestionRecord], clock: FakeClock
) -> None:
    kept = asked(at=(1, 0))
    backlog.add([asked(), kept, due_in(clock, 5.0, 3)])
    backlog.drop(frozenset({QUESTIONS, RETRIES}))
    assert backlog.partitions == {Partition(TOPICS.questions, 1)}
    clock.sleep(100.0)
    assert backlog.take(10) == [kept]
    assert len(backlog) == 0


def test_what_turned_out_to_be_committed_is_dropped_ready_or_waiting(
    backlog: Backlog[QuestionRecord], clock: FakeClock
) -> None:
    backlog.add([asked(at=(0, 3)), asked(at=(0, 4)), asked(at=(1, 0)), due_in(clock, 5.0, 8), due_in(clock, 5.0, 9)])
    backlog.drop_before({QUESTIONS: 4, Partition(TOPICS.questions, 1): None, RETRIES: 9})
    clock.sleep(6.0)
    places = [(record.partition.topic, record.offset) for record in backlog.take(10)]
    assert places == [(TOPICS.questions, 4), (TOPICS.questions, 0), (TOPICS.retries, 9)]


def test_partitions_are_those_of_ready_and_of_waiting_records(
    backlog: Backlog[QuestionRecord], clock: FakeClock
) -> None:
    backlog.add([asked(), due_in(clock, 5.0, 0)])
    assert backlog.partitions == {QUESTIONS, RETRIES}
    backlog.take(10)
    assert backlog.partitions == {RETRIES}


def test_a_topic_is_full_at_its_bound_and_until_half_of_it_is_gone(clock: FakeClock) -> None:
    backlog = make(clock, max_records=4)
    backlog.add(asked(at=(0, offset)) for offset in range(3))
    assert not backlog.full_topics
    backlog.add([asked(at=(0, 3))])
    assert backlog.full_topics == {TOPICS.questions}
    backlog.take(1)
    assert backlog.full_topics == {TOPICS.questions}
    backlog.take(2)
    assert not backlog.full_topics


def test_a_topic_is_full_by_its_bytes_too(clock: FakeClock) -> None:
    record = asked()
    backlog = make(clock, max_bytes=2 * record.size)
    backlog.add([record])
    assert not backlog.full_topics
    backlog.add([asked(at=(0, 1))])
    assert backlog.full_topics == {TOPICS.questions}


def test_headers_and_keys_fill_a_topic_as_values_do(clock: FakeClock) -> None:
    for record in (asked(headers=(("h", b"x" * 9_000),)), replace(asked(), key=b"k" * 9_000)):
        backlog = make(clock, max_bytes=16_000)
        backlog.add([record, record])
        assert backlog.full_topics == {TOPICS.questions}


def test_no_record_is_taken_behind_those_that_reach_the_bytes_asked_for(clock: FakeClock) -> None:
    backlog = make(clock)
    records = [asked(at=(0, offset)) for offset in range(4)]
    backlog.add(records)
    assert backlog.take(10, records[0].size + 1) == records[:2]
    assert backlog.take(10, 1) == records[2:3]


def test_waiting_retries_do_not_make_the_questions_full(clock: FakeClock) -> None:
    backlog = make(clock, max_records=3)
    backlog.add(due_in(clock, 5.0, offset) for offset in range(3))
    assert backlog.full_topics == {TOPICS.retries}


steps = st.lists(
    st.one_of(
        st.tuples(st.just("add"), st.booleans(), st.integers(0, 1)),
        st.tuples(st.just("take"), st.integers(0, 4), st.booleans()),
        st.tuples(st.just("drop"), st.booleans(), st.integers(0, 1)),
        st.tuples(st.just("pass"), st.sampled_from([1.0, 5.0]), st.none()),
    ),
    max_size=40,
)


@given(steps)
def test_per_partition_nothing_is_taken_twice_left_out_or_out_of_order(
    actions: list[tuple[str, object, object]],
) -> None:
    clock = FakeClock()
    backlog = make(clock, max_records=5)
    ends: dict[Partition, int] = defaultdict(int)
    taken: dict[Partition, list[int]] = defaultdict(list)
    for action, argument, option in actions:
        if action == "add":
            partition = Partition(TOPICS.retries if argument else TOPICS.questions, int(bool(option)))
            position = (partition.number, ends[partition])
            backlog.add([retried(clock.now_ms() + 5000, at=position) if argument else asked(at=position)])
            ends[partition] += 1
        elif action == "take":
            records = backlog.take(int(str(argument)))
            if option:
                backlog.give_back(records)
            for record in () if option else records:
                taken[record.partition].append(record.offset)
        elif action == "drop":
            partition = Partition(TOPICS.retries if argument else TOPICS.questions, int(bool(option)))
            backlog.drop(frozenset({partition}))
            taken[partition] = list(range(ends[partition]))
        else:
            clock.sleep(float(str(argument)))
    clock.sleep(10.0)
    for record in backlog.take(1000):
        taken[record.partition].append(record.offset)
    assert all(offsets == list(range(ends[partition])) for partition, offsets in taken.items())
    assert (len(backlog), backlog.full_topics, backlog.partitions) == (0, frozenset(), frozenset())
