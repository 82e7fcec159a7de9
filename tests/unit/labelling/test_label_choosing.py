"""Which questions are labelled next: by known chances, so that what is estimated from the labels has no bias."""

from __future__ import annotations

from collections import Counter

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from spanstream.models.labelling.choosing import RARE, Candidate, draw, group_of

ASKED = ["Which error?", "Since when?", "Who called?", "Which release?"]
# The first question is asked of most tickets, the last of few.
SHARES = [0.55, 0.25, 0.15, 0.05]


def candidates(count: int, seed: int = 1) -> list[Candidate]:
    groups = np.random.default_rng(seed).choice([group_of(text) for text in ASKED], count, p=SHARES).tolist()
    return [Candidate(f"q-{seed}-{number}", group) for number, group in enumerate(groups)]


@given(st.integers(0, 80), st.integers(0, 60), st.floats(0, 1))
def test_as_many_are_drawn_as_are_wanted_and_there_none_twice(count: int, wanted: int, share: float) -> None:
    drawn = draw(candidates(count), (), wanted, share)
    names = [one.question_id for one in drawn]
    assert len(names) == len(set(names)) == min(count, wanted)
    assert all(0 < one.inclusion_probability <= 1 for one in drawn)


@given(st.integers(1, 60), st.integers(0, 40), st.floats(0, 1))
def test_drawing_again_goes_on_where_it_ended(first: int, more: int, share: float) -> None:
    questions = candidates(80)
    labelled = {one.question_id for one in draw(questions, (), first, share)}
    assert not labelled & {one.question_id for one in draw(questions, labelled, more, share)}


@given(st.integers(0, 100), st.integers(0, 40), st.floats(0, 1), st.integers(0, 9))
def test_each_label_that_is_spread_goes_to_a_question_that_has_the_fewest(
    before: int, wanted: int, share: float, seed: int
) -> None:
    questions = candidates(200, seed)
    labelled = {one.question_id for one in draw(questions, (), before, 1)}
    drawn = draw(questions, labelled, wanted, share)
    of_question = {one.question_id: one.group for one in questions}
    first = {*labelled, *(one.question_id for one in drawn if one.sampling == "random")}
    groups = set(of_question.values())
    had = {group: sum(of_question[name] == group for name in first) for group in groups}
    given_to = Counter(one.group for one in drawn if one.sampling == "spread")
    has_more = {
        group for group in groups if had[group] + given_to[group] < sum(g == group for g in of_question.values())
    }
    least = min((had[group] + given_to[group] for group in has_more), default=200)
    assert all(had[group] + count <= least + 1 for group, count in given_to.items())


def test_the_uniform_share_is_the_same_whatever_is_asked() -> None:
    questions = candidates(500)
    alike = [Candidate(one.question_id, "one") for one in questions]
    share = {one.question_id for one in draw(questions, (), 50, 0.4) if one.sampling == "random"}
    assert share == {one.question_id for one in draw(alike, (), 50, 0.4) if one.sampling == "random"}
    assert len(share) == 20


def test_drawn_one_by_one_they_are_spread_as_when_drawn_at_once() -> None:
    questions = candidates(300)
    labelled: set[str] = set()
    for number in range(40):
        labelled |= {one.question_id for one in draw(questions, labelled, 1, float(number % 2))}
    counts = Counter(one.group for one in questions if one.question_id in labelled)
    at_once = Counter(one.group for one in draw(questions, (), 40, 0.5))
    assert counts.keys() == at_once.keys() == {group_of(text) for text in ASKED}
    assert min(counts.values()) >= 5
    assert min(at_once.values()) >= 5


def test_what_is_asked_rarely_is_one_group_together() -> None:
    often = [Candidate(f"often-{number}", group_of(ASKED[number % 2])) for number in range(200)]
    rarely = [Candidate(f"rarely-{number}", group_of(f"Who is number {number // 2}?")) for number in range(100)]
    counts = Counter(one.group for one in draw([*often, *rarely], (), 30, 0))
    assert counts == {group_of(ASKED[0]): 10, group_of(ASKED[1]): 10, RARE: 10}
    assert {one.group for one in draw(rarely[::2], (), 30, 0)} == {RARE}


def test_the_same_question_is_one_group_however_it_is_written() -> None:
    assert (
        len({group_of(text) for text in ("Which error?", "which  Error", "Which error ?", "Which is the error?")}) == 2
    )


def test_weighted_by_their_chances_the_labels_estimate_how_many_answers_are_right_without_bias() -> None:
    right_shares = dict(zip(map(group_of, ASKED), (0.9, 0.6, 0.3, 0.1), strict=True))
    errors, sums = [], []
    for seed in range(200):
        questions = candidates(400, seed)
        random = np.random.default_rng(seed)
        right = {one.question_id: bool(random.random() < right_shares[one.group]) for one in questions}
        drawn = draw(questions, (), 80, 0.2)
        weights = np.array([1 / one.inclusion_probability for one in drawn])
        estimate = np.average([right[one.question_id] for one in drawn], weights=weights)
        errors.append(estimate - np.mean(list(right.values())))
        sums.append(weights.sum())
    assert abs(np.mean(errors)) < 4 * np.std(errors) / np.sqrt(len(errors))
    assert abs(np.mean(errors)) < 0.01
    assert 0.95 * 400 < np.mean(sums) < 1.05 * 400
