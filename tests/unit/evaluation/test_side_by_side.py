"""Two models on the same questions: agreement, who is right, and how the confidence shifts."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spanstream.models.evaluation.report import ArtifactFacts
from spanstream.models.evaluation.side_by_side import ModelComparison, compare_answers
from spanstream.models.spans.agreement import Agreement, ModelAnswer
from spanstream.models.spans.quotes import Quote

ONE, OTHER = (ArtifactFacts(name="m", version=version, calibration=f"m-{version}") for version in "12")
HERE, NEAR, THERE = Quote("abc", 0, 3), Quote("bcd", 1, 4), Quote("xyz", 7, 10)
ANSWERS = st.builds(
    ModelAnswer, st.sampled_from([None, HERE, NEAR, THERE]), st.floats(0, 1), st.sampled_from([True, False])
)


def compared(*pairs: tuple[ModelAnswer, ModelAnswer]) -> ModelComparison:
    return compare_answers(ONE, OTHER, pairs)


def said(given_at: Quote | None, confidence: float = 0.5, right: bool | None = None) -> ModelAnswer:
    return ModelAnswer(given_at, confidence, right)


def test_every_question_is_in_one_kind_of_agreement() -> None:
    pairs = [(HERE, HERE), (None, None), (HERE, NEAR), (HERE, None), (None, NEAR), (HERE, THERE)]
    figures = compared(*((said(one), said(other)) for one, other in pairs)).agreement
    assert figures.counts == {
        Agreement.SAME: 2,
        Agreement.OVERLAPPING: 1,
        Agreement.ONE_DECLINED: 2,
        Agreement.DIFFERENT: 1,
    }
    assert figures.same.value == pytest.approx(1 / 3)
    assert figures.same.low < 1 / 3 < figures.same.high


def test_the_exact_test_counts_only_the_questions_that_one_alone_gets_right() -> None:
    pairs = [(True, True)] * 50 + [(False, False)] * 7 + [(True, False)] * 1 + [(False, True)] * 9
    right = compared(*((said(HERE, right=one), said(HERE, right=other)) for one, other in pairs)).right
    assert right is not None
    assert (right.both, right.neither, right.first_only, right.second_only) == (50, 7, 1, 9)
    # By hand: twice the tail of ten throws of a fair coin, 0 or 1 times heads.
    assert right.p_value == pytest.approx(2 * (1 + 10) / 2**10)
    assert right.second_share is not None
    assert right.second_share.value == 0.9
    # Clopper and Pearson, 9 of 10.
    assert right.second_share.low == pytest.approx(0.555, abs=0.001)
    assert right.second_share.high == pytest.approx(0.9975, abs=0.0001)


def test_models_that_are_right_about_the_same_questions_cannot_be_told_apart() -> None:
    right = compared((said(HERE, right=True), said(NEAR, right=True))).right
    assert right is not None
    assert (right.p_value, right.second_share) == (1.0, None)


def test_without_a_known_right_answer_nobody_is_right() -> None:
    assert compared((said(HERE), said(HERE, right=True))).right is None


@given(st.lists(st.tuples(ANSWERS, ANSWERS), min_size=1, max_size=40))
def test_all_questions_are_counted_and_changing_places_mirrors_the_figures(
    pairs: list[tuple[ModelAnswer, ModelAnswer]],
) -> None:
    figures, mirrored = compared(*pairs), compare_answers(OTHER, ONE, [(other, one) for one, other in pairs])
    assert sum(figures.agreement.counts.values()) == len(pairs)
    assert figures.agreement == mirrored.agreement
    assert sum(shift.questions for shift in figures.confidence.histogram) == len(pairs)
    assert math.isclose(figures.confidence.mean, -mirrored.confidence.mean, abs_tol=1e-9)
    assert figures.right is not None
    assert mirrored.right is not None
    assert (figures.right.first_only, figures.right.second_only) == (
        mirrored.right.second_only,
        mirrored.right.first_only,
    )
    assert figures.right.p_value == pytest.approx(mirrored.right.p_value)
