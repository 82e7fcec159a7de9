"""Helps the date parser where it reads dates wrongly: fractions of a time, and words that only look like a date.

    "½ hour ago", "0.5 hours ago", "half an hour ago" ──> "30 minutes ago"
    "it may fail", "the sun" ──> no date            "in may", "since Wed" ──> one

Left to itself the parser takes "½ hour" for two hours, and "0.5 hours" for five.
"""

from __future__ import annotations

import re
import unicodedata
from typing import Final

_SECONDS: Final = {"second": 1, "minute": 60, "hour": 3600, "day": 86_400, "week": 604_800}
_UNIT: Final = r"(?P<unit>second|minute|hour|day|week)s?\b"
_FRACTIONAL: Final = re.compile(
    r"(?<![\w.,/])(?:"
    r"(?P<decimal>\d{1,4}\.\d{1,4})\s*"
    r"|(?:(?P<whole>\d{1,4})\s*)?(?:(?P<above>\d{1,3})\s*[/\u2044]\s*(?P<below>\d{1,3})|(?P<sign>[¼-¾⅐-⅞]))\s*(?:(?:of\s+)?an?\s+)?"
    r"|(?P<half>half)\s+(?:of\s+)?an?\s+"
    r"|(?P<with_half>an?|one|two|three|\d{1,4})\s+and\s+a\s+half\s+"
    rf"){_UNIT}",
    re.IGNORECASE,
)
_UNIT_AND_HALF: Final = re.compile(
    r"\b(?:an?|one)\s+(?P<unit>second|minute|hour|day|week)\s+and\s+a\s+half\b", re.IGNORECASE
)
_NUMBERS: Final = {"a": 1, "an": 1, "one": 1, "two": 2, "three": 3}

# Months and days that are words of another meaning too, and a unit; by themselves they are a date only behind a
# preposition, or where the answer is nothing else.
_OTHER_WORDS: Final = frozenset({"may", "march", "mar", "sat", "sun", "wed", "second"})
_LITTLE_WORDS: Final = frozenset({"a", "an", "the", "of"})
_PREPOSITION: Final = re.compile(
    "in|on|since|from|until|till|by|before|after|during|last|next|this|early|late|mid", re.IGNORECASE
)


def whole_amounts(text: str) -> str:
    """Returns the text with fractions of hours, days and the like written as whole minutes (below one: seconds)."""
    return _UNIT_AND_HALF.sub(lambda match: _written(1.5, match["unit"]), _FRACTIONAL.sub(_whole, text))


def names_a_date(text: str, found: str) -> bool:
    """Tells whether what the parser found in the text means a date, and is no other word that looks like one."""
    words = re.findall(r"\w+", found.casefold())
    telling = [word for word in words if word not in _LITTLE_WORDS and not _PREPOSITION.fullmatch(word)]
    if len(telling) != 1 or telling[0] not in _OTHER_WORDS:
        return True
    before = [*re.findall(r"\w+", text[: max(text.find(found), 0)]), *words[: words.index(telling[0])]]
    is_behind_preposition = bool(before) and _PREPOSITION.fullmatch(before[-1]) is not None
    is_all = re.findall(r"\w+", text.casefold()) == telling
    return telling[0] != "second" and (is_all or is_behind_preposition)


def _whole(match: re.Match[str]) -> str:
    if match["decimal"]:
        amount = float(match["decimal"])
    elif match["half"]:
        amount = 0.5
    elif match["with_half"]:
        number = match["with_half"].casefold()
        amount = (_NUMBERS.get(number) or float(number)) + 0.5
    else:
        above, below = int(match["above"] or 0), int(match["below"] or 1)
        if below == 0:
            return match[0]
        fraction = unicodedata.numeric(match["sign"]) if match["sign"] else above / below
        amount = int(match["whole"] or 0) + fraction
    return _written(amount, match["unit"])


def _written(amount: float, unit: str) -> str:
    seconds = amount * _SECONDS[unit.casefold()]
    return f"{round(seconds / 60)} minutes" if seconds >= _SECONDS["minute"] else f"{round(seconds)} seconds"
