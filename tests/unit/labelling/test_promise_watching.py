"""A promise about wrong answers is tested with each label: rarely called broken while it holds, soon if it does not."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from spanstream.models.labelling.choosing import Candidate, draw, uniform_share
from spanstream.models.labelling.watching import ALPHA, watch

RUNS, ANSWERS = 120, 400


def share_of_alarms(error_rate: float, allowed: float) -> float:
    random = np.random.default_rng(7)
    runs = random.random((RUNS, ANSWERS)) < error_rate
    return float(np.mean([watch((bool(wrong), allowed) for wrong in run).is_broken for run in runs]))


@pytest.mark.parametrize(("error_rate", "allowed"), [(0.1, 0.1), (0.2, 0.2), (0.05, 0.1)])
def test_looked_at_after_each_of_many_labels_a_kept_promise_is_rarely_called_broken(
    error_rate: float, allowed: float
) -> None:
    assert share_of_alarms(error_rate, allowed) <= ALPHA


def test_a_promise_that_is_not_kept_is_found() -> None:
    assert share_of_alarms(0.2, 0.1) > 0.99


def test_a_confidence_that_is_too_high_is_found_and_a_right_one_is_not() -> None:
    random = np.random.default_rng(3)
    confidence = random.uniform(0.5, 0.99, 600)
    right = random.random(600)
    kept = watch((bool(r > c), float(1 - c)) for r, c in zip(right, confidence, strict=True))
    broken = watch((bool(r > c - 0.2), float(1 - c)) for r, c in zip(right, confidence, strict=True))
    assert (kept.is_broken, broken.is_broken) == (False, True)
    assert kept.promised == pytest.approx(kept.wrong, abs=40)


def test_nothing_is_known_before_the_first_label() -> None:
    nothing = watch(())
    assert (nothing.given, nothing.evidence, nothing.at_least, nothing.at_most) == (0, 1.0, 0.0, 1.0)


@given(st.lists(st.booleans(), min_size=1, max_size=200))
def test_the_share_that_was_seen_lies_between_the_bounds(wrong: list[bool]) -> None:
    seen = watch((one, 0.1) for one in wrong)
    assert seen.at_least <= sum(wrong) / len(wrong) <= seen.at_most


def test_bounds_hold_over_all_time() -> None:
    random = np.random.default_rng(11)
    missed = 0
    for _ in range(60):
        run = random.random(300) < 0.15
        bounds = [watch((bool(one), 0.1) for one in run[:size]) for size in range(20, 301, 40)]
        missed += any(not bound.at_least <= 0.15 <= bound.at_most for bound in bounds)
    assert missed <= 2 * ALPHA * 60  # either bound


def test_what_was_chosen_before_its_turn_belongs_to_the_uniform_share() -> None:
    candidates = [Candidate(f"q-{number}", "often" if number % 4 else "seldom") for number in range(400)]
    sampling: dict[str, str | None] = {}
    for _ in range(4):
        sampling |= {one.question_id: one.sampling for one in draw(candidates, sampling, 40, 0.5)}
    share, depth = uniform_share(sampling)
    assert {name for name, way in sampling.items() if way == "random"} < share < sampling.keys()
    seldom = sum(int(name[2:]) % 4 == 0 for name in share)
    assert 0.15 < seldom / len(share) < 0.35
    assert abs(depth - len(share) / 400) < 0.06
    assert uniform_share({"q-1": None})[0] == set()
