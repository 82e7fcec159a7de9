from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from spanstream.models.arrays import Float32Array
from spanstream.models.spans.search import TokenSpan, best_span
from spanstream.models.text.windowing import Window
from tests.support.model.hand_made_windows import hand_made_document, hand_made_span, hand_made_window

LOGITS = st.one_of(
    st.floats(-12, 12, width=32),
    st.sampled_from([0.0, 1.0, 1.0, -math.inf, 1e30, -1e30]),
)


@dataclass(frozen=True, slots=True)
class Case:
    window: Window
    start: Float32Array
    end: Float32Array
    max_answer_tokens: int


@st.composite
def cases(draw: st.DrawFn) -> Case:
    joins = draw(st.lists(st.booleans(), max_size=24))
    has_words = bool(joins) or draw(st.booleans())
    words = np.cumsum([0, *joins]).tolist() if has_words else []
    document = hand_made_document(words)
    first = draw(st.integers(0, len(words)))
    last = draw(st.integers(first, len(words)))
    window = hand_made_window(document, first, last, question_tokens=draw(st.integers(0, 3)))
    size = window.length + draw(st.integers(0, 3))
    start, end = (np.array(draw(st.lists(LOGITS, min_size=size, max_size=size)), dtype=np.float32) for _ in range(2))
    return Case(window, start, end, draw(st.integers(1, 6)))


def _all_spans(case: Case) -> list[TokenSpan]:
    """Returns every span of whole words, in the order in which equal ones are preferred."""
    words = case.window.document.words.tolist()
    first, last, shift = case.window.token_start, case.window.token_end, case.window.context_start
    spans = []
    for begin in range(first, last):
        for end in range(begin, min(begin + case.max_answer_tokens, last)):
            cuts_front = begin > 0 and words[begin - 1] == words[begin]
            cuts_back = end + 1 < len(words) and words[end + 1] == words[end]
            score = float(case.start[begin - first + shift] + case.end[end - first + shift])
            if not cuts_front and not cuts_back and score > -math.inf:
                spans.append(TokenSpan(begin, end, score))
    return spans


def _softmax_at(row: Float32Array, place: int, case: Case) -> float:
    """Returns log softmax over [CLS] and the context."""
    context = range(case.window.context_start, case.window.length - 1)
    considered = [float(row[index]) for index in (0, *context)]
    highest = max(considered)
    return float(row[place]) - highest - math.log(sum(math.exp(value - highest) for value in considered))


def best_beside(spans: list[TokenSpan], best: TokenSpan) -> float:
    """Returns the best score of a span that shares no token with this one."""
    others = [span.score for span in spans if span.last < best.first or span.first > best.last]
    return max(others, default=-math.inf)


@dataclass(frozen=True, slots=True)
class ExpectedSpan:
    null_score: float
    span: TokenSpan | None
    runner_up: float
    log_probability: float


def _expected(case: Case) -> ExpectedSpan:
    null_score = float(case.start[0] + case.end[0])
    spans = _all_spans(case)
    if not spans:
        return ExpectedSpan(null_score, None, -math.inf, -math.inf)
    best = max(spans, key=lambda span: span.score)
    shift = case.window.context_start - case.window.token_start
    log_probability = _softmax_at(case.start, best.first + shift, case) + _softmax_at(case.end, best.last + shift, case)
    return ExpectedSpan(null_score, best, best_beside(spans, best), log_probability)


@settings(max_examples=300, deadline=None)
@given(cases())
def test_the_best_span_is_that_of_a_loop_over_all_pairs(case: Case) -> None:
    best = best_span(case.window, case.start, case.end, case.max_answer_tokens)
    expected = _expected(case)
    assert (best.window, best.span, best.null_score) == (case.window, expected.span, expected.null_score)
    if best.span is not None:
        assert best.scores.best_beside(best.span) == expected.runner_up
    assert math.isclose(best.log_probability, expected.log_probability, rel_tol=1e-6, abs_tol=1e-4)


@given(cases(), st.lists(LOGITS, min_size=1, max_size=5))
def test_padding_behind_a_row_changes_nothing(case: Case, padding: list[float]) -> None:
    start, end = (np.concatenate([row, np.array(padding, dtype=np.float32)]) for row in (case.start, case.end))
    assert best_span(case.window, start, end, case.max_answer_tokens) == best_span(
        case.window, case.start, case.end, case.max_answer_tokens
    )


def _row(window: Window, **values: float) -> Float32Array:
    """Logits of 0, but for the named tokens of the context (`t3=5.0`)."""
    row = np.zeros(window.length, dtype=np.float32)
    for name, value in values.items():
        row[window.context_start + int(name[1:])] = value
    return row


def test_an_answer_ends_with_its_word() -> None:
    window = hand_made_window(hand_made_document([0, 1, 1, 1, 2]))
    best = best_span(window, _row(window, t1=5), _row(window, t2=9, t3=1), 5)
    assert best.span == TokenSpan(1, 3, 6.0)


def test_a_word_that_the_windows_edge_cuts_is_no_answer() -> None:
    document = hand_made_document([0, 0, 1, 2, 2])
    window = hand_made_window(document, 1, 4)
    best = best_span(window, _row(window, t0=9, t2=9), _row(window, t0=9, t2=9), 5)
    assert best.span == TokenSpan(2, 2, 0.0)


def test_a_word_longer_than_an_answer_may_be_is_no_answer() -> None:
    window = hand_made_window(hand_made_document([0, 1, 1, 1, 2]))
    assert best_span(window, _row(window, t1=9), _row(window, t3=9), 2).span == TokenSpan(0, 0, 0.0)
    alone = hand_made_window(hand_made_document([0, 0, 0]))
    assert best_span(alone, _row(alone), _row(alone), 2).span is None


def test_of_equal_spans_the_first_and_shortest_is_taken() -> None:
    window = hand_made_window(hand_made_document([0, 1, 2]))
    assert best_span(window, _row(window), _row(window), 3).span == TokenSpan(0, 0, 0.0)


def test_a_window_without_tokens_has_no_span() -> None:
    window = hand_made_window(hand_made_document([]))
    best = best_span(window, _row(window), _row(window), 3)
    assert best == hand_made_span(window, None, log_probability=-math.inf)


@given(cases(), st.integers(0, 6))
def test_ranked_spans_are_the_best_of_those_that_share_no_token_with_a_better_one(case: Case, most: int) -> None:
    expected: list[TokenSpan] = []
    left = sorted(_all_spans(case), key=lambda span: -span.score)
    while left and len(expected) < most:
        expected.append(left[0])
        left = [span for span in left if span.last < left[0].first or left[0].last < span.first]
    scores = best_span(case.window, case.start, case.end, case.max_answer_tokens).scores
    assert scores.ranked(most) == expected
    assert all(scores.score_of(span.first, span.last) == span.score for span in expected)
