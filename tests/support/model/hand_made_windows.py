"""Windows of documents that no tokenizer made: the tests say what the tokens and words are."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from spanstream.models.spans.search import SpanScores, TokenSpan, WindowSpan
from spanstream.models.text.tokenization import PairTemplate, TokenizedDocument, TokenizedQuestion, checksum_of
from spanstream.models.text.windowing import Window, WindowShape

_CLS, _SEP = 1, 2
TEMPLATE = PairTemplate(
    np.array([_CLS], dtype=np.int32),
    np.array([_SEP], dtype=np.int32),
    np.array([_SEP], dtype=np.int32),
    (0, 0, 0, 1, 1),
)


def hand_made_document(words: Sequence[int], ids: Sequence[int] | None = None) -> TokenizedDocument:
    """Makes a document whose tokens, one character each, belong to these words."""
    token_ids = np.array(ids if ids is not None else range(10, 10 + len(words)), dtype=np.int32)
    starts = np.arange(len(words), dtype=np.int32)
    numbers = np.array(words, dtype=np.int32)
    arrays = (token_ids, starts, starts + 1, numbers)
    return TokenizedDocument("0" * 64, "f" * 64, *arrays, checksum_of(*arrays))


def hand_made_question(tokens: int) -> TokenizedQuestion:
    """Makes a question of so many tokens."""
    return TokenizedQuestion("question", np.arange(100, 100 + tokens, dtype=np.int32))


def hand_made_window(
    document: TokenizedDocument, token_start: int = 0, token_end: int | None = None, *, question_tokens: int = 2
) -> Window:
    """Makes a window of the document's tokens; by default all of them."""
    end = document.size if token_end is None else token_end
    return Window(hand_made_question(question_tokens), document, token_start, end, WindowShape(64, 8, TEMPLATE), 1)


def hand_made_span(
    window: Window, span: TokenSpan | None, *, null_score: float = 0.0, log_probability: float = -1.0
) -> WindowSpan:
    """Makes a window's best span; every other span of the window is impossible."""
    start, end = (np.full(window.token_end - window.token_start, -np.inf, dtype=np.float32) for _ in range(2))
    if span is not None:
        start[span.first - window.token_start] = span.score
        end[span.last - window.token_start] = 0.0
    return WindowSpan(window, null_score, span, log_probability, SpanScores(window.token_start, start, end, 8))
