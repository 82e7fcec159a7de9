"""Combines all windows of a document: the best span over windows, the least null score over windows.

[WindowSpan] -> RawAnswer
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from spanstream.models.spans.search import WindowSpan


@dataclass(frozen=True, slots=True)
class RawAnswer:
    """What all windows together say, before calibration and validation.

    Attributes:
        best: the window whose span scores highest; None where no window holds a span (a blank document).
        null_score: the least over windows, as the official SQuAD v2.0 baselines do: a document has no answer only if
            every window says so. 0 without windows.
        runner_up: the best score of a span, of any window, that shares no token with the best one; the null score
            where there is none.
        windows: how many windows were read.
        answerability: the greatest logit of "this window holds an answer"; None where the model has no such head.
    """

    best: WindowSpan | None
    null_score: float
    runner_up: float
    windows: int
    answerability: float | None = None

    @property
    def null_score_diff(self) -> float | None:
        """The null score minus the best span's score: the higher, the likelier that there is no answer."""
        if self.best is None or self.best.span is None:
            return None
        return self.null_score - self.best.span.score


def aggregate(window_spans: Sequence[WindowSpan]) -> RawAnswer:
    """Chooses among windows; of equal scores the earliest wins, so that the order of batches changes nothing."""
    null_score = min((window_span.null_score for window_span in window_spans), default=0.0)
    logits = [window_span.answerability for window_span in window_spans if window_span.answerability is not None]
    answerability = max(logits, default=None)
    with_span = [window_span for window_span in window_spans if window_span.span is not None]
    if not with_span:
        return RawAnswer(None, null_score, null_score, len(window_spans), answerability)
    best = min(with_span, key=lambda window_span: (-_score(window_span), window_span.window.token_start))
    runner_up = max(_best_score_beside(best, window_span) for window_span in with_span)
    if runner_up == -math.inf:
        runner_up = null_score
    return RawAnswer(best, null_score, runner_up, len(window_spans), answerability)


def _score(window_span: WindowSpan) -> float:
    return window_span.span.score if window_span.span is not None else -math.inf


def _best_score_beside(best: WindowSpan, other: WindowSpan) -> float:
    """Returns the other window's best score of a span that shares no token with the best one."""
    if best.span is None or other.span is None:
        return -math.inf
    if other.span.last < best.span.first or best.span.last < other.span.first:
        return other.span.score
    return other.scores.best_beside(best.span)
