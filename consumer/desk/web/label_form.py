"""The form on which a piece of a text is selected, by keyboard, by mouse, or typed in: of answers, and of tickets."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from starlette.requests import Request

from spanstream.consumer.desk.view.words import is_whole_words, nearest_place, word_pieces
from spanstream.consumer.desk.web.guard import field_of

PAGE_CHARS: Final = 6_000
"""Characters of a text on one page: each of its words is an element."""
_MOST_DIGITS: Final = 9


@dataclass(frozen=True, slots=True)
class CandidateSpan:
    """The piece that the model found; `is_given`: it was given as the answer."""

    text: str
    char_start: int
    char_end: int
    confidence: float
    is_given: bool


def form_values(request: Request, text: str, candidate: CandidateSpan | None, problem: str | None) -> dict[str, Any]:
    """Returns what the template shows of the text: the page that the address names (`at`), or the candidate's."""
    at = _number(request.query_params.get("at", ""))
    place = at if at is not None else candidate.char_start if candidate else 0
    begin = min(place, max(0, len(text) - 1)) // PAGE_CHARS * PAGE_CHARS
    end = min(len(text), begin + PAGE_CHARS)
    return {
        "candidate": candidate,
        "problem": problem,
        "pieces": list(word_pieces(text, begin, end)),
        "begin": begin,
        "end": end,
        "length": len(text),
        "page_chars": PAGE_CHARS,
    }


def selected_span(request: Request, text: str, candidate: CandidateSpan | None) -> tuple[int, int] | None:
    """Returns where the right piece is: the candidate, the words that were selected, or those that were typed in."""
    if field_of(request, "verdict") == "accepted":
        return (candidate.char_start, candidate.char_end) if candidate else None
    start, end = (_number(field_of(request, name)) for name in ("char_start", "char_end"))
    if start is not None and end is not None:
        return (start, end) if is_whole_words(text, start, end) else None
    typed = field_of(request, "typed").strip().replace("\r\n", "\n")
    return nearest_place(text, typed, candidate.char_start if candidate else 0)


def what_is_wrong(request: Request) -> str:
    """Says why there is no piece."""
    if field_of(request, "verdict") == "corrected":
        return "This is not a piece of the text in whole words."
    return "There is no answer to accept."


def _number(text: str) -> int | None:
    return int(text) if text.isascii() and text.isdecimal() and len(text) <= _MOST_DIGITS else None
