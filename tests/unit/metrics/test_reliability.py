"""What a confidence is worth: calibration error, Brier score and coverage, worked out by hand."""

from __future__ import annotations

import numpy as np
import pytest

from spanstream.models.metrics.reliability import (
    BINS,
    Judgement,
    area_under_risk_coverage,
    brier_score,
    coverage_at,
    expected_calibration_error,
    with_interval,
)


def test_the_calibration_error_is_the_mean_gap_of_bins_that_hold_equally_many() -> None:
    # Bins of two: each says 0.9 and is right half of the time.
    confidence = np.full(2 * BINS, 0.9)
    right = np.tile([1.0, 0.0], BINS)
    assert expected_calibration_error(confidence, right) == pytest.approx(0.4)


def test_over_and_under_confidence_do_not_cancel_out_between_bins() -> None:
    confidence = np.repeat([0.2, 0.8], BINS * 15)
    right = np.repeat([0.5, 0.5], BINS * 15) * 0
    right[::2] = 1.0
    assert expected_calibration_error(confidence, right) == pytest.approx(0.3, abs=0.02)


def test_a_confidence_that_comes_true_exactly_has_no_calibration_error() -> None:
    assert expected_calibration_error(np.array([0.0] * 15 + [1.0] * 15), np.array([0.0] * 15 + [1.0] * 15)) == 0


def test_fewer_questions_than_bins_leave_bins_empty() -> None:
    assert expected_calibration_error(np.array([0.5, 1.0]), np.array([0.0, 1.0])) == pytest.approx(0.25)


def test_the_brier_score_is_the_mean_squared_difference() -> None:
    assert brier_score(np.array([0.5, 1.0]), np.array([0.0, 1.0])) == pytest.approx(0.125)


def test_risk_over_coverage_averages_the_error_of_the_most_confident_one_two_and_all() -> None:
    # Most confident first: right, wrong, right -> errors 0, 1/2, 1/3.
    figure = area_under_risk_coverage(np.array([0.2, 0.9, 0.5]), np.array([1.0, 1.0, 0.0]))
    assert figure == pytest.approx((0 + 1 / 2 + 1 / 3) / 3)


def test_coverage_is_the_greatest_share_that_reaches_the_accuracy() -> None:
    confidence, right = np.array([0.9, 0.8, 0.7, 0.6]), np.array([1.0, 0.0, 1.0, 0.0])
    assert coverage_at(0.6)(confidence, right) == pytest.approx(0.75)  # 2 of the first 3 are right
    assert coverage_at(1.0)(confidence, right) == pytest.approx(0.25)
    assert coverage_at(0.9)(confidence, 1 - right) == 0


def test_an_interval_holds_the_figure_and_is_the_same_every_time() -> None:
    judgements = [Judgement(0.5, place % 3 == 0, f"paragraph {place // 4}") for place in range(80)]
    interval = with_interval(brier_score, judgements)
    assert interval.low <= interval.value <= interval.high
    assert with_interval(brier_score, judgements) == interval


def test_paragraphs_are_drawn_whole_so_that_their_questions_widen_the_interval() -> None:
    def width(questions_a_paragraph: int) -> float:
        judgements = [
            Judgement(0.9, (place // 10) % 2 == 0, f"paragraph {place // questions_a_paragraph}")
            for place in range(400)
        ]
        interval = with_interval(brier_score, judgements)
        return interval.high - interval.low

    assert width(10) > 2 * width(1)
