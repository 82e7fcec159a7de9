"""Finds where a quotation stands in a text, and whether a span quotes whole words of it."""

from __future__ import annotations

from spanstream.models.text.words import WordMap, without_invisible


def problem_of_span(text: str, char_start: int, char_end: int) -> str | None:
    """Returns what is wrong with a span that is to be a label's, in one line without the text; None: nothing is."""
    where = f"the span {char_start}:{char_end}"
    if not 0 <= char_start < char_end <= len(text):
        return f"{where} is not in the text of {len(text):,} characters"
    quoted = text[char_start:char_end]
    if not without_invisible(quoted):
        return f"nothing can be seen at {where}"
    if quoted != quoted.strip():
        return f"{where} begins or ends with white space"
    inside = WordMap(text).inside
    return f"{where} cuts a word" if inside[char_start] or inside[char_end] else None


def places_of(text: str, quotation: str) -> list[tuple[int, int]]:
    """Returns the (char_start, char_end) of each place where a quotation stands verbatim, as whole words."""
    if not quotation.strip():
        return []
    inside = WordMap(text).inside
    places = []
    start = text.find(quotation)
    while start >= 0:
        end = start + len(quotation)
        if not inside[start] and not inside[end]:
            places.append((start, end))
        start = text.find(quotation, start + 1)
    return places
