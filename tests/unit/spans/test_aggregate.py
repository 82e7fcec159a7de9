from __future__ import annotations

import math
import random
from dataclasses import replace

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from spanstream.models.spans.aggregate import aggregate
from spanstream.models.spans.calibration import FEATURES
from spanstream.models.spans.search import TokenSpan, WindowSpan, best_span
from spanstream.models.text.windowing import Window
from tests.support.model.hand_made_windows import hand_made_document, hand_made_span, hand_made_window

DOCUMENT = hand_made_document(range(64))
SCORES = st.sampled_from([-3.0, 0.0, 1.0, 1.0, 2.5])
# Few values, so that equal scores are common.
LOGITS = st.sampled_from([-4.0, -1.0, 0.0, 0.0, 1.0, 3.0])
MAX_ANSWER_TOKENS = 4


def _window_span(token_start: int, first: int, score: float, *, null: float = 0.0) -> WindowSpan:
    window = hand_made_window(DOCUMENT, token_start, token_start + 16)
    return hand_made_span(window, TokenSpan(first, first + 1, score), null_score=null)


def _read(window: Window, **scores: float) -> WindowSpan:
    """Reads a window in which a token alone scores this much (`t3=5.0`, counted in the document), and -8 otherwise."""
    row = np.full(window.length, -4.0, dtype=np.float32)
    for name, score in scores.items():
        row[window.context_start + int(name[1:]) - window.token_start] = score / 2
    return best_span(window, row, row, 1)


@st.composite
def window_spans(draw: st.DrawFn) -> list[WindowSpan]:
    """Draws a span for each window of a document; windows overlap by half."""
    spans = []
    for token_start in range(0, 8 * draw(st.integers(0, 5)), 8):
        window = hand_made_window(DOCUMENT, token_start, token_start + 16)
        first = draw(st.integers(token_start, token_start + 14))
        span = TokenSpan(first, first + 1, draw(SCORES)) if draw(st.booleans()) else None
        spans.append(hand_made_span(window, span, null_score=draw(SCORES)))
    return spans


Reading = tuple[Window, np.ndarray, np.ndarray]


@st.composite
def readings(draw: st.DrawFn) -> list[Reading]:
    """Draws windows of a document, some of whose words have several tokens, with logits."""
    joins = draw(st.lists(st.booleans(), min_size=1, max_size=20))
    document = hand_made_document(np.cumsum([0, *joins]).tolist())
    length, step = draw(st.integers(2, 8)), draw(st.integers(1, 6))
    drawn = []
    for token_start in range(0, document.size, step):
        window = hand_made_window(document, token_start, min(token_start + length, document.size))
        row = st.lists(LOGITS, min_size=window.length, max_size=window.length)
        start, end = (np.array(draw(row), dtype=np.float32) for _ in range(2))
        drawn.append((window, start, end))
    return drawn


def _all_spans(window: Window, start: np.ndarray, end: np.ndarray) -> list[TokenSpan]:
    words, shift = window.document.words.tolist(), window.context_start - window.token_start
    return [
        TokenSpan(first, last, float(start[first + shift] + end[last + shift]))
        for first in range(window.token_start, window.token_end)
        for last in range(first, min(first + MAX_ANSWER_TOKENS, window.token_end))
        if (first == 0 or words[first - 1] != words[first])
        and (last + 1 == len(words) or words[last + 1] != words[last])
    ]


@settings(max_examples=300, deadline=None)
@given(readings())
def test_the_runner_up_is_the_best_of_all_spans_of_all_windows_that_share_no_token_with_the_best(
    drawn: list[Reading],
) -> None:
    raw = aggregate([best_span(window, start, end, MAX_ANSWER_TOKENS) for window, start, end in drawn])
    spans = [span for reading in drawn for span in _all_spans(*reading)]
    if not spans:
        assert raw.best is None
        assert raw.runner_up == raw.null_score
        return
    assert raw.best is not None
    assert raw.best.span is not None
    assert raw.best.span.score == max(span.score for span in spans)
    best = raw.best.span
    beside = [span.score for span in spans if span.last < best.first or best.last < span.first]
    assert raw.runner_up == max(beside, default=raw.null_score)


@given(window_spans(), st.randoms(use_true_random=False))
def test_the_order_of_windows_changes_nothing(spans: list[WindowSpan], chance: random.Random) -> None:
    shuffled = list(spans)
    chance.shuffle(shuffled)
    assert aggregate(shuffled) == aggregate(spans)


@given(window_spans())
def test_a_reading_is_the_best_span_and_the_least_null_score(spans: list[WindowSpan]) -> None:
    raw = aggregate(spans)
    assert raw.windows == len(spans)
    assert raw.null_score == min((window_span.null_score for window_span in spans), default=0.0)
    scores = [window_span.span.score for window_span in spans if window_span.span]
    if not scores:
        assert raw.best is None
        assert raw.null_score_diff is None
        return
    assert raw.best is not None
    assert raw.best.span is not None
    assert raw.best.span.score == max(scores)
    assert raw.null_score_diff == raw.null_score - max(scores)


def test_of_equal_scores_the_earliest_window_wins() -> None:
    earlier, later = _window_span(0, 3, 2.0), _window_span(16, 20, 2.0)
    assert aggregate([later, earlier]).best is earlier


def test_the_same_span_seen_by_two_windows_is_no_runner_up() -> None:
    raw = aggregate([_window_span(0, 9, 5.0), _window_span(8, 9, 4.5), _window_span(16, 20, 1.0)])
    assert raw.runner_up == 1.0


def test_a_window_that_likes_the_best_span_most_still_tells_its_next_one() -> None:
    first, second = hand_made_window(DOCUMENT, 0, 16), hand_made_window(DOCUMENT, 8, 24)
    assert aggregate([_read(first, t9=6, t2=1), _read(second, t9=5, t20=4)]).runner_up == 4.0
    assert aggregate([_read(first, t9=6, t2=3), _read(second, t9=5, t20=2)]).runner_up == 3.0


def test_where_no_other_span_is_possible_no_answer_is_the_runner_up() -> None:
    assert aggregate([_window_span(0, 9, 5.0, null=-1.0), _window_span(8, 9, 4.5, null=-2.0)]).runner_up == -2.0


def test_nothing_read_is_no_candidate() -> None:
    raw = aggregate([])
    assert (raw.best, raw.null_score, raw.windows) == (None, 0.0, 0)
    assert math.isfinite(raw.runner_up)


def test_a_document_is_as_answerable_as_its_most_answerable_window() -> None:
    windows = [_window_span(0, 3, 5.0), _window_span(8, 12, 1.0)]
    with_head = [replace(window, answerability=logit) for window, logit in zip(windows, (-1.5, 2.5), strict=True)]
    reading = aggregate(with_head)
    assert reading.answerability == 2.5
    assert reading.best is with_head[0]
    assert FEATURES["answerability"](reading) == -1.5  # of the window whose span is the candidate


@given(window_spans())
def test_a_model_without_the_head_says_nothing_of_answerability(spans: list[WindowSpan]) -> None:
    reading = aggregate(spans)
    assert reading.answerability is None
    assert FEATURES["answerability"](reading) == 0.0


@given(window_spans(), st.floats(-20, 20))
def test_the_head_chooses_no_span(spans: list[WindowSpan], logit: float) -> None:
    plain, headed = aggregate(spans), aggregate([replace(span, answerability=logit) for span in spans])
    assert headed.null_score == plain.null_score
    assert headed.null_score_diff == plain.null_score_diff
    assert headed.runner_up == plain.runner_up
    assert (headed.best and headed.best.span) == (plain.best and plain.best.span)
