"""The population stability index: a distance, whatever is counted, and small where chance is all there is."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from spanstream.models.arrays import Int64Array
from spanstream.models.drift.stability import drift_index, index_by_chance, stability_index

counts = st.lists(st.integers(0, 5000), min_size=2, max_size=12)
pairs = st.integers(2, 12).flatmap(
    lambda bins: st.tuples(*[st.lists(st.integers(0, 5000), min_size=bins, max_size=bins)] * 2)
)


def histogram(values: list[int]) -> Int64Array:
    return np.array(values, dtype=np.int64)


@given(pairs)
def test_it_is_never_negative_always_finite_and_the_same_both_ways(pair: tuple[list[int], list[int]]) -> None:
    one, other = map(histogram, pair)
    index = stability_index(one, other)
    assert index >= 0
    assert math.isfinite(index)
    assert index == pytest.approx(stability_index(other, one))


@given(counts, st.integers(1, 50))
def test_equal_shares_are_no_distance_apart_however_many_were_counted(values: list[int], times: int) -> None:
    assert stability_index(histogram(values), times * histogram(values)) == pytest.approx(0, abs=1e-12)


@given(pairs)
def test_the_drift_is_never_larger_than_the_index_and_never_negative(pair: tuple[list[int], list[int]]) -> None:
    one, other = map(histogram, pair)
    assert 0 <= drift_index(one, other) <= stability_index(one, other)


@given(pairs, st.integers(0, 12))
def test_a_bin_that_is_empty_on_both_sides_changes_nothing(pair: tuple[list[int], list[int]], place: int) -> None:
    one, other = map(histogram, pair)
    at = min(place, len(one))
    wider = np.insert(one, at, 0), np.insert(other, at, 0)
    assert stability_index(*wider) == pytest.approx(stability_index(one, other))
    assert index_by_chance(*wider) == pytest.approx(index_by_chance(one, other))


def test_by_hand_of_large_samples_it_is_the_sum_that_the_books_give() -> None:
    one, other = histogram([600_000, 300_000, 100_000]), histogram([300_000, 400_000, 300_000])
    by_hand = 0.3 * math.log(2) + 0.1 * math.log(4 / 3) + 0.2 * math.log(3)
    assert stability_index(one, other) == pytest.approx(by_hand, rel=1e-4)


def test_nothing_was_counted_on_one_side_is_no_distance() -> None:
    nothing = histogram([0, 0])
    assert stability_index(nothing, histogram([3, 4])) == drift_index(nothing, nothing) == 0
    assert index_by_chance(nothing, histogram([3, 4])) == 0


def test_without_drift_the_index_has_the_mean_that_the_theory_says() -> None:
    random, shares = np.random.default_rng(7), [0.1, 0.2, 0.3, 0.25, 0.15]
    drawn = [stability_index(random.multinomial(400, shares), random.multinomial(900, shares)) for _ in range(2000)]
    assert np.mean(drawn) == pytest.approx(4 * (1 / 400 + 1 / 900), rel=0.1)


@pytest.mark.parametrize("bins", [2, 5, 10])
@pytest.mark.parametrize("sizes", [(30, 30), (60, 1000), (540, 1000)])
def test_without_drift_chance_explains_nearly_every_index(bins: int, sizes: tuple[int, int]) -> None:
    random = np.random.default_rng(11)
    shares = random.dirichlet(np.full(bins, 4.0))
    drifts = np.array([drift_index(*(random.multinomial(size, shares) for size in sizes)) for _ in range(1000)])
    assert np.mean(drifts > 0) < 0.05
    assert np.mean(drifts > 0.25) < 0.01


def test_a_distribution_that_moved_is_found_though_the_samples_are_small() -> None:
    assert drift_index(histogram([5, 25, 60, 10]), histogram([60, 25, 10, 5])) > 0.25
