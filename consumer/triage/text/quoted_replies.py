"""Finds the earlier mail that a reply quotes.

    On Tue, Nov 3, 2026, Ann <ann@example.org> wrote:     a date and a writer, and `>` or block quotes all the way
    From, Sent, To, Subject                               a date, and the subject of the mail that answers it
    > ...                                                 to the end of a reply

One such mark alone is no evidence: a service "wrote" a log, heads are pasted to be looked at. A mail that the sender
announces, points at, forwards, or answers between its lines stays.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Final

from spanstream.consumer.triage.text import mail_vocabulary as vocabulary
from spanstream.consumer.triage.text.mail_lines import MAX_MARK_CHARS, MailLines

_INTRODUCTION_LINES: Final = 4
_HEAD_LINES: Final = 10
_RULE: Final = re.compile(r"[_=*-]{3,}")
_QUESTION_WORDS: Final = 15


@dataclass(frozen=True, slots=True)
class Quotation:
    """What was found: the lines from `first` up to `last` can be cut; `kept_from`: from here on all must stay."""

    first: int
    last: int
    kept_from: int


class QuoteFinder:
    """Looks for the quoted mail of one reply, from its first line on."""

    def __init__(self, mail: MailLines, subject: str) -> None:
        self._mail = mail
        self._subject = subject
        self._is_reply = vocabulary.REPLY_SUBJECT.match(subject) is not None

    def find(self) -> Quotation:
        """Returns the first quotation that there is evidence for; an empty one at the end if there is none."""
        mail = self._mail
        nothing = Quotation(len(mail), len(mail), len(mail))
        for number in self._outer_lines():
            words = mail.words[number]
            if not words or len(words) > MAX_MARK_CHARS:
                continue
            if vocabulary.FORWARDED.fullmatch(words):
                return Quotation(len(mail), len(mail), number)
            if number > self._points_below or mail.is_announced(number):
                continue
            last = self._introduced(number) or self._headed(number) or self._unintroduced(number)
            if last and not self._leans_on_it(number):
                return Quotation(number, last, len(mail))
        return nothing

    def _outer_lines(self) -> Iterator[int]:
        """Yields the lines that a quotation can begin at: all that are not inside of one."""
        begins = {first for first, _ in self._mail.runs}
        yield from (number for number in range(len(self._mail)) if not self._mail.quoted[number] or number in begins)

    @cached_property
    def _points_below(self) -> int:
        """The first of the sender's own lines that points at what stands below; the number of lines if none does."""
        mail = self._mail
        pointing = (
            number
            for number, words in enumerate(mail.words)
            if not mail.quoted[number] and vocabulary.POINTS_BELOW.search(words)
        )
        return next(pointing, len(mail))

    def _introduced(self, number: int) -> int:
        """Returns the line after the mail that an introduction at this line begins; 0 if there is none."""
        after, introduction = self._introduction(number)
        if not after:
            return 0
        mail = self._mail
        has_address = vocabulary.ADDRESS.search(introduction) is not None
        at = bisect_right(mail.runs, number, key=lambda run: run[1])
        if at == len(mail.runs):
            return len(mail) if has_address and self._is_answered_above(number, after) else 0
        first, last = mail.runs[at]
        is_marked = not mail.has_words(after, max(after, first))
        is_conversation = at + 1 < len(mail.runs)
        if not is_marked or is_conversation or (not has_address and mail.is_mostly_evidence(after, last)):
            return 0
        return last if mail.has_words(last, len(mail)) else len(mail)

    def _introduction(self, number: int) -> tuple[int, str]:
        """Returns the line after an introduction, which may be wrapped, and its words; 0 if there is none."""
        mail = self._mail
        words = ""
        for end in range(number, min(number + _INTRODUCTION_LINES, len(mail))):
            words = f"{words} {mail.words[end]}".strip()
            if not mail.words[end] or len(words) > MAX_MARK_CHARS:
                break
            if words.endswith(":") and vocabulary.DATE.search(words):
                return (end + 1, words) if _names_a_writer(words) else (0, "")
        return 0, ""

    def _is_answered_above(self, number: int, below: int) -> bool:
        """Says whether an unmarked mail below has its answer above: a reply's subject, own words, and no log below."""
        mail = self._mail
        return (
            self._is_reply
            and mail.first_own < number
            and mail.has_words(below, len(mail))
            and not mail.is_mostly_evidence(below, len(mail))
        )

    def _headed(self, number: int) -> int:
        """Returns the number of lines if a mail head begins here that Outlook writes above a quote; else 0."""
        mail = self._mail
        first = number
        is_original = vocabulary.ORIGINAL.fullmatch(mail.words[number]) is not None
        if is_original or _RULE.fullmatch(mail.words[number]):
            first += 1
        if first >= len(mail) or not vocabulary.HEAD_FROM.fullmatch(mail.words[first]):
            return 0
        has_date, subject, end = False, "", first + 1
        while end < min(first + _HEAD_LINES, len(mail)) and mail.words[end]:
            words = mail.words[end][:MAX_MARK_CHARS]
            if sent := vocabulary.HEAD_SENT.fullmatch(words):
                has_date = has_date or vocabulary.DATE.search(sent[1]) is not None
            elif named := vocabulary.HEAD_SUBJECT.fullmatch(words):
                subject = named[1]
            elif not vocabulary.HEAD_OTHER.fullmatch(words):
                break
            end += 1
        is_source = any(
            vocabulary.HEAD_OF_SOURCE.match(words) for words in (mail.above(first), *mail.words[end : end + 1])
        )
        is_answered = _core(subject) == _core(self._subject) and self._is_answered_above(number, end)
        return len(mail) if has_date and is_answered and not is_source else 0

    def _unintroduced(self, number: int) -> int:
        """Returns the number of lines if a helpdesk's line or a quoted letter to the end begins here; else 0."""
        mail = self._mail
        if vocabulary.REPLY_ABOVE.fullmatch(mail.words[number]):
            return len(mail) if self._is_answered_above(number, number + 1) else 0
        if mail.runs != [(number, mail.runs[-1][1] if mail.runs else 0)] or mail.has_words(mail.runs[0][1], len(mail)):
            return 0
        is_letter = any(_is_of_a_letter(words) for words in mail.words[number:])
        return len(mail) if is_letter and self._is_answered_above(number, number) else 0

    def _leans_on_it(self, number: int) -> bool:
        """Says whether the words above are a bare question ("Any news?"), which says little without the mail below."""
        mail = self._mail
        own = [words for words in mail.words[mail.first_own : number] if words]
        return any(words.endswith("?") for words in own) and sum(len(words.split()) for words in own) <= _QUESTION_WORDS


def _names_a_writer(introduction: str) -> bool:
    """Says whether an introduction with a date has a person too: an address, or a name that wrote."""
    wrote = vocabulary.WROTE.search(introduction)
    if wrote is None:
        return vocabulary.ADDRESS.search(introduction) is not None and introduction.endswith(">:")
    if vocabulary.ADDRESS.search(introduction):
        return True
    sides = (introduction[: wrote.start()].rstrip(" ,").split(" ")[-1], introduction[wrote.end() :].strip(" :"))
    return any(side[:1].isupper() for side in sides) and not vocabulary.THING.search(introduction)


def _is_of_a_letter(words: str) -> bool:
    """Says whether a line greets or closes, as in a letter."""
    marks = words[:MAX_MARK_CHARS].rstrip(" ,.!")
    return any(
        pattern.fullmatch(marks) for pattern in (vocabulary.GREETING, vocabulary.CLOSING, vocabulary.WEAK_CLOSING)
    )


def _core(subject: str) -> str:
    """Returns a subject without what replies, forwards and helpdesks put before it."""
    return " ".join(vocabulary.SUBJECT_PREFIXES.sub(" ", subject).split()).casefold()
