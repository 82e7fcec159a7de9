"""Scores every span of a window at once and keeps the best: whole words only, at most `max_answer_tokens` long.

    (start_logits, end_logits) of a window -> WindowSpan

The score of a span is start_logit + end_logit; the null score is the same sum at the first token ([CLS]), after
Devlin et al. 2019, section 4.3 (SQuAD v2.0).
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from spanstream.models.arrays import BoolArray, Float32Array
from spanstream.models.text.windowing import Window

# The [CLS] token stands first in the templates of all supported models.
_CLS = 0
_NEVER = np.float32(-np.inf)


@dataclass(frozen=True, slots=True)
class TokenSpan:
    """Tokens `first` to `last` (inclusive, counted in the document) and their raw score."""

    first: int
    last: int
    score: float


@dataclass(frozen=True, slots=True, eq=False)
class SpanScores:
    """Scores the spans of one window that consist of whole words.

    Attributes:
        token_start: the document's token that the window begins with.
        start: (tokens,) the logit of an answer that begins here; minus infinity inside a word.
        end: (tokens,) the same for an answer that ends here.
        max_answer_tokens: the longest answer.
    """

    token_start: int
    start: Float32Array
    end: Float32Array
    max_answer_tokens: int

    def best(self) -> TokenSpan | None:
        """Returns the best span, the first and shortest of equals; None where there is no whole word."""
        return _best_of(_span_scores(self.start, self.end, self.max_answer_tokens), self.token_start)

    def ranked(self, most: int) -> list[TokenSpan]:
        """Returns the best spans that share no token with a better one, at most so many, the best first."""
        free = FreeSpans(self)
        ranked: list[TokenSpan] = []
        while len(ranked) < most and (best := free.best) is not None:
            ranked.append(best)
            free.take(best.first, best.last)
        return ranked

    def score_of(self, first: int, last: int) -> float:
        """Returns the score of the span of these tokens, counted in the document; minus infinity for part of a word."""
        return float(self.start[first - self.token_start] + self.end[last - self.token_start])

    def best_beside(self, span: TokenSpan) -> float:
        """Returns the best score of the spans that share no token with this one; minus infinity where there is none.

        Args:
            span: of any window of the document.
        """
        before = slice(max(span.first - self.token_start, 0))
        behind = slice(max(span.last + 1 - self.token_start, 0), None)
        return max(
            float(_span_scores(self.start[tokens], self.end[tokens], self.max_answer_tokens).max(initial=_NEVER))
            for tokens in (before, behind)
        )


class FreeSpans:
    """The spans of one window that share no token with those that were taken."""

    def __init__(self, scores: SpanScores) -> None:
        self._token_start = scores.token_start
        self._longest = scores.max_answer_tokens
        self._scores = _span_scores(scores.start, scores.end, scores.max_answer_tokens)
        self._best = scores.best()

    @property
    def best(self) -> TokenSpan | None:
        """The best of them, the first and shortest of equals; None where all are taken."""
        return self._best

    def take(self, first: int, last: int) -> None:
        """Takes tokens, counted in the document; they may lie in other windows."""
        begin = max(first - self._token_start, 0)
        end = min(last + 1 - self._token_start, len(self._scores))
        if begin >= end:
            return
        self._scores[begin:end] = _NEVER
        for back in range(1, min(begin, self._longest - 1) + 1):
            self._scores[begin - back, back:] = _NEVER
        self._best = _best_of(self._scores, self._token_start)


@dataclass(frozen=True, slots=True)
class WindowSpan:
    """The best span of one window.

    Attributes:
        window: the window, with its question and document.
        null_score: the score of "no answer in this window".
        span: the best span, None where the window holds no whole word.
        log_probability: natural logarithm of softmax(start) x softmax(end) at the span, over the window's context
            and [CLS]; minus infinity without a span.
        scores: of all spans of the window.
        answerability: logit of "this window holds an answer"; None where the model has no such head.
    """

    window: Window
    null_score: float
    span: TokenSpan | None
    log_probability: float
    scores: SpanScores = field(repr=False, compare=False)
    answerability: float | None = None


def best_span(
    window: Window,
    start_logits: Float32Array,
    end_logits: Float32Array,
    max_answer_tokens: int,
    answerability: float | None = None,
) -> WindowSpan:
    """Returns the best span of a window.

    Args:
        window: the window the logits belong to.
        start_logits: (length or more,) the window's row; padding behind it is ignored.
        end_logits: the same for ends.
        max_answer_tokens: the longest answer, in tokens.
        answerability: what the model's answerability head says of the window.
    """
    context = slice(window.context_start, window.context_start + window.token_end - window.token_start)
    null_score = float(start_logits[_CLS] + end_logits[_CLS])
    edges = _word_edges(window)
    start = np.where(edges[:-1], start_logits[context], _NEVER)
    end = np.where(edges[1:], end_logits[context], _NEVER)
    scores = SpanScores(window.token_start, start, end, max_answer_tokens)
    span = scores.best()
    if span is None:
        return WindowSpan(window, null_score, None, float(_NEVER), scores, answerability)
    log_probability = _log_softmax(start_logits, context, span.first - window.token_start) + _log_softmax(
        end_logits, context, span.last - window.token_start
    )
    return WindowSpan(window, null_score, span, log_probability, scores, answerability)


def _word_edges(window: Window) -> BoolArray:
    """Returns (context tokens + 1,): whether an edge of a word lies before the token, or behind the last one.

    A word that the window's edge cuts has no edge there.
    """
    words, first, last = window.document.words, window.token_start, window.token_end
    edges = np.ones(last - first + 1, dtype=np.bool_)
    # The neighbours outside of the window, where there are any.
    begin, end = max(first - 1, 0), min(last + 1, len(words))
    parted = words[begin + 1 : end] != words[begin : end - 1]
    skipped = begin + 1 - first
    edges[skipped : skipped + len(parted)] = parted
    return edges


def _best_of(scores: Float32Array, token_start: int) -> TokenSpan | None:
    """Returns the best span of (tokens, max_answer_tokens) scores, the first and shortest of equals."""
    if not scores.size or (score := float(scores.max())) == _NEVER:
        return None
    token, more = divmod(int(scores.argmax()), scores.shape[1])
    return TokenSpan(token_start + token, token_start + token + more, score)


def _span_scores(start: Float32Array, end: Float32Array, max_answer_tokens: int) -> Float32Array:
    """Returns (tokens, max_answer_tokens): the score of the span from token i to i + j; minus infinity past the end."""
    padded = np.full(len(end) + max_answer_tokens - 1, _NEVER)
    padded[: len(end)] = end
    step = padded.itemsize
    # Row i is padded[i : i + max_answer_tokens]: a view, made without the checks of `sliding_window_view`, which take
    # longer than the sum.
    ends = np.ndarray((len(end), max_answer_tokens), padded.dtype, padded, strides=(step, step))
    scores: Float32Array = start[:, None] + ends
    return scores


def _log_softmax(logits: Float32Array, context: slice, token: int) -> float:
    """Returns log(softmax(logits)) at a token of the context, over the context and [CLS], computed without overflow."""
    # The special token before the context makes room for [CLS].
    values = logits[context.start - 1 : context.stop].astype(np.float64)
    values[0] = logits[_CLS]
    values -= values.max()
    return float(values[1 + token] - np.log(np.exp(values).sum()))
