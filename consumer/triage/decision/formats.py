"""Checks an answer against its field's format, and writes it as the format wants it.

    "since 14:05 UTC today" ── date ──> 2026-11-24T14:05:00        "v7.4.2-rc1," ── version ──> 7.4.2-rc1
    "nobody can log in" ── enum ──> outage                         "error FXP-4107" ── regex ──> FXP-4107

dateparser reads the dates: in English, month before day where the digits allow both, or as the playbook says.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any, Final

from spanstream.consumer.triage.decision.date_words import easier_to_read, has_fraction, names_a_date
from spanstream.consumer.triage.playbook.patterns import compiled
from spanstream.schemas.playbook import DateFormat, DateReading, EnumFormat, Format, RegexFormat

_DOTTED: Final = re.compile(r"(?<![\w.])v?(\d+(?:\.(?:\d+|x))+(?:[-+_.]?[0-9A-Za-z]+)*)", re.IGNORECASE)
_NUMBERED: Final = re.compile(
    r"\b(?:version|release|build|update|rev|v|r)[ .:#]*(\d+(?:[-+_.]?[0-9A-Za-z]+)*)", re.IGNORECASE
)
_BARE: Final = re.compile(r"#?(\d+[a-z]?)", re.IGNORECASE)
# Only so much of an answer is read as a date: dateparser's time grows with the text.
_DATE_CHARS: Final = 200
_AMERICAN: Final = DateReading()
_ORDERS: Final = {"month-first": "MDY", "day-first": "DMY"}


class BadFormat(ValueError):
    """The answer does not have the format; the text says what it should be, in one line."""


def formatted_value(answer: str, format_: Format | None, written_at: datetime) -> str:
    """Returns the answer as its format writes it.

    Args:
        answer: a piece of the ticket.
        format_: the field's format; None takes anything, and puts it on one line.
        written_at: when the ticket was written; "yesterday" counts from it.

    Raises:
        BadFormat: the answer does not have the format.
    """
    if format_ is None:
        return " ".join(answer.split())
    if isinstance(format_, RegexFormat):
        return _matched(answer, format_.regex)
    if isinstance(format_, EnumFormat):
        return _option(answer, format_)
    if format_ == "version":
        return _version(answer)
    return _date(answer, format_.date if isinstance(format_, DateFormat) else _AMERICAN, written_at)


def contains_any(text: str, phrases: Iterable[str]) -> bool:
    """Says whether the text contains one of the phrases as whole words; case and the width of spaces do not count."""
    return any(_phrase_pattern(phrase).search(text) is not None for phrase in phrases)


@lru_cache(maxsize=4_000)
def _phrase_pattern(phrase: str) -> re.Pattern[str]:
    spaced = r"\s+".join(re.escape(word) for word in phrase.split())
    return re.compile(rf"(?<!\w){spaced}(?!\w)", re.IGNORECASE)


def _matched(answer: str, pattern: str) -> str:
    match: Any = compiled(pattern).search(answer)
    if match is None:
        raise BadFormat(f"should match {pattern}")
    named = match.groupdict().get("value")
    return str(match.group() if named is None else named)


def _option(answer: str, format_: EnumFormat) -> str:
    named = [option for option, words in format_.enum.items() if contains_any(answer, (option, *words))]
    if len(named) != 1:
        options = ", ".join(named or format_.enum)
        raise BadFormat(f"should name one of {options}" if not named else f"names several: {options}")
    return named[0]


def _version(answer: str) -> str:
    match = _DOTTED.search(answer) or _NUMBERED.search(answer) or _BARE.fullmatch(answer.strip())
    if match is None:
        raise BadFormat("should be a version")
    return match[1]


def _date(answer: str, reading: DateReading, written_at: datetime) -> str:
    base = written_at.astimezone(UTC).replace(tzinfo=None)
    settings = {
        "RELATIVE_BASE": base,
        "PREFER_DATES_FROM": "past",
        "RETURN_AS_TIMEZONE_AWARE": False,
        "DATE_ORDER": _ORDERS[reading.order],
    }
    text = easier_to_read(answer[:_DATE_CHARS])
    # The language that understands most of the words, in the fewest pieces.
    dates = min((_found(text, language, settings) for language in reading.languages), key=_rest)
    if not dates or (reading.languages != ["en"] and has_fraction(text)):
        raise BadFormat("should be a date")
    return dates[0][1].replace(microsecond=0).isoformat()


def _found(text: str, language: str, settings: dict[str, Any]) -> list[tuple[str, datetime]]:
    """Returns the dates in the text, each with its words, as one language reads them."""
    from dateparser.search import search_dates  # noqa: PLC0415  a third of a second, for playbooks with dates

    try:
        found = search_dates(text, languages=[language], settings=settings) or []
    except OverflowError:  # a day before the first year, or after the last one
        return []
    return [(words, date) for words, date in found if names_a_date(text, words)]


def _rest(found: list[tuple[str, datetime]]) -> tuple[int, int]:
    return -sum(len(words) for words, _ in found), len(found)
