"""Tells a body that is HTML from a plain text, also from one that speaks of HTML or quotes some.

A tag is markup where it touches the text beside it (`Hi,<br>it fails`), and a word where it stands between blanks or
quotes (`the <div> overlaps`). Only tags that messages are made of count, so XML and logs stay plain text.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from spanstream.consumer.triage.text import html_tags

# What may stand before the first tag of a document.
_PROLOG: Final = re.compile(
    r"(?:<\?xml\b[^<>]*>|<!--.*?-->|\s)*(<!doctype\s+html\b[^<>]*>)?\s*", re.IGNORECASE | re.DOTALL
)
_TAG: Final = re.compile(rf"<(/?)({'|'.join(sorted(html_tags.OF_MAILS))})(?=[\s/>])[^<>]*>", re.IGNORECASE)
_BLANK_BEFORE: Final = " \t(`'\""
_BLANK_AFTER: Final = " \t.,:;!?)`'\""


@dataclass(frozen=True, slots=True)
class _TagMark:
    """A tag that touches what stands before it or behind it, or has attributes."""

    name: str
    is_end: bool
    place: int
    touches_both: bool


def is_html(body: str, content_type: str | None = None) -> bool:
    """Says whether a body is HTML: its content type decides; without one, where its tags stand and how many they are.

    HTML that is quoted in a plain text (a log, a snippet) does not make the body HTML, unless it looks like a whole
    message.
    """
    if content_type is not None and content_type.strip():
        return "html" in content_type.casefold()
    text = body.strip("\ufeff \t\r\n")
    marks = _marks(text)
    if not marks:
        return False
    prolog = _PROLOG.match(text)
    begin, has_doctype = (prolog.end(), prolog[1] is not None) if prolog else (0, False)
    pairs = {mark.name for mark in marks if not mark.is_end} & {mark.name for mark in marks if mark.is_end}
    first = _TAG.match(text, begin)
    if has_doctype or "style" in pairs or (first and (marks[0].place == begin or first[2].casefold() in pairs)):
        return True
    if html_tags.LINES.isdisjoint(mark.name for mark in marks):
        # Bold words and links in a text: in its first line, as nobody begins with a snippet.
        return bool(pairs) and "\n" not in text[: marks[0].place]
    return _makes_lines(text, marks)


def _makes_lines(text: str, marks: Sequence[_TagMark]) -> bool:
    """Says whether the lines are made by tags, and not by line breaks."""
    starts = [mark for mark in marks if mark.name in html_tags.LINES and not mark.is_end]
    if len(starts) < text.count("\n"):
        return False
    names = Counter(mark.name for mark in starts)
    ends_with_tag = text.endswith(">") and marks[-1].is_end and text.rfind("<") == marks[-1].place
    return "br" in names or len(starts) > 1 or ends_with_tag or any(mark.touches_both for mark in starts)


def _marks(text: str) -> list[_TagMark]:
    marks = []
    for tag in _TAG.finditer(text):
        touches_before = tag.start() > 0 and text[tag.start() - 1] not in _BLANK_BEFORE
        # Who speaks of a tag does not write its attributes.
        has_attributes = "=" in tag[0]
        touches_after = tag.end() == len(text) or text[tag.end()] not in _BLANK_AFTER
        if touches_before or touches_after or has_attributes:
            name = tag[2].casefold()
            marks.append(_TagMark(name, bool(tag[1]), tag.start(), touches_before and touches_after))
    return marks
