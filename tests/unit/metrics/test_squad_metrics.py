"""Exact match, F1 and the threshold sweep against figures worked out by hand from the official script's definition."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spanstream.models.metrics.squad_files import Example
from spanstream.models.metrics.squad_metrics import (
    Prediction,
    best_exact,
    best_f1,
    exact_score,
    f1_score,
    normalize_answer,
    scores_at,
)


def predicted(text: str, no_answer_score: float, *golds: str) -> Prediction:
    return Prediction(Example("id", "article", "context", "question", golds), text, no_answer_score)


@pytest.mark.parametrize(
    ("text", "normalized"),
    [
        ("The  Cat, sat!", "cat sat"),
        ("an apple a day", "apple day"),
        ("theatre and Anna", "theatre and anna"),  # articles are whole words
        ("U.S.", "us"),  # punctuation goes before articles are looked for
        ("A.", ""),
        ("«naïve»", "«naïve»"),  # only ASCII punctuation
        ("12,000 km/h", "12000 kmh"),
        ("", ""),
    ],
)
def test_answers_are_normalized_as_the_official_script_does(text: str, normalized: str) -> None:
    assert normalize_answer(text) == normalized


def test_exact_match_ignores_case_articles_and_punctuation_and_nothing_else() -> None:
    assert exact_score("the Eiffel Tower", "Eiffel tower.") == 1
    assert exact_score("Eiffel Tower", "Eiffel Towers") == 0


@pytest.mark.parametrize(
    ("gold", "text", "score"),
    [
        ("error code seven", "code seven", 0.8),  # precision 2/2, recall 2/3
        ("a b c d", "b c x", 2 / 3),  # "a" is an article: 2 of 3 and 2 of 3
        ("to be to be", "to to to", 2 * (2 / 3) * (2 / 4) / (2 / 3 + 2 / 4)),  # a word counts as often as on both sides
        ("x", "y", 0),
        ("", "y", 0),
        ("the", "a", 1),  # both sides normalize to nothing
    ],
)
def test_f1_counts_shared_words(gold: str, text: str, score: float) -> None:
    assert f1_score(gold, text) == pytest.approx(score)


def test_the_best_of_several_gold_answers_counts() -> None:
    prediction = predicted("code seven", 0, "error code seven", "seven", "code 7")
    assert prediction.f1 == pytest.approx(0.8)
    assert prediction.exact == 0
    assert not prediction.is_right


def test_gold_answers_that_normalize_to_nothing_are_dropped() -> None:
    assert predicted("", 0, "the", "seven").exact == 0
    assert predicted("", 0, "the").exact == 1  # none is left: "" is the gold


def test_no_candidate_is_right_where_there_is_no_answer() -> None:
    assert not predicted("anything", 0).is_right
    assert not predicted("", 0).is_right
    assert not predicted("", 0, "the").is_right


SWEEP = [
    predicted("seven", -3, "seven"),  # right
    predicted("wrong", -2),  # has no answer
    predicted("code seven", -1, "error code seven"),  # F1 0.8, not exact
    predicted("eight", 1, "eight"),  # right
    predicted("wrong", 2),  # has no answer
]


def test_scores_at_a_threshold_count_a_declined_question_as_right_only_without_an_answer() -> None:
    at_zero = scores_at(SWEEP, 0)  # given: the first three; declined: eight (wrongly), the last (rightly)
    assert at_zero.exact == pytest.approx(100 * 2 / 5)
    assert at_zero.f1 == pytest.approx(100 * 2.8 / 5)


def test_the_sweep_finds_the_best_threshold_by_hand() -> None:
    # Running totals from "never an answer": exact 2, 3, 2, 2, 3, 2 and F1 2, 3, 2, 2.8, 3.8, 2.8.
    assert best_exact(SWEEP) == pytest.approx((60, -3))
    assert best_f1(SWEEP) == pytest.approx((76, 1))


def test_where_declining_everything_is_best_the_threshold_is_zero_as_in_the_script() -> None:
    assert best_f1([predicted("wrong", -1), predicted("wrong", -2)]) == (100, 0.0)


PREDICTIONS = st.lists(
    st.builds(
        predicted,
        st.sampled_from(["seven", "code seven", "eight"]),
        st.floats(-5, 5).map(lambda score: round(score, 3)),
        st.sampled_from(["seven", "error code seven"]),
    )
    | st.builds(predicted, st.just("seven"), st.floats(-5, 5).map(lambda score: round(score, 3))),
    min_size=1,
    max_size=12,
    unique_by=lambda prediction: prediction.no_answer_score,
)


@given(PREDICTIONS)
def test_no_threshold_beats_the_one_the_sweep_finds(predictions: list[Prediction]) -> None:
    best, threshold = best_f1(predictions)
    everywhere = [-9.0, *(prediction.no_answer_score for prediction in predictions)]
    assert best == pytest.approx(max(scores_at(predictions, threshold).f1 for threshold in everywhere))
    if best > scores_at(predictions, -9.0).f1:  # else the script says 0.0, whatever that declines
        assert scores_at(predictions, threshold).f1 == pytest.approx(best)
