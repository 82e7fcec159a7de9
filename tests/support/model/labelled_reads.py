"""Readings of labelled questions that no model made: the tests say how sure it was and whether it was right."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from spanstream.models.metrics.reading import ReadQuestion
from spanstream.models.metrics.squad_files import Example
from spanstream.models.spans.aggregate import RawAnswer
from spanstream.models.spans.search import TokenSpan
from tests.support.model.hand_made_windows import hand_made_document, hand_made_span, hand_made_window

_DOCUMENT = hand_made_document(range(8))


def labelled_read(
    number: int,
    *,
    score: float,
    log_probability: float,
    answer: bool,
    right: bool,
    article: str = "",
    text: str = "",
    characters_per_token: int = 1,
) -> ReadQuestion:
    """Makes a question whose null score is 0: `score` is that of its span."""
    document = replace(
        _DOCUMENT, starts=_DOCUMENT.starts * characters_per_token, ends=_DOCUMENT.ends * characters_per_token
    )
    best = hand_made_span(hand_made_window(document), TokenSpan(1, 2, score), log_probability=log_probability)
    gold = ("seven",) if answer else ()
    example = Example(f"q{number}", article or "article", text or f"text {number}", f"which {number}?", gold)
    return ReadQuestion(example, RawAnswer(best, 0.0, score - 1.0, 1), "seven" if right else "eight")


def labelled_reads(
    count: int,
    *,
    articles: int = 8,
    seed: int = 3,
    signal: float = 1.0,
    characters_per_token: int = 1,
    name: str = "article",
) -> list[ReadQuestion]:
    """Makes questions whose candidates are right the likelier the higher both scores are; some have no answer."""
    random = np.random.default_rng(seed)
    reads = []
    for number in range(count):
        score, log_probability = random.normal(0.0, 4.0), -random.exponential(1.5)
        right = random.random() < 1 / (1 + np.exp(-signal * (0.4 * score + 0.8 * log_probability + 1.5)))
        answer = right or random.random() < 0.4
        reads.append(
            labelled_read(
                number,
                score=score,
                log_probability=log_probability,
                answer=answer,
                right=right,
                article=f"{name} {number % articles}",
                text=f"{name} {number % articles}, text {number // articles // 3}",
                characters_per_token=characters_per_token,
            )
        )
    return reads
