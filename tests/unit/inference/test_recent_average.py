from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spanstream.models.inference.recent_average import RecentAverage


def test_before_the_first_item_there_is_no_average() -> None:
    assert RecentAverage().value is None


@given(st.lists(st.tuples(st.integers(1, 50), st.floats(0, 100)), min_size=1, max_size=5))
def test_the_first_items_all_count_the_same(measured: list[tuple[int, float]]) -> None:
    average = RecentAverage()
    for items, amount in measured:
        average.add(items, amount)
    total = sum(amount for _, amount in measured)
    assert average.value == pytest.approx(total / sum(items for items, _ in measured))


def test_it_follows_a_change() -> None:
    average = RecentAverage()
    for _ in range(1000):
        average.add(10, 10.0)
    assert average.value == 1.0
    for _ in range(20):
        average.add(256, 512.0)
    assert average.value == pytest.approx(2.0, abs=0.01)
