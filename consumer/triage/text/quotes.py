"""Which parts of a message are not the sender's own words of now: an earlier mail below it, and the signature.

    On ... wrote: / From, Sent, Subject      -> quoted_reply, to the end or to the end of the `>` lines
    -- / Best regards, / Sent from my ...    -> signature, a few short lines at the end of the own words

What is doubtful stays. A forwarded mail is what the sender wants read, so it stays; so does a conversation between
the lines, for its answers make no sense without the questions; so does everything where nothing else would be left.
Our own few rules, line by line: the libraries for it change the text (offsets would be another text's), or cut all
that follows a greeting, logs included.
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
class Piece:
    """`text[start:end]`, whole lines; code points."""

    kind: Kind
    start: int
    end: int


def pieces(text: str, subject: str = "") -> list[Piece]:
    """What could be left out of a message, in order and apart from each other; nothing where that would leave nothing.

    Args:
        text: the message; lines end with a line feed.
        subject: of the mail; an answer's tells a quoted mail from a forwarded one.
    """
    lines = text.split("\n")
    starts = [0]
    for line in lines:
        starts.append(starts[-1] + len(line) + 1)
    found: list[tuple[Kind, int, int]] = []
    quote = _quoted_reply(lines, subject)
    own_end = len(lines)
    if quote is not None:
        found.append(("quoted_reply", *quote))
        # With words below the quote, the signature is there.
        own_end = quote[0] if quote[1] == len(lines) else own_end
    signature = _signature(lines, (quote[1] if quote is not None and own_end == len(lines) else 0), own_end)
    if signature is not None:
        found.append(("signature", signature, own_end))
    taken = {number for _, first, last in found for number in range(first, last)}
    if not any(line.strip() for number, line in enumerate(lines) if number not in taken):
        return []
    found.sort(key=lambda one: one[1])
    return [Piece(kind, starts[first], min(starts[last], len(text))) for kind, first, last in found]


def _quoted_reply(lines: list[str], subject: str) -> tuple[int, int] | None:
    """First line, and the line behind the last, of an earlier mail that was answered."""
    runs = list(_quoted_runs(lines))
    for number, line in enumerate(lines):
        stripped = line.strip()
        if _FORWARDED.fullmatch(stripped):
            return None
        intro = _wrote(lines, number)
        if intro:
            run = next((one for one in runs if one[0] >= intro), None)
            if run is None or any(own.strip() for own in lines[intro : run[0]]):
                return number, len(lines)
            # Other words between several quoted parts: a conversation.
            is_last = run is runs[-1]
            end = run[1] if any(below.strip() for below in lines[run[1] :]) else len(lines)
            return (number, end) if is_last else None
        heading = _heading_subject(lines, number + 1 if _ORIGINAL.fullmatch(stripped) else number)
        if heading is not None:
            is_reply = any(_REPLY_SUBJECT.match(one) for one in (heading, subject))
            return (number, len(lines)) if is_reply else None
    return None


def _quoted_runs(lines: list[str]) -> Iterator[tuple[int, int]]:
    """Runs of lines that begin with `>`; blank lines inside belong to them."""
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


def _wrote(lines: list[str], number: int) -> int:
    """The line behind an introduction such as "On Monday, Ann wrote:", which may be wrapped; 0 where there is none."""
    if not _BEGINS_WROTE.match(lines[number].strip()):
        return 0
    for behind in (number + 1, number + 2, number + 3):
        if _WROTE.fullmatch(" ".join(line.strip() for line in lines[number:behind])):
            return behind
    return 0


def _heading_subject(lines: list[str], number: int) -> str | None:
    """The subject in the head of a mail that Outlook put there; None where no head begins at this line."""
    if number >= len(lines) or not _FROM.fullmatch(lines[number].strip()):
        return None
    head = [line.strip() for line in lines[number + 1 : number + _HEADER_LINES]]
    subjects = [found[1] for line in head if (found := _SUBJECT.fullmatch(line))]
    return subjects[0] if subjects and any(_SENT.fullmatch(line) for line in head) else None


def _signature(lines: list[str], begin: int, end: int) -> int | None:
    """The first line of the signature that ends at `end`."""
    first = None
    for number in range(end - 1, begin - 1, -1):
        below = [line.strip() for line in lines[number + 1 : end] if line.strip()]
        if len(below) > _SIGNATURE_LINES:
            break
        stripped = lines[number].strip()
        if not stripped:
            continue
        is_mark = _DELIMITER.fullmatch(stripped) or _CLOSING.fullmatch(stripped) or _SENT_FROM.fullmatch(stripped)
        if is_mark and all(_could_be_signature(line) for line in below):
            first = number
    return first


def _could_be_signature(line: str) -> bool:
    return len(line) <= _SIGNATURE_CHARS and len(line.split()) <= _SIGNATURE_WORDS and not line.endswith("?")
