"""Defines what is quoted of a document: a verbatim piece with its place, and an alternative to the candidate."""

from __future__ import annotations

from dataclasses import dataclass

from spanstream.models.text.utf16 import utf16_length


@dataclass(frozen=True, slots=True)
class Quote:
    """A verbatim piece of a document: `text == document[char_start:char_end]`, in code points.

    `utf16_start` and `utf16_end` are the same places in UTF-16 units; None unless the reader was asked for them.
    """

    text: str
    char_start: int
    char_end: int
    utf16_start: int | None = None
    utf16_end: int | None = None


@dataclass(frozen=True, slots=True)
class AlternativeQuote:
    """Another answer than the candidate; it shares no character with it, nor with other alternatives.

    Attributes:
        quote: its best place.
        further: where else the same text stands.
        confidence: calibrated probability, 0 to 1, that it is right; None where the artifact has none fitted.
        null_score_diff: raw score of "no answer" minus its own.
        window: the document's window that it was found in, counted from 1.
    """

    quote: Quote
    further: tuple[Quote, ...]
    confidence: float | None
    null_score_diff: float
    window: int


def quote(text: str, char_start: int, char_end: int) -> Quote:
    """Quotes a place."""
    return Quote(text[char_start:char_end], char_start, char_end)


def quote_with_utf16(text: str, char_start: int, char_end: int) -> Quote:
    """Quotes a place, and says it in UTF-16 units too."""
    quoted, utf16_start = text[char_start:char_end], utf16_length(text[:char_start])
    return Quote(quoted, char_start, char_end, utf16_start, utf16_start + utf16_length(quoted))
