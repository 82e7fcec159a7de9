"""Helps the date parser where it reads dates wrongly: fractions of a time, and words that only look like a date.

    "½ hour ago", "0.5 hours ago", "half an hour ago" ──> "30 minutes ago"
    "it may fail", "the sun" ──> no date            "in may", "since Wed" ──> one

Left to itself the parser takes "½ hour" for two hours, and "0.5 hours" for five. In other languages than English such
amounts are no date.
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

# "sedan den 3 april", "w dniu 3 kwietnia", "Dienstag, dem 3. April": with these words the year or the day is lost.
_STUMBLING_BLOCK: Final = re.compile(r"\bsedan (?=den \d|\d)|\bw dniu (?=\d)|(?<=, )de[mn] (?=\d)", re.IGNORECASE)
_FOREIGN_FRACTION: Final = re.compile(
    r"(?:\d[,/\u2044]\d+|[¼-¾⅐-⅞])\s*(?:stunde|minute|tag|woche|heure|jour|semaine|hora|d[ií]a|or[ae]\b|giorn|settiman"
    r"|uur|uren|dag|week|weken|godzin|dni|dzie|tygod|timm|veck)",
    re.IGNORECASE,
)

# Months and days that are words of another meaning too, and a unit; by themselves they are a date only behind a
# preposition, or where the answer is nothing else.
_OTHER_WORDS: Final = frozenset(
    {"may", "march", "mar", "sat", "sun", "wed", "second"}
    | {"so", "mo", "di", "mi", "do", "fr", "sa"}  # German
    | {"mer", "jeu", "ven", "sam", "dim", "dom", "ago", "set", "seg", "ter", "qua", "qui", "sex"}  # Romance
    | {"ma", "wo", "vr", "za", "zo", "tor", "ons", "fre", "pt", "wt", "maj"}  # Dutch, Swedish, Polish
)
_LITTLE_WORDS: Final = frozenset({"a", "an", "the", "of"})
_PREPOSITION: Final = re.compile(
    "in|on|since|from|until|till|by|before|after|during|last|next|this|early|late|mid", re.IGNORECASE
)
_FOREIGN_PREPOSITION: Final = re.compile(
    "am|im|seit|vor|bis|ab|nach|le|depuis|en|el|desde|il|dal|nel|op|sinds|vanaf|od|em|på|sedan", re.IGNORECASE
)


def easier_to_read(text: str) -> str:
    """Returns the text without what the parser stumbles over: fractions become whole minutes (below one: seconds)."""
    text = _STUMBLING_BLOCK.sub("", text)
    return _UNIT_AND_HALF.sub(lambda match: _written(1.5, match["unit"]), _FRACTIONAL.sub(_whole, text))


def names_a_date(text: str, found: str) -> bool:
    """Tells whether what the parser found in the text means a date, and is no other word that looks like one."""
    words = re.findall(r"\w+", found.casefold())
    telling = [word for word in words if word not in _LITTLE_WORDS and not _PREPOSITION.fullmatch(word)]
    if len(telling) != 1 or telling[0] not in _OTHER_WORDS:
        return True
    before = [*re.findall(r"\w+", text[: max(text.find(found), 0)]), *words[: words.index(telling[0])]]
    is_behind_preposition = bool(before) and any(
        prepositions.fullmatch(before[-1]) for prepositions in (_PREPOSITION, _FOREIGN_PREPOSITION)
    )
    is_all = re.findall(r"\w+", text.casefold()) == telling
    return telling[0] != "second" and (is_all or is_behind_preposition)


def has_fraction(text: str) -> bool:
    """Tells whether the text has a fraction of an amount in another language than English, which is read wrongly."""
    return _FOREIGN_FRACTION.search(text) is not None


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
