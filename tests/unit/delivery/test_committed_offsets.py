"""Which positions are past what is committed, and when to commit them."""

from __future__ import annotations

import pytest

from spanstream.consumer.broker.protocols import Partition
from spanstream.consumer.delivery.committed_offsets import CommittedOffsets
from tests.support.memory.fake_time import FakeClock

ZERO, ONE = Partition("t", 0), Partition("t", 1)


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def committed(clock: FakeClock) -> CommittedOffsets:
    return CommittedOffsets(clock)


def test_only_positions_past_what_is_committed_are_ahead(committed: CommittedOffsets) -> None:
    committed.start_from({ZERO: 5, ONE: None})
    assert committed.ahead({ZERO: 5, ONE: 1}) == {ONE: 1}
    committed.advance({ONE: 1})
    assert committed.ahead({ZERO: 6, ONE: 1}) == {ZERO: 6}


def test_where_nothing_is_committed_the_first_offset_is_ahead_too(committed: CommittedOffsets) -> None:
    committed.start_from({ZERO: 0, ONE: None})
    assert committed.ahead({ZERO: 0, ONE: 0}) == {ONE: 0}


def test_a_partition_of_which_nothing_is_known_is_never_ahead(committed: CommittedOffsets) -> None:
    committed.start_from({ZERO: 5})
    committed.forget([ZERO, ONE])
    assert committed.ahead({ZERO: 9, ONE: 9}) == {}


def test_progress_is_due_a_second_after_the_last_commit(committed: CommittedOffsets, clock: FakeClock) -> None:
    due = [committed.is_progress_due]
    committed.advance({ZERO: 1})
    due.append(committed.is_progress_due)
    clock.sleep(1.0)
    due.append(committed.is_progress_due)
    assert due == [True, False, True]
