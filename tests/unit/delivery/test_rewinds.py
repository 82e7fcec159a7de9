"""Which of the polled records come again, and what is left to be done."""

from __future__ import annotations

from collections.abc import Iterable

import pytest

from spanstream.consumer.broker.protocols import Partition, Record
from spanstream.consumer.delivery.rewinds import Rewinds

ZERO, ONE = Partition("t", 0), Partition("t", 1)


class CountedRewinds(Rewinds):
    def __init__(self) -> None:
        self.count = 0
        super().__init__(self._add)

    def _add(self) -> None:
        self.count += 1

    def take(self, offsets: Iterable[int], partition: Partition = ZERO) -> tuple[list[int], dict[Partition, int]]:
        records, rewound = self.sift([Record(partition, offset, None, None) for offset in offsets])
        return [record.offset for record in records], rewound


@pytest.fixture
def rewinds() -> CountedRewinds:
    made = CountedRewinds()
    made.start_from({ZERO: 5, ONE: None})
    return made


def test_rising_offsets_pass_with_gaps_and_in_every_partition_apart(rewinds: CountedRewinds) -> None:
    assert rewinds.take([5, 6, 9]) == ([5, 6, 9], {})
    assert rewinds.take([0, 1], ONE) == ([0, 1], {})
    assert rewinds.take([10]) == ([10], {})
    assert rewinds.count == 0


def test_what_was_read_before_comes_again_and_takes_the_place_of_it(rewinds: CountedRewinds) -> None:
    rewinds.take([5, 6, 7])
    assert rewinds.take([8, 6, 7, 8]) == ([6, 7, 8], {ZERO: 6})
    assert rewinds.take([9]) == ([9], {})
    assert rewinds.count == 1


def test_a_start_below_what_is_committed_is_dropped_once_the_group_has_said_so_again(rewinds: CountedRewinds) -> None:
    assert rewinds.take([0, 1]) == ([0, 1], {ZERO: 0})
    rewinds.start_from({ZERO: 5})
    assert rewinds.take([2, 3]) == ([], {})
    assert rewinds.take([4, 5]) == ([5], {})
    assert rewinds.count == 1


def test_nothing_is_dropped_where_nothing_is_committed_any_more(rewinds: CountedRewinds) -> None:
    rewinds.take([5, 6])
    assert rewinds.take([0]) == ([0], {ZERO: 0})
    rewinds.start_from({ZERO: None})
    assert rewinds.take([1, 2]) == ([1, 2], {})


def test_a_partition_that_went_and_came_back_begins_anew(rewinds: CountedRewinds) -> None:
    rewinds.take([5, 6, 7])
    rewinds.forget([ZERO, ONE])
    rewinds.start_from({ZERO: 6})
    assert rewinds.take([6]) == ([6], {})
    assert rewinds.count == 0


def test_what_lies_before_the_place_that_is_read_again_is_kept(rewinds: CountedRewinds) -> None:
    assert rewinds.take([5, 6, 7, 6, 7]) == ([5, 6, 7], {ZERO: 6})
