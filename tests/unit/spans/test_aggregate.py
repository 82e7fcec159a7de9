from __future__ import annotations

import math
import random

from hypothesis import given
from hypothesis import strategies as st

from spanstream.models.spans.aggregate import aggregate
from spanstream.models.spans.search import TokenSpan, WindowSpan
from tests.support.model.hand_made_windows import hand_made_document, hand_made_window

DOCUMENT = hand_made_document(range(64))
SCORES = st.sampled_from([-3.0, 0.0, 1.0, 1.0, 2.5])


def _window_span(
    token_start: int, first: int, score: float, *, null: float = 0.0, runner_up: float = -9.0
) -> WindowSpan:
    window = hand_made_window(DOCUMENT, token_start, token_start + 16)
    return WindowSpan(window, null, TokenSpan(first, first + 1, score), runner_up, -1.0)


@st.composite
def window_spans(draw: st.DrawFn) -> list[WindowSpan]:
    """Draws a span for each window of a document; windows overlap by half."""
    spans = []
    for token_start in range(0, 8 * draw(st.integers(0, 5)), 8):
        window = hand_made_window(DOCUMENT, token_start, token_start + 16)
        first = draw(st.integers(token_start, token_start + 14))
        span = TokenSpan(first, first + 1, draw(SCORES)) if draw(st.booleans()) else None
        spans.append(WindowSpan(window, draw(SCORES), span, draw(SCORES), -1.0))
    return spans


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
    assert raw.runner_up >= raw.best.runner_up


def test_of_equal_scores_the_earliest_window_wins() -> None:
    earlier, later = _window_span(0, 3, 2.0), _window_span(16, 20, 2.0)
    assert aggregate([later, earlier]).best is earlier


def test_the_same_span_seen_by_two_windows_is_no_runner_up() -> None:
    raw = aggregate([_window_span(0, 9, 5.0), _window_span(8, 9, 4.5), _window_span(16, 20, 1.0)])
    assert raw.runner_up == 1.0


def test_the_best_windows_own_runner_up_counts() -> None:
    assert aggregate([_window_span(0, 9, 5.0, runner_up=3.0), _window_span(16, 20, 1.0)]).runner_up == 3.0


def test_nothing_read_is_no_candidate() -> None:
    raw = aggregate([])
    assert (raw.best, raw.null_score, raw.windows) == (None, 0.0, 0)
    assert math.isfinite(raw.runner_up)
