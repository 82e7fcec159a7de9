"""Named thresholds: by hand, and against a second way that tries every confidence one after the other."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from spanstream.models.calibrating import thresholds as module
from spanstream.models.calibrating.thresholds import (
    LabelledSample,
    ThresholdChoice,
    ThresholdRequest,
    choice_at,
    choose_thresholds,
    roundest_between,
)
from spanstream.models.metrics.squad_files import Example
from spanstream.models.metrics.squad_metrics import Prediction, best_f1


def sample(*questions: tuple[float, bool, bool]) -> LabelledSample:
    """Questions as (confidence, whether the candidate is right, whether there is an answer)."""
    confidence, right, answer = (np.array(column) for column in zip(*questions, strict=True))
    return LabelledSample(confidence, np.ones_like(right), right, right.astype(np.float64), answer)


RIGHT, WRONG, NO_ANSWER = (True, True), (False, True), (False, False)
TEN = sample(
    *((0.95, *RIGHT), (0.9, *RIGHT), (0.8, *WRONG), (0.7, *RIGHT), (0.6, *NO_ANSWER)),
    *((0.5, *RIGHT), (0.4, *NO_ANSWER), (0.3, *WRONG), (0.2, *NO_ANSWER), (0.1, *NO_ANSWER)),
)


@pytest.fixture(autouse=True)
def _few_answers_are_enough(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "LEAST_GIVEN", 1)


def test_each_threshold_is_the_one_found_by_hand() -> None:
    thresholds, absent = choose_thresholds(TEN, ThresholdRequest(precisions=(70, 100), recalls=(50, 75)))
    assert thresholds == {
        "default": 0.7,  # gains 1, 2, 2, 3, 2, 3, ...: the first of the two best cuts
        "precision-70": 0.7,  # 3 of 4
        "precision-100": 0.9,
        "recall-50": 0.9,  # 2 of the 4 right candidates
        "recall-75": 0.7,
        "no-answer-p95": 0.7,  # 5 % of four questions are none
    }
    assert absent == {}


def test_a_precision_that_a_handful_reaches_by_luck_is_not_offered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "LEAST_GIVEN", 3)
    thresholds, absent = choose_thresholds(TEN, ThresholdRequest(precisions=(70, 90), recalls=()))
    assert thresholds["precision-70"] == 0.7
    assert absent == {"precision-90": "no 3 most confident candidates or more are 90 % right"}


def test_where_every_question_has_an_answer_there_is_no_no_answer_threshold() -> None:
    thresholds, absent = choose_thresholds(sample((0.9, *RIGHT), (0.2, *WRONG)), ThresholdRequest((), ()))
    assert set(thresholds) == {"default"}
    assert absent == {"no-answer-p95": "every question has an answer"}


def test_where_giving_nothing_is_best_the_threshold_is_above_every_confidence() -> None:
    thresholds, _ = choose_thresholds(
        sample((0.62, *NO_ANSWER), (0.2, *NO_ANSWER), (0.1, *RIGHT)), ThresholdRequest((), ())
    )
    assert thresholds["default"] == 0.7


def test_what_a_threshold_does_is_told_in_counts() -> None:
    choice = choice_at(TEN, 0.7)
    assert choice == ThresholdChoice(0.7, given=4, right=3, questions=10, right_candidates=4)
    assert choice.precision == 0.75
    assert choice.recall == 0.75
    assert choice_at(TEN, 1.0).precision is None


def test_without_a_candidate_nothing_is_given() -> None:
    blank = LabelledSample(*(np.array([value]) for value in (1.0, False, False, 0.0, False)))
    assert choice_at(blank, 0.0).given == 0


@pytest.mark.parametrize(
    ("low", "high", "value"), [(0.41, 0.63, 0.5), (0.4112, 0.4118, 0.4113), (0.95, 0.97, 0.96), (0.99, 1.0, 1.0)]
)
def test_the_roundest_number_of_a_gap_is_taken(low: float, high: float, value: float) -> None:
    assert roundest_between(low, high) == value


UNIT = st.integers(0, 1000).map(lambda thousandth: thousandth / 1000)


@given(UNIT, UNIT)
def test_a_round_number_lies_above_the_lower_and_not_above_the_higher(first: float, second: float) -> None:
    low, high = sorted((first, second))
    if low < high:
        assert low < roundest_between(low, high) <= high


QUESTIONS = st.lists(
    st.tuples(st.integers(1, 99).map(lambda percent: percent / 100), st.sampled_from([RIGHT, WRONG, NO_ANSWER])).map(
        lambda question: (question[0], *question[1])
    ),
    min_size=1,
    max_size=30,
)


@given(QUESTIONS, st.integers(1, 100))
def test_each_threshold_is_what_trying_every_confidence_finds(
    questions: list[tuple[float, bool, bool]], percent: int
) -> None:
    tried = sample(*questions)
    thresholds, _ = choose_thresholds(tried, ThresholdRequest((percent,), (percent,)))
    every = [1.0, *sorted({confidence for confidence, *_ in questions}, reverse=True)]
    choices = {threshold: choice_at(tried, threshold) for threshold in every}

    def same(name: str, threshold: float | None) -> None:
        if threshold is None:
            assert name not in thresholds
        else:
            assert choice_at(tried, thresholds[name]).given == choices[threshold].given

    precise = [
        threshold
        for threshold in every
        if choices[threshold].given and 100 * choices[threshold].right >= percent * choices[threshold].given
    ]
    same(f"precision-{percent}", min(precise, default=None))
    rights = choices[every[-1]].right
    same(
        f"recall-{percent}", max(threshold for threshold in every if 100 * choices[threshold].right >= percent * rights)
    )
    nothing = [confidence for confidence, _, answer in questions if not answer]
    few = [
        threshold for threshold in every if 20 * sum(confidence >= threshold for confidence in nothing) <= len(nothing)
    ]
    same("no-answer-p95", min(few) if nothing else None)


@given(QUESTIONS)
def test_the_default_threshold_is_near_the_official_best_or_precise(
    questions: list[tuple[float, bool, bool]],
) -> None:
    # The official sweep takes equal scores one by one, which no threshold can do.
    questions = list({question[0]: question for question in questions}.values())
    golds = [("seven",) if answer else () for _, _, answer in questions]
    predictions = [
        Prediction(Example("id", "article", "text", "which?", gold), "seven" if right else "eight", -confidence)
        for (confidence, right, _), gold in zip(questions, golds, strict=True)
    ]
    tried = sample(*questions)
    threshold = choose_thresholds(tried, ThresholdRequest((), ()))[0]["default"]
    given_ = tried.confidence >= threshold
    f1 = np.where(given_, tried.f1, ~tried.has_answer).mean()
    lost = best_f1(predictions)[0] - 100 * f1
    precision = choice_at(tried, threshold).precision
    assert lost <= 1.0 + 1e-9 or (lost <= 4.0 + 1e-9 and precision is not None and precision >= 0.8)


def test_a_point_of_f1_is_given_up_for_fewer_wrong_answers() -> None:
    # From 0.6 down ten right and nine wrong ones: a gain of one in 200.
    sure = [(0.9, *RIGHT)] * 100 + [(0.1, *NO_ANSWER)] * 81
    tried = sample(*sure, *[(0.6, *RIGHT)] * 10, *[(0.6, *NO_ANSWER)] * 9)
    assert choose_thresholds(tried, ThresholdRequest((), ()))[0]["default"] == 0.7
    dearer = sample(*sure, *[(0.6, *RIGHT)] * 12, *[(0.6, *NO_ANSWER)] * 7)
    assert choose_thresholds(dearer, ThresholdRequest((), ()))[0]["default"] == 0.2


def test_up_to_four_points_of_f1_are_given_up_for_answers_of_which_four_of_five_are_right() -> None:
    # From 0.6 down the answers gain three points of F1, and more than a fifth of all is wrong with them.
    sure = [(0.9, *RIGHT)] * 80 + [(0.9, *WRONG)] * 20 + [(0.1, *NO_ANSWER)] * 67
    tried = sample(*sure, *[(0.6, *RIGHT)] * 19, *[(0.6, *NO_ANSWER)] * 14)
    assert choose_thresholds(tried, ThresholdRequest((), ()))[0]["default"] == 0.7
    dearer = sample(*sure, *[(0.6, *RIGHT)] * 23, *[(0.6, *NO_ANSWER)] * 10)
    assert choose_thresholds(dearer, ThresholdRequest((), ()))[0]["default"] == 0.2


def test_a_question_of_weight_two_counts_as_two() -> None:
    random = np.random.default_rng(4)
    confidence = random.random(300)
    right = random.random(300) < confidence
    answer = right | (random.random(300) < 0.5)
    weight = random.integers(1, 4, 300)
    f1, candidate = right.astype(np.float64), np.ones_like(right)
    once = LabelledSample(confidence, candidate, right, f1, answer, weight.astype(np.float64))
    often = np.repeat(np.arange(300), weight)
    repeated = LabelledSample(confidence[often], candidate[often], right[often], f1[often], answer[often])
    assert choose_thresholds(once, ThresholdRequest()) == choose_thresholds(repeated, ThresholdRequest())
