"""Which questions are labelled next: by known chances, so that what is estimated from the labels has no bias."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from spanstream.models.labelling.choosing import Candidate, draw


def candidates(count: int, seed: int = 1) -> list[Candidate]:
    confidences = np.random.default_rng(seed).beta(0.5, 0.5, count).tolist()
    return [Candidate(f"q-{seed}-{number}", confidence) for number, confidence in enumerate(confidences)]


@given(st.integers(0, 80), st.integers(0, 60), st.floats(0, 1))
def test_as_many_are_drawn_as_are_wanted_and_there_none_twice(count: int, wanted: int, share: float) -> None:
    drawn = [one.question_id for one in draw(candidates(count), (), wanted, share)]
    assert len(drawn) == len(set(drawn)) == min(count, wanted)


@given(st.integers(1, 60), st.integers(0, 40), st.floats(0, 1))
def test_drawing_again_goes_on_where_it_ended(first: int, more: int, share: float) -> None:
    questions = candidates(80)
    labelled = {one.question_id for one in draw(questions, (), first, share)}
    assert not labelled & {one.question_id for one in draw(questions, labelled, more, share)}


def test_the_uniform_share_does_not_ask_how_sure_the_model_is() -> None:
    questions = candidates(500)
    sure = [Candidate(one.question_id, 0.99) for one in questions]
    share = {one.question_id for one in draw(questions, (), 50, 0.4) if one.sampling == "random"}
    assert share == {one.question_id for one in draw(sure, (), 50, 0.4) if one.sampling == "random"}
    assert len(share) == 20


def test_those_that_the_model_is_unsure_of_are_drawn_more_often() -> None:
    questions = candidates(2000)
    by_id = {one.question_id: one.confidence for one in questions}
    drawn = [by_id[one.question_id] for one in draw(questions, (), 200, 0.2) if one.sampling == "chosen"]
    assert np.mean([0.2 < value < 0.8 for value in drawn]) > 1.3 * np.mean([0.2 < v < 0.8 for v in by_id.values()])


def test_weighted_by_their_chances_the_labels_estimate_how_many_answers_are_right_without_bias() -> None:
    errors, sums = [], []
    for seed in range(200):
        questions = candidates(400, seed)
        random = np.random.default_rng(seed)
        right = {one.question_id: bool(random.random() < one.confidence) for one in questions}
        drawn = draw(questions, (), 80, 0.2)
        weights = np.array([1 / one.inclusion_probability for one in drawn])
        estimate = np.average([right[one.question_id] for one in drawn], weights=weights)
        errors.append(estimate - np.mean(list(right.values())))
        sums.append(weights.sum())
    assert abs(np.mean(errors)) < 4 * np.std(errors) / np.sqrt(len(errors))
    assert abs(np.mean(errors)) < 0.01
    assert 0.95 * 400 < np.mean(sums) < 1.05 * 400
