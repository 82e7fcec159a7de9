"""The promise of a threshold: the exact bound by hand, and over many samples that the promise is kept."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from spanstream.models.arrays import BoolArray, Float64Array
from spanstream.models.calibrating.guarantee import (
    ALPHA,
    Guarantee,
    ThresholdTrial,
    run_fixed_sequence,
    threshold_order,
    two_sided_interval,
    upper_bound,
)

SAMPLES, QUESTIONS = 600, 600
# Three standard errors of a rate of 5 % over so many samples.
SLACK = 3 * math.sqrt(ALPHA * (1 - ALPHA) / SAMPLES)


def binomial_tail(wrong: int, given_: int, share: float) -> float:
    """Returns P(at most `wrong` of `given_`), summed up term by term."""
    return sum(math.comb(given_, k) * share**k * (1 - share) ** (given_ - k) for k in range(wrong + 1))


def test_without_a_wrong_answer_the_bound_is_the_root_of_the_miss_rate() -> None:
    assert upper_bound(0, 29) == pytest.approx(1 - 0.05 ** (1 / 29))
    assert upper_bound(0, 28) > 0.1 > upper_bound(0, 29)  # 29 right ones in a row prove 90 %, 28 do not


def test_where_nothing_was_given_or_everything_was_wrong_nothing_is_bounded() -> None:
    assert upper_bound(0, 0) == 1.0
    assert upper_bound(7, 7) == 1.0


@given(st.integers(1, 150).flatmap(lambda n: st.tuples(st.integers(0, n - 1), st.just(n))))
def test_at_the_bound_so_few_wrong_answers_are_as_rare_as_the_miss_rate(counts: tuple[int, int]) -> None:
    wrong, given_ = counts
    assert binomial_tail(wrong, given_, upper_bound(wrong, given_)) == pytest.approx(ALPHA)


@given(st.integers(1, 150).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))))
def test_a_two_sided_interval_holds_the_share_and_mirrors_its_complement(counts: tuple[int, int]) -> None:
    count, total = counts
    low, high = two_sided_interval(count, total)
    assert 0 <= low <= count / total <= high <= 1
    assert two_sided_interval(total - count, total) == pytest.approx((1 - high, 1 - low))


def test_the_walk_ends_at_the_first_failure_even_if_a_later_threshold_would_pass() -> None:
    scores = np.linspace(1, 0, 400)
    wrong = np.zeros(400, dtype=np.bool_)
    wrong[20:60] = True  # dense here, none after
    guarantee = run_fixed_sequence(np.array([0.9, 0.8, 0.0]), scores, wrong, 0.2)
    assert upper_bound(40, 400) < 0.2
    assert [trial.given for trial in guarantee.trials] == [40]
    assert guarantee.kept is None


def test_the_last_threshold_that_passed_is_the_one_kept() -> None:
    scores = np.linspace(1, 0, 401)
    wrong = np.zeros(401, dtype=np.bool_)
    wrong[200:] = True
    guarantee = run_fixed_sequence(np.array([0.8, 0.6, 0.2, 0.1]), scores, wrong, 0.1)
    assert [trial.threshold for trial in guarantee.trials] == [0.8, 0.6, 0.2]
    assert guarantee.kept == ThresholdTrial(0.6, 161, 0, upper_bound(0, 161))


def test_an_order_goes_from_strict_to_lenient_and_begins_where_something_can_be_proved() -> None:
    random = np.random.default_rng(1)
    scores = random.random(1000)
    wrong = random.random(1000) < 0.4 * (1 - scores)
    order = threshold_order(scores, wrong, 0.1, 1000)
    assert (np.diff(order) < 0).all()
    assert (scores >= order[0]).sum() >= 29
    assert (scores >= order[-1]).all()


@given(st.lists(st.integers(0, 5), min_size=1, max_size=40))
def test_equal_scores_are_never_told_apart(levels: list[int]) -> None:
    scores = np.array(levels, dtype=np.float64)
    order = threshold_order(scores, scores < 2, 0.1, 40)
    assert not set(order.tolist()) & set(scores.tolist())
    assert len(order) <= len(set(levels))


def flat(scores: Float64Array) -> Float64Array:
    """Returns a risk just above the promise everywhere: keeping any threshold breaks the promise."""
    return np.full_like(scores, 0.101)


def rising(scores: Float64Array) -> Float64Array:
    """Returns a risk that falls from 30 % for the least sure candidates to 0: the promise ends at a score of 1/3."""
    return 0.3 * (1 - scores)


def risk_above(threshold: float, rate: Callable[[Float64Array], Float64Array]) -> float:
    """Returns the true share of wrong answers among scores, uniform from 0 to 1, that are not below the threshold."""
    return float(rate(np.linspace(max(threshold, 0.0), 1.0, 2001)).mean())


def drawn(random: np.random.Generator, rate: Callable[[Float64Array], Float64Array]) -> tuple[Float64Array, BoolArray]:
    scores = random.random(QUESTIONS)
    return scores, random.random(QUESTIONS) < rate(scores)


def fixed_sequence(random: np.random.Generator, rate: Callable[[Float64Array], Float64Array]) -> ThresholdTrial | None:
    """As `fit` does it: one sample fixes the order, another one is tested."""
    order = threshold_order(*drawn(random, rate), 0.1, QUESTIONS)
    return run_fixed_sequence(order, *drawn(random, rate), 0.1).kept


def best_of_all(random: np.random.Generator, rate: Callable[[Float64Array], Float64Array]) -> ThresholdTrial | None:
    """Tests every threshold and keeps the most lenient that passes: tempting, and wrong."""
    scores, wrong = drawn(random, rate)
    every = np.quantile(scores, np.linspace(0.95, 0, 96))
    passed = [run_fixed_sequence(np.array([threshold]), scores, wrong, 0.1).kept for threshold in every]
    return next((trial for trial in reversed(passed) if trial), None)


def miss_rate(
    way: Callable[[np.random.Generator, Callable[[Float64Array], Float64Array]], ThresholdTrial | None],
    rate: Callable[[Float64Array], Float64Array],
    samples: int = SAMPLES,
) -> tuple[float, float]:
    """Returns (how often the threshold kept gives more than 10 % wrong answers, how often one is kept)."""
    random = np.random.default_rng(7)
    kept = [way(random, rate) for _ in range(samples)]
    misses = [risk_above(trial.threshold, rate) > 0.1 for trial in kept if trial]
    return sum(misses) / samples, len(misses) / samples


@pytest.mark.parametrize("rate", [flat, rising])
def test_over_many_samples_the_promise_is_broken_in_at_most_one_of_twenty(
    rate: Callable[[Float64Array], Float64Array],
) -> None:
    misses, kept = miss_rate(fixed_sequence, rate)
    print(f"{rate.__name__}: broken in {misses:.1%} of samples, made in {kept:.1%}")  # noqa: T201  the share, for people
    assert misses <= ALPHA + SLACK
    assert (kept > 0.5) == (rate is rising)  # it is not kept by never promising anything


def test_taking_the_best_of_all_thresholds_breaks_the_promise() -> None:
    misses, _ = miss_rate(best_of_all, flat, SAMPLES // 3)
    print(f"best of all: broken in {misses:.1%} of samples")  # noqa: T201  the share, for people
    assert misses > ALPHA + 2 * SLACK


def test_a_guarantee_without_a_passed_trial_is_not_kept() -> None:
    assert Guarantee(0.1, (ThresholdTrial(0.5, 10, 1, 0.4),), 10).kept is None
