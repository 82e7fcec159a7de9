"""Defines what will be read for a question: its windows of the document."""

from __future__ import annotations

from dataclasses import dataclass

from spanstream.models.text.tokenization import TokenizedDocument, TokenizedQuestion
from spanstream.models.text.windowing import Window


@dataclass(frozen=True, slots=True)
class ReadPlan:
    """One question about one document, and the windows that will be read for it.

    `total_windows` is how many the whole document has; more than `windows` where BM25 picked. `max_answers` is how many
    answers are given at most: the candidate and its alternatives. `places` are the
    (char_start, char_end) that the windows were chosen to hold; none: they were chosen for the question.
    """

    question: TokenizedQuestion
    text: str
    document: TokenizedDocument
    windows: tuple[Window, ...]
    total_windows: int
    max_answers: int = 1
    places: tuple[tuple[int, int], ...] = ()
