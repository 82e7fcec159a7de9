"""Replaces e-mail addresses, IBANs, card numbers and phone numbers by their kind in brackets: a redaction hook.

Patterns find candidates. A checksum (IBAN: mod 97 and the country's length; cards: Luhn) or a numbering plan (phones)
decides, so that an order number or an error code stays. Names and postal addresses are not found: that takes a model.
Runs in time that grows with the text.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Final, NamedTuple

from spanstream.consumer.errors import Stop

try:
    from phonenumbers import Leniency, PhoneNumberMatcher
    from stdnum import iban, luhn
except ImportError as missing:
    raise Stop("redaction by patterns needs an extra: pip install spanstream[redaction]") from missing

_EMAIL: Final = re.compile(r"(?<!\w)[\w.%+'-]{1,64}@(?:[\w-]{1,63}\.){1,8}[^\W\d_]{2,63}(?!\w)")
_IBAN_BEGIN: Final = re.compile(r"(?<!\w)[A-Z]{2}[0-9]{2}(?=[ -]?[A-Z0-9])", re.IGNORECASE | re.ASCII)
_IBAN: Final = re.compile(r"[A-Z]{2}[0-9]{2}(?:[ -]?[A-Z0-9]){11,30}", re.IGNORECASE | re.ASCII)
# Issuers' numbers begin with 2 to 6.
_CARD: Final = re.compile(r"(?<![\w-])[2-6](?:[ -]?[0-9]){12,18}(?![\w-])")
_SEPARATORS: Final = re.compile(r"[ -]")
_SHORTEST: Final = 13


class _Found(NamedTuple):
    start: int
    end: int
    kind: str


def redact(text: str, *, region: str | None = None) -> str:
    """Returns the text with what was found replaced: `[EMAIL]`, `[IBAN]`, `[CARD]`, `[PHONE]`.

    Args:
        text: any text; what was redacted before stays as it is.
        region: a country (such as DE) whose national phone numbers are found too; None: international ones only.
    """
    pieces, copied_to = [], 0
    for found in _without_overlaps([*_emails(text), *_ibans(text), *_cards(text), *_phones(text, region)]):
        pieces += [text[copied_to : found.start], f"[{found.kind}]"]
        copied_to = found.end
    return "".join(pieces) + text[copied_to:]


def _emails(text: str) -> Iterator[_Found]:
    return (_Found(*match.span(), "EMAIL") for match in _EMAIL.finditer(text))


def _ibans(text: str) -> Iterator[_Found]:
    for begin in _IBAN_BEGIN.finditer(text):
        if match := _IBAN.match(text, begin.start()):
            yield from _longest_valid(text, match, _is_iban, "IBAN")


def _is_iban(number: str) -> bool:
    """Tells whether a number is an IBAN; the checksum, which is quick, goes before the country's format."""
    as_digits = "".join(str(int(character, 36)) for character in number[4:] + number[:4])
    return int(as_digits) % 97 == 1 and bool(iban.is_valid(number))


def _cards(text: str) -> Iterator[_Found]:
    for match in _CARD.finditer(text):
        yield from _longest_valid(text, match, luhn.is_valid, "CARD")


def _longest_valid(text: str, match: re.Match[str], is_valid: Callable[[str], bool], kind: str) -> Iterator[_Found]:
    """Yields the longest begin of a match, in whole groups, that is valid: what follows a number may look like it."""
    for end in range(match.end(), match.start() + _SHORTEST - 1, -1):
        is_whole = text[end - 1].isalnum() and not text[end : end + 1].isalnum()
        if is_whole and is_valid(_SEPARATORS.sub("", text[match.start() : end])):
            yield _Found(match.start(), end, kind)
            return


def _phones(text: str, region: str | None) -> Iterator[_Found]:
    matcher = PhoneNumberMatcher(text, region, leniency=Leniency.VALID, max_tries=len(text))
    return (_Found(match.start, match.end, "PHONE") for match in matcher)


def _without_overlaps(found: list[_Found]) -> Iterator[_Found]:
    """Yields what was found in the order of the text; of two that overlap the first, and of those the longer one."""
    end = 0
    for each in sorted(found, key=lambda each: (each.start, -each.end)):
        if each.start >= end:
            yield each
            end = each.end
