"""Which partitions are fetched, as the group consumer is told it by pauses."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import pytest

from spanstream.consumer.broker.protocols import Partition
from spanstream.consumer.delivery.ownership import Ownership
from tests.support.events.asked import TOPICS

D0, D1 = Partition(TOPICS.documents, 0), Partition(TOPICS.documents, 1)
Q0, Q1 = Partition(TOPICS.questions, 0), Partition(TOPICS.questions, 1)
R0, R1 = Partition(TOPICS.retries, 0), Partition(TOPICS.retries, 1)


@dataclass
class Pauses:
    """What a group consumer would keep, of the calls that count here."""

    paused: set[Partition] = field(default_factory=set)
    calls: int = 0

    def pause(self, partitions: Iterable[Partition]) -> None:
        self.paused |= set(partitions)
        self.calls += 1

    def resume(self, partitions: Iterable[Partition]) -> None:
        self.paused -= set(partitions)


@pytest.fixture
def pauses() -> Pauses:
    return Pauses()


@pytest.fixture
def ownership(pauses: Pauses) -> Ownership:
    consumer: Any = pauses
    return Ownership(consumer, TOPICS.documents)


def update(ownership: Ownership, *behind: Partition, full: Iterable[str] = ()) -> None:
    ownership.update(frozenset(behind), frozenset(full))


def test_nothing_is_fetched_before_it_is_known_where_the_documents_end(ownership: Ownership, pauses: Pauses) -> None:
    ownership.add([D0, Q0, R0])
    assert ownership.to_load == {D0}
    update(ownership)
    assert pauses.paused == {D0, Q0, R0}
    assert not ownership.is_ready


def test_questions_and_retries_are_fetched_once_their_documents_are_read(ownership: Ownership, pauses: Pauses) -> None:
    ownership.add([D0, Q0, R0, D1, Q1, R1])
    ownership.begin_loading({D0: 5, D1: 7})
    assert ownership.ends_to_load == {D0: 5, D1: 7}
    assert not ownership.to_load
    update(ownership, D1)
    assert pauses.paused == {D0, D1, Q1, R1}
    assert [ownership.is_ready] == [False]
    update(ownership)
    assert pauses.paused == {D0, D1}
    assert [ownership.is_ready] == [True]
    assert ownership.ends_to_load == {}


def test_documents_that_fall_behind_later_stop_no_fetching(ownership: Ownership, pauses: Pauses) -> None:
    ownership.add([D0, Q0])
    ownership.begin_loading({D0: 5})
    update(ownership)
    update(ownership, D0)
    assert pauses.paused == {D0}


def test_questions_whose_documents_partition_is_not_owned_are_not_fetched(ownership: Ownership, pauses: Pauses) -> None:
    ownership.add([Q1])
    update(ownership)
    assert pauses.paused == {Q1}
    assert not ownership.is_ready


def test_a_full_topic_is_paused_and_the_other_goes_on(ownership: Ownership, pauses: Pauses) -> None:
    ownership.add([D0, Q0, R0])
    ownership.begin_loading({D0: 0})
    update(ownership, full=[TOPICS.retries])
    assert pauses.paused == {D0, R0}
    update(ownership, full=[TOPICS.retries, TOPICS.questions])
    assert pauses.paused == {D0, R0, Q0}
    update(ownership)
    assert pauses.paused == {D0}


def test_what_is_removed_and_comes_back_is_loaded_anew(ownership: Ownership, pauses: Pauses) -> None:
    ownership.add([D0, Q0])
    ownership.begin_loading({D0: 0})
    update(ownership)
    ownership.remove([D0, Q0])
    assert not ownership.consumed
    assert not ownership.is_ready
    pauses.paused.clear()  # a pause does not outlive the assignment
    ownership.add([D0, Q0])
    update(ownership)
    assert pauses.paused == {D0, Q0}
    assert ownership.to_load == {D0}


def test_after_a_doubt_everything_owned_is_loaded_anew(ownership: Ownership, pauses: Pauses) -> None:
    ownership.add([D0, Q0, R0])
    ownership.begin_loading({D0: 0})
    update(ownership)
    ownership.reload()
    assert ownership.to_load == {D0}
    update(ownership)
    assert pauses.paused == {D0, Q0, R0}


def test_a_member_that_owns_nothing_is_not_ready(ownership: Ownership) -> None:
    assert not ownership.is_ready
    ownership.reload()
    assert not ownership.to_load


def test_consumed_and_followed_partitions_are_told_apart_by_their_topic(ownership: Ownership) -> None:
    ownership.add([D0, Q0, R0])
    assert ownership.consumed == {Q0, R0}
    assert ownership.followed == {D0}
