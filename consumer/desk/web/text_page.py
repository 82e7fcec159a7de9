"""One page of a text with its marks: long texts are shown in pieces."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from starlette.requests import Request

from spanstream.consumer.desk.view.marking import Mark, stretches
from spanstream.consumer.desk.view.whole_records import SourceText

PAGE_CHARS: Final = 12_000
"""Characters of a text on one page."""
_MOST_DIGITS: Final = 9


def text_page(request: Request, source: SourceText | None, marks: Sequence[Mark], begin_at: int = 0) -> dict[str, Any]:
    """Returns what the template shows of the text.

    Args:
        request: its address may name a character (`at`), whose page is shown.
        source: the text; None: it is not here.
        marks: over the text.
        begin_at: the character whose page is shown otherwise.
    """
    text = source.text if source else ""
    at = request.query_params.get("at", "")
    place = int(at) if at.isascii() and at.isdecimal() and len(at) <= _MOST_DIGITS else begin_at
    number = min(place, max(0, len(text) - 1)) // PAGE_CHARS
    begin, end = number * PAGE_CHARS, min(len(text), (number + 1) * PAGE_CHARS)
    return {
        "pieces": list(stretches(text, begin, end, marks)),
        "begin": begin,
        "end": end,
        "length": len(text),
        "page_chars": PAGE_CHARS,
        "placed": {mark.number for mark in marks},
    }
