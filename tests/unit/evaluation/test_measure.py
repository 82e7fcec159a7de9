"""An evaluation's figures on made-up readings: by hand, and the same as the official script's at every threshold."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from spanstream.models.calibrating.guarantee import two_sided_interval
from spanstream.models.evaluation.measure import _at_thresholds, _buckets, reliability_bins
from spanstream.models.evaluation.observation_table import ObservationTable
from spanstream.models.evaluation.observe import Observation
from spanstream.models.metrics.squad_metrics import scores_at
from spanstream.models.spans.calibration import Calibration
from tests.support.model.labelled_reads import labelled_read, labelled_reads

CALIBRATION = Calibration(name="c", bias=0.0, weights={"null_score_diff": -1.0}, thresholds={"default": 0.5})

# A score of 2 is a confidence of 0.88, one of -2 of 0.12.
FOUR = ObservationTable.of(
    [
        Observation(labelled_read(number, score=score, log_probability=-1.0, answer=answer, right=right), *size)
        for number, (score, answer, right, size) in enumerate(
            [
                (2.0, True, True, (100, 1, 1)),
                (2.0, False, False, (128, 1, 1)),
                (-2.0, False, False, (129, 2, 2)),
                (-2.0, True, True, (20_000, 32, 80)),
            ]
        )
    ],
    CALIBRATION,
)


def test_at_a_threshold_answerable_and_unanswerable_are_told_apart() -> None:
    figures = _at_thresholds(FOUR, {"default": 0.5})["default"]
    assert (figures.exact.value, figures.f1.value) == (50, 50)  # one given rightly, one declined rightly
    assert (figures.answerable_exact, figures.answerable_f1) == (50, 50)
    assert figures.unanswerable_declined == 50
    assert (figures.given, figures.right, figures.recall) == (2, 1, 0.5)
    assert figures.precision is not None
    assert (figures.precision.value, figures.precision.low, figures.precision.high) == (0.5, *two_sided_interval(1, 2))
    assert figures.exact.low <= 50 <= figures.exact.high


def test_a_threshold_that_gives_nothing_has_no_precision() -> None:
    figures = _at_thresholds(FOUR, {"never": 1.0})["never"]
    assert (figures.given, figures.precision, figures.unanswerable_declined) == (0, None, 100)


def test_questions_are_sorted_by_the_size_of_their_text_and_empty_sizes_left_out() -> None:
    by_tokens = _buckets(FOUR, FOUR.tokens, (128, 256), 0.5)
    assert [(bucket.of, bucket.questions) for bucket in by_tokens] == [("0 to 128", 2), ("129 to 256", 1), ("257+", 1)]
    assert (by_tokens[0].exact, by_tokens[1].exact, by_tokens[2].exact) == (50, 100, 0)
    assert (by_tokens[1].candidate_exact, by_tokens[1].declined) == (None, 100)
    assert (by_tokens[2].candidate_exact, by_tokens[2].declined) == (100, None)  # found, and not given
    by_windows = _buckets(FOUR, FOUR.windows_total, (0, 1, 2), 0.5)
    assert [(bucket.of, bucket.windows_read) for bucket in by_windows] == [("1", 1), ("2", 2), ("3+", 32)]


def test_reliability_bins_hold_equally_many_and_their_intervals_the_accuracy() -> None:
    confidence, right = np.linspace(0, 1, 150), np.arange(150) % 2 == 0
    bins = reliability_bins(confidence, right)
    assert [members.questions for members in bins] == [10] * 15
    assert [members.confidence for members in bins] == sorted(members.confidence for members in bins)
    assert all(members.accuracy.low < members.accuracy.value == 0.5 < members.accuracy.high for members in bins)


TABLE = ObservationTable.of([Observation(read, 10, 1, 1) for read in labelled_reads(150)], CALIBRATION)


@given(st.floats(0.01, 0.99))
def test_scores_at_a_confidence_are_the_official_ones(threshold: float) -> None:
    official = scores_at(TABLE.predictions(-TABLE.sample.confidence), -threshold)
    assert 100 * TABLE.scores_at(threshold, TABLE.exact).mean() == pytest.approx(official.exact)
    assert 100 * TABLE.scores_at(threshold, TABLE.f1).mean() == pytest.approx(official.f1)
