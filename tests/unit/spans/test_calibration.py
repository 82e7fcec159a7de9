from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from spanstream.models.spans.aggregate import RawAnswer
from spanstream.models.spans.calibration import FEATURES, Calibration
from spanstream.models.spans.search import TokenSpan
from tests.support.model.hand_made_windows import hand_made_document, hand_made_span, hand_made_window

WINDOW = hand_made_window(hand_made_document(range(8)))
RAW = st.floats(-1e6, 1e6)


def _reading(score: float, null_score: float = 0.0, runner_up: float = 0.0, windows: int = 1) -> RawAnswer:
    best = hand_made_span(WINDOW, TokenSpan(1, 2, score), null_score=null_score, log_probability=-3.0)
    return RawAnswer(best, null_score, runner_up, windows)


def _calibration(**weights: float) -> Calibration:
    return Calibration(name="test", bias=0.5, weights=weights, thresholds={"default": 0.4})


@given(RAW, RAW, RAW, st.integers(1, 10_000), st.floats(-100, 100))
def test_a_confidence_is_a_probability(
    score: float, null: float, runner_up: float, windows: int, weight: float
) -> None:
    calibration = _calibration(**dict.fromkeys(FEATURES, weight))
    assert 0 <= calibration.confidence(_reading(score, null, runner_up, windows)) <= 1


def test_a_confidence_is_the_logistic_function_of_the_weighted_features() -> None:
    calibration = _calibration(null_score_diff=-0.4, margin=0.2, log_windows=0.1, log_probability=0.3)
    reading = _reading(score=5.0, null_score=2.0, runner_up=4.0, windows=3)
    logit = 0.5 - 0.4 * (2.0 - 5.0) + 0.2 * (5.0 - 4.0) + 0.1 * math.log(3) + 0.3 * -3.0
    assert math.isclose(calibration.confidence(reading), 1 / (1 + math.exp(-logit)))


def test_without_a_candidate_there_is_no_confidence() -> None:
    assert _calibration(null_score_diff=-1.0).confidence(RawAnswer(None, 9.0, 9.0, 2)) == 0.0


def test_a_better_score_is_never_less_confident() -> None:
    calibration = _calibration(null_score_diff=-0.4)
    confidences = [calibration.confidence(_reading(float(score))) for score in range(-40, 40)]
    assert confidences == sorted(confidences)
    assert confidences[0] < 0.01
    assert confidences[-1] > 0.99


def test_the_window_tells_what_kind_of_text_it_is_by_how_short_its_tokens_are() -> None:
    document = hand_made_document(range(8))
    lengths = np.array([1, 1, 4, 4, 4, 1, 1, 1], dtype=np.int32)
    longer = replace(document, starts=document.starts * 4, ends=document.starts * 4 + lengths)
    best = hand_made_span(hand_made_window(longer, 2, 6), TokenSpan(3, 3, 1.0))
    assert FEATURES["characters_per_token"](RawAnswer(best, 0.0, 0.0, 1)) == (4 + 4 + 4 + 1) / 4


@given(RAW, RAW, st.floats(-5, 5), st.floats(-30, 30))
def test_a_calibration_that_does_not_weigh_the_head_is_the_same_with_it_and_without(
    score: float, null: float, weight: float, logit: float
) -> None:
    calibration, reading = _calibration(null_score_diff=weight), _reading(score, null)
    assert reading.best is not None
    headed = replace(reading, best=replace(reading.best, answerability=logit), answerability=logit)
    assert calibration.confidence(headed) == calibration.confidence(reading)


def test_a_more_answerable_window_is_more_confident_where_the_head_is_weighed() -> None:
    calibration, reading = _calibration(null_score_diff=-0.4, answerability=0.5), _reading(1.0)
    assert reading.best is not None
    confidences = [
        calibration.confidence(replace(reading, best=replace(reading.best, answerability=logit)))
        for logit in (-3.0, 0.0, 3.0)
    ]
    assert confidences == sorted(set(confidences))
    # What a model without the head says is what an undecided head says.
    assert confidences[1] == calibration.confidence(reading)


def test_unknown_features_are_refused() -> None:
    with pytest.raises(ValidationError, match="unknown features"):
        _calibration(luck=1.0)


@pytest.mark.parametrize(
    ("thresholds", "reason"), [({}, "`default` is missing"), ({"default": 0.5, "strict": 1.5}, "not between 0 and 1")]
)
def test_thresholds_are_probabilities_and_default_is_among_them(thresholds: dict[str, float], reason: str) -> None:
    with pytest.raises(ValidationError, match=reason):
        Calibration(name="test", bias=0.0, weights={}, thresholds=thresholds)
