"""Chunks in flight: two at most, in order, given back from the first that is touched."""

from __future__ import annotations

from typing import Any

import pytest

from spanstream.consumer.answering.pipeline import Pipeline
from spanstream.consumer.answering.planned import PreparedChunk
from spanstream.consumer.broker.protocols import Partition
from tests.support.events.asked import TOPICS, asked
from tests.support.memory.fake_time import FakeClock, HandPool


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def pool(clock: FakeClock) -> HandPool:
    return HandPool(clock)


@pytest.fixture
def pipeline(pool: HandPool) -> Pipeline:
    return Pipeline(lambda prepared, waiting: [(prepared, waiting)], pool)  # type: ignore[list-item]  # not looked into


def chunk(number: int, *, offset: int = 0) -> PreparedChunk:
    return PreparedChunk((asked(at=(number, offset)),), (), ())


def partition(number: int) -> frozenset[Partition]:
    return frozenset({Partition(TOPICS.questions, number)})


def test_there_is_room_for_two(pipeline: Pipeline) -> None:
    room = [pipeline.has_room]
    for number in range(2):
        pipeline.launch(chunk(number), 0, 0.0)
        room.append(pipeline.has_room)
    assert room == [True, True, False]
    assert len(pipeline) == 2


def test_the_head_is_the_oldest_even_when_a_later_one_is_done_first(pipeline: Pipeline, pool: HandPool) -> None:
    first, second = chunk(0), chunk(1)
    pipeline.launch(first, 7, 0.0)
    pipeline.launch(second, 8, 0.0)
    later = [flight.future for flight in pipeline][1]
    later.exception(100.0)
    assert pipeline.head is not None
    assert pipeline.head.prepared is first
    assert not pipeline.await_head(0.01)
    pool.work()
    assert pipeline.await_head(0.0)
    result: Any = pipeline.pop().future.result()
    assert result == [(first, 7)]
    assert pipeline.head.prepared is second


def test_waiting_for_the_head_takes_no_longer_than_said(pipeline: Pipeline, clock: FakeClock) -> None:
    assert not pipeline.await_head(5.0)
    pipeline.launch(chunk(0), 0, 0.0)
    before = clock.now
    assert not pipeline.await_head(0.01)
    assert clock.now == pytest.approx(before + 0.01)


def test_a_chunk_that_is_given_back_takes_all_later_ones_with_it(pipeline: Pipeline) -> None:
    first, second = chunk(0), chunk(1)
    pipeline.launch(first, 0, 0.0)
    pipeline.launch(second, 0, 0.0)
    assert [flight.prepared for flight in pipeline.give_back(partition(0))] == [first, second]
    assert len(pipeline) == 0
    assert pipeline.head is None


def test_what_is_in_front_of_the_chunk_that_is_given_back_stays(pipeline: Pipeline) -> None:
    first, second = chunk(0), chunk(1)
    pipeline.launch(first, 0, 0.0)
    pipeline.launch(second, 0, 0.0)
    assert [flight.prepared for flight in pipeline.give_back(partition(1))] == [second]
    assert [flight.prepared for flight in pipeline] == [first]


def test_nothing_is_given_back_for_partitions_that_are_not_in_flight(pipeline: Pipeline) -> None:
    pipeline.launch(chunk(0), 0, 0.0)
    assert pipeline.give_back(partition(5)) == []
    assert len(pipeline) == 1


def test_all_are_given_back_where_no_partition_is_named(pipeline: Pipeline) -> None:
    assert pipeline.give_back(None) == []
    pipeline.launch(chunk(0), 0, 0.0)
    assert len(pipeline.give_back(None)) == 1


def test_its_own_threads_run_the_work_when_no_pool_is_given() -> None:
    first = chunk(0)
    pipeline = Pipeline(lambda prepared, _: [prepared])  # type: ignore[list-item]  # not looked into
    pipeline.launch(first, 0, 0.0)
    assert pipeline.await_head(30.0)
    result: Any = pipeline.pop().future.result()
    assert result == [first]
    pipeline.close()


def test_closing_drops_what_has_not_begun(pipeline: Pipeline, pool: HandPool) -> None:
    pipeline.launch(chunk(0), 0, 0.0)
    pipeline.close()
    assert pool.is_shut_down
