"""Finds the parts of a message that are not the sender's own new words: a quoted earlier mail, and the signature.

    On ... wrote: / From, Sent, Subject      -> quoted_reply, to the end or to the end of the `>` lines
    -- / Best regards, / Sent from my ...    -> signature, a few short lines at the end of the sender's own words

A part is cut on evidence of two kinds, and after a look at what would be lost; in doubt it stays. A forwarded mail
stays, because the sender wants it read. A conversation between the lines stays, because its answers make no sense
without the questions. Everything stays if nothing else would be left.
These are rules of our own, line by line: on the labelled mails of tests/quality the libraries for it lose more of the
customers' words and keep more of the quoted ones (docs/triage.md).
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from itertools import accumulate
from typing import Literal

from spanstream.consumer.triage.text.mail_lines import MailLines
from spanstream.consumer.triage.text.quoted_replies import QuoteFinder
from spanstream.consumer.triage.text.signatures import signature_start

Kind = Literal["quoted_reply", "signature"]


@dataclass(frozen=True, slots=True)
class RemovablePart:
    """`text[start:end]`, whole lines; offsets are in code points."""

    kind: Kind
    start: int
    end: int


def removable_parts(text: str, subject: str = "", block_quoted: Collection[int] = ()) -> list[RemovablePart]:
    """Returns the parts that can be cut, in order, without overlap; none if cutting them would leave nothing.

    Args:
        text: the message; lines end with a line feed.
        subject: the mail's subject; that of a reply tells a quoted mail from a forwarded one.
        block_quoted: numbers of the lines that stand in a block quote of the message's HTML.
    """
    mail = MailLines(text, block_quoted)
    quote = QuoteFinder(mail, subject).find()
    # If there are words below the quote, the signature is below it too.
    is_below = mail.has_words(quote.last, quote.kept_from)
    begin, end = (quote.last, quote.kept_from) if is_below else (0, min(quote.first, quote.kept_from))
    parts: list[tuple[Kind, int, int]] = [
        ("quoted_reply", quote.first, quote.last),
        ("signature", signature_start(mail, begin, end), end),
    ]
    parts = sorted((part for part in parts if part[1] < part[2]), key=lambda part: part[1])
    cut = {number for _, first, last in parts for number in range(first, last)}
    if not any(words and number not in cut for number, words in enumerate(mail.words)):
        return []
    starts = list(accumulate((len(line) + 1 for line in mail.raw), initial=0))
    return [RemovablePart(kind, starts[first], min(starts[last], len(text))) for kind, first, last in parts]
