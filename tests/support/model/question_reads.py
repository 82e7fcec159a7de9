"""Questions as they were read, which no model read: the tests say what their figures are."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from spanstream.models.drift.figures import QuestionRead
from spanstream.models.text.tokenization import TokenizedDocument
from tests.support.model.hand_made_windows import hand_made_document

UNKNOWN = 3


def read_question(
    text: int = 0,
    *,
    tokens: int | None = 100,
    unknown: int = 0,
    characters_per_token: int = 3,
    windows: tuple[int, int] = (1, 1),
    null_score_diff: float | None = -2.0,
    confidence: float = 0.8,
    characters: int | None = 12,
) -> QuestionRead:
    """Makes a question about the text of this number; `windows` are those read and all, without `tokens` it is gone."""
    return QuestionRead(
        text_sha256=f"{text:015x}".ljust(64, "0"),
        document=None if tokens is None else _document(tokens, unknown, characters_per_token),
        windows_read=windows[0],
        windows_total=windows[1],
        null_score_diff=null_score_diff,
        confidence=confidence,
        answered=confidence >= 0.5,
        answer_characters=characters,
    )


def drawn_reads(
    seed: int, texts: int, *, first: int = 0, questions: int = 5, longer: float = 1.0
) -> list[QuestionRead]:
    """Draws questions about so many texts of one kind; `longer` makes the texts that many times as long."""
    random = np.random.default_rng(seed)
    reads = []
    for text in range(first, first + texts):
        tokens, characters_per_token = int(longer * random.lognormal(5.5, 0.7)) + 1, int(random.integers(2, 5))
        for _ in range(questions):
            confidence = float(random.beta(1.2, 1.0))
            reads.append(
                read_question(
                    text,
                    tokens=tokens,
                    characters_per_token=characters_per_token,
                    null_score_diff=float(random.normal(-1.0, 5.0)),
                    confidence=confidence,
                    characters=int(random.lognormal(2.5, 0.8)) + 1,
                )
            )
    return reads


def _document(tokens: int, unknown: int, characters_per_token: int) -> TokenizedDocument:
    document = hand_made_document(range(tokens), [UNKNOWN] * unknown + [10] * (tokens - unknown))
    scaled = document.starts * characters_per_token
    return replace(document, starts=scaled, ends=scaled + characters_per_token)
