"""Finds the parts of a message that are not the sender's own new words: a quoted earlier mail, and the signature.

    On ... wrote: / From, Sent, Subject      -> quoted_reply, to the end or to the end of the `>` lines
    -- / Best regards, / Sent from my ...    -> signature, a few short lines at the end of the sender's own words

In doubt a part stays. A forwarded mail stays, because the sender wants it read. A conversation between the lines
stays, because its answers make no sense without the questions. Everything stays if nothing else would be left.
These are rules of our own, line by line: the libraries for it change the text (offsets would then be wrong), or cut
everything after a greeting, logs included.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, Literal

Kind = Literal["quoted_reply", "signature"]

_WROTE: Final = re.compile(
    r"(?:On .{6,300} wrote|Am .{6,300} schrieb.{0,120}|Le .{6,300} a écrit|El .{6,300} escribió|Il .{6,300} ha scritto"
    r"|Op .{6,300} schreef.{0,120}|Em .{6,300} escreveu)\s?:"
)
_BEGINS_WROTE: Final = re.compile(r"(?:On|Am|Le|El|Il|Op|Em) ")
_FORWARDED: Final = re.compile(
    r"-{2,}.{0,3}(?:forwarded|weitergeleitete).{0,20}-{2,}|begin forwarded message:", re.IGNORECASE
)
_ORIGINAL: Final = re.compile(
    r"-{2,} ?(?:original (?:message|appointment)|ursprüngliche nachricht|message d'origine|mensaje original) ?-{2,}",
    re.IGNORECASE,
)
_FROM: Final = re.compile(r"\*?(?:From|Von|De)\*?:\*? .+")
_SENT: Final = re.compile(r"\*?(?:Sent|Date|Gesendet|Datum|Envoyé|Enviado)\*?:\*? .+")
_SUBJECT: Final = re.compile(r"\*?(?:Subject|Betreff|Objet|Asunto)\*?:\*? ?(.*)")
_REPLY_SUBJECT: Final = re.compile(r"\s*(?:re|aw|sv|antw|rif)\s*(?:\[\d+\])?\s*:", re.IGNORECASE)
_CLOSING: Final = re.compile(
    r"(?:(?:with )?(?:best|kind|kindest|warm|many)(?: regards| wishes| thanks)?|regards|thanks(?: again)?(?: a lot)?"
    r"|thanks (?:and|&) (?:best |kind )?regards|many thanks|thank you|cheers|sincerely|yours(?: sincerely| truly)?"
    r"|thx|br|mit freundlichen grüßen|viele grüße|mfg|cordialement)[,.! -]*",
    re.IGNORECASE,
)
_SENT_FROM: Final = re.compile(
    r"(?:sent from my|sent from|get outlook for|gesendet von|envoyé de mon) .{1,40}", re.IGNORECASE
)
_DELIMITER: Final = re.compile(r"--\s*")
_HEADER_LINES = 6
_SIGNATURE_LINES = 8
_SIGNATURE_CHARS = 80
_SIGNATURE_WORDS = 9


@dataclass(frozen=True, slots=True)
class RemovablePart:
    """`text[start:end]`, whole lines; offsets are in code points."""

    kind: Kind
    start: int
    end: int


def removable_parts(text: str, subject: str = "") -> list[RemovablePart]:
    """Returns the parts that can be cut, in order, without overlap; none if cutting them would leave nothing.

    Args:
        text: the message; lines end with a line feed.
        subject: the mail's subject; that of a reply tells a quoted mail from a forwarded one.
    """
    lines = text.split("\n")
    line_starts = [0]
    for line in lines:
        line_starts.append(line_starts[-1] + len(line) + 1)
    parts: list[tuple[Kind, int, int]] = []
    quote = _quoted_reply(lines, subject)
    own_end = len(lines)
    if quote is not None:
        parts.append(("quoted_reply", *quote))
        # If there are words below the quote, the signature is below it too.
        own_end = quote[0] if quote[1] == len(lines) else own_end
    signature = _signature(lines, (quote[1] if quote is not None and own_end == len(lines) else 0), own_end)
    if signature is not None:
        parts.append(("signature", signature, own_end))
    cut_lines = {number for _, first, last in parts for number in range(first, last)}
    if not any(line.strip() for number, line in enumerate(lines) if number not in cut_lines):
        return []
    parts.sort(key=lambda part: part[1])
    return [RemovablePart(kind, line_starts[first], min(line_starts[last], len(text))) for kind, first, last in parts]


def _quoted_reply(lines: list[str], subject: str) -> tuple[int, int] | None:
    """Finds the earlier mail that is answered: its first line, and the line after its last; None if there is none."""
    runs = list(_quoted_runs(lines))
    for number, line in enumerate(lines):
        stripped = line.strip()
        if _FORWARDED.fullmatch(stripped):
            return None
        after_introduction = _introduction_end(lines, number)
        if after_introduction:
            run = next((run for run in runs if run[0] >= after_introduction), None)
            if run is None or any(own.strip() for own in lines[after_introduction : run[0]]):
                return number, len(lines)
            # Other words between several quoted parts: a conversation.
            is_last = run is runs[-1]
            end = run[1] if any(below.strip() for below in lines[run[1] :]) else len(lines)
            return (number, end) if is_last else None
        heading = _heading_subject(lines, number + 1 if _ORIGINAL.fullmatch(stripped) else number)
        if heading is not None:
            is_reply = any(_REPLY_SUBJECT.match(line) for line in (heading, subject))
            return (number, len(lines)) if is_reply else None
    return None


def _quoted_runs(lines: list[str]) -> Iterator[tuple[int, int]]:
    """Yields runs of lines that begin with `>`; blank lines inside a run belong to it."""
    first = last = None
    for number, line in enumerate(lines):
        if line.lstrip().startswith(">"):
            first = number if first is None else first
            last = number + 1
        elif line.strip() and first is not None and last is not None:
            yield first, last
            first = last = None
    if first is not None and last is not None:
        yield first, last


def _introduction_end(lines: list[str], number: int) -> int:
    """Returns the line after an introduction like "On Monday, Ann wrote:", which may be wrapped; 0: there is none."""
    if not _BEGINS_WROTE.match(lines[number].strip()):
        return 0
    for end in (number + 1, number + 2, number + 3):
        if _WROTE.fullmatch(" ".join(line.strip() for line in lines[number:end])):
            return end
    return 0


def _heading_subject(lines: list[str], number: int) -> str | None:
    """Returns the subject in the mail head that Outlook writes above a quote; None if no head begins at this line."""
    if number >= len(lines) or not _FROM.fullmatch(lines[number].strip()):
        return None
    head = [line.strip() for line in lines[number + 1 : number + _HEADER_LINES]]
    subjects = [match[1] for line in head if (match := _SUBJECT.fullmatch(line))]
    return subjects[0] if subjects and any(_SENT.fullmatch(line) for line in head) else None


def _signature(lines: list[str], begin: int, end: int) -> int | None:
    """Returns the first line of the signature that ends at `end`; None if there is none."""
    first = None
    lines_below = 0
    for number in range(end - 1, begin - 1, -1):
        stripped = lines[number].strip()
        if not stripped:
            continue
        if _DELIMITER.fullmatch(stripped) or _CLOSING.fullmatch(stripped) or _SENT_FROM.fullmatch(stripped):
            first = number
        lines_below += 1
        if lines_below > _SIGNATURE_LINES or not _could_be_signature(stripped):
            break
    return first


def _could_be_signature(line: str) -> bool:
    return len(line) <= _SIGNATURE_CHARS and len(line.split()) <= _SIGNATURE_WORDS and not line.endswith("?")
