"""Whether an answer has its field's format, and how the format writes it.

    "since 14:05 UTC today" ── date ──> 2026-11-24T14:05:00        "v7.4.2-rc1," ── version ──> 7.4.2-rc1
    "nobody can log in" ── enum ──> outage                         "error FXP-4107" ── regex ──> FXP-4107

Dates are read by dateparser, in English, month before day where digits leave it open.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any, Final

from spanstream.consumer.triage.playbook.patterns import compiled
from spanstream.schemas.playbook import EnumFormat, Format, RegexFormat

_DOTTED: Final = re.compile(r"(?<![\w.])v?(\d+(?:\.(?:\d+|x))+(?:[-+_.]?[0-9A-Za-z]+)*)", re.IGNORECASE)
_NUMBERED: Final = re.compile(
    r"\b(?:version|release|build|update|rev|v|r)[ .:#]*(\d+(?:[-+_.]?[0-9A-Za-z]+)*)", re.IGNORECASE
)
_BARE: Final = re.compile(r"#?(\d+[a-z]?)", re.IGNORECASE)
# What an answer is at most; dateparser's time grows with it.
_DATE_CHARS: Final = 200


class BadFormat(ValueError):
    """The answer has not the format; the text says what it should be, in one line."""


def value_of(answer: str, format_: Format | None, now: datetime) -> str:
    """The answer as its format writes it.

    Args:
        answer: a piece of the ticket.
        format_: the field's; None takes anything, on one line.
        now: when the ticket was written: what "yesterday" counts from.

    Raises:
        BadFormat: it has not the format.
    """
    if format_ is None:
        return " ".join(answer.split())
    if isinstance(format_, RegexFormat):
        return _matched(answer, format_.regex)
    if isinstance(format_, EnumFormat):
        return _option(answer, format_)
    return _version(answer) if format_ == "version" else _date(answer, now)


def holds_words(text: str, words: Iterable[str]) -> bool:
    """Whether one of the words or phrases stands in the text as whole words, whatever the case and the spaces."""
    return any(_words(word).search(text) is not None for word in words)


@lru_cache(maxsize=4_000)
def _words(phrase: str) -> re.Pattern[str]:
    spaced = r"\s+".join(re.escape(word) for word in phrase.split())
    return re.compile(rf"(?<!\w){spaced}(?!\w)", re.IGNORECASE)


def _matched(answer: str, pattern: str) -> str:
    found: Any = compiled(pattern).search(answer)
    if found is None:
        raise BadFormat(f"should match {pattern}")
    named = found.groupdict().get("value")
    return str(found.group() if named is None else named)


def _option(answer: str, format_: EnumFormat) -> str:
    named = [option for option, words in format_.enum.items() if holds_words(answer, (option, *words))]
    if len(named) != 1:
        options = ", ".join(named or format_.enum)
        raise BadFormat(f"should name one of {options}" if not named else f"names several: {options}")
    return named[0]


def _version(answer: str) -> str:
    found = _DOTTED.search(answer) or _NUMBERED.search(answer) or _BARE.fullmatch(answer.strip())
    if found is None:
        raise BadFormat("should be a version")
    return found[1]


def _date(answer: str, now: datetime) -> str:
    from dateparser.search import search_dates  # noqa: PLC0415  a third of a second, for playbooks with dates

    base = now.astimezone(UTC).replace(tzinfo=None)
    settings: Any = {"RELATIVE_BASE": base, "PREFER_DATES_FROM": "past", "RETURN_AS_TIMEZONE_AWARE": False}
    found = search_dates(answer[:_DATE_CHARS], languages=["en"], settings=settings)
    if not found:
        raise BadFormat("should be a date")
    first: datetime = found[0][1]
    return first.replace(microsecond=0).isoformat()
