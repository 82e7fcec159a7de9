"""Mails of many programs and languages: hardly any of the sender's words are cut, and most of what is quoted is.

The two errors are counted apart. A lost word can be the one that the ticket is about; a quoted one that stays is only
noise. The figures are in docs/triage.md.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import pytest
import yaml

from spanstream.consumer.triage.text.ticket_text import document_text
from spanstream.schemas.limits import Limits
from spanstream.schemas.triage import Ticket

# Most are in English; the others are in eight of the large European languages.
SETS: Final = ("mails", "european_mails")
MAILS: Final[dict[str, list[dict[str, Any]]]] = {
    name: yaml.safe_load((Path(__file__).parent / "examples" / f"{name}.yaml").read_text(encoding="utf-8"))
    for name in SETS
}
HALVES: Final = ("development", "held_out")
# Mails of each half that may lose words of the sender.
LOST: Final = {("mails", "development"): 0, ("mails", "held_out"): 2}


@dataclass(frozen=True)
class LabelledMail:
    """A ticket and what its lines are: the sender's own, quoted, a signature."""

    ticket: Ticket
    own: list[str]
    quote: list[str]
    signature: list[str]

    @classmethod
    def read(cls, mail: dict[str, Any]) -> LabelledMail:
        if "html" in mail:
            ticket = _ticket(mail, mail["html"], "text/html")
            return cls(ticket, mail["own"], mail.get("quote", []), mail.get("signature", []))
        lines = mail["mail"].split("\n")
        marked = {label: [line[2:].strip() for line in lines if line.startswith(f"{label} ")] for label in "oqse"}
        assert sum(map(len, marked.values())) == sum(map(bool, lines)), mail["name"]
        body = "\n".join(line[2:] for line in lines)
        return cls(_ticket(mail, body, "text/plain"), marked["o"], marked["q"], marked["s"])


def _ticket(mail: dict[str, Any], body: str, content_type: str) -> Ticket:
    attributes = {"content_type": content_type}
    return Ticket(ticket_id="t", subject=mail["subject"], body=body, attributes=attributes)


def words(lines: list[str]) -> int:
    return sum(len(line.split()) for line in lines)


def kept_and_lost(ticket: Ticket, lines: list[str]) -> tuple[list[str], list[str]]:
    """Returns which of the lines are in the ticket's document, and which are not."""
    left = Counter(" ".join(line.split()) for line in document_text(ticket, Limits()).text.split("\n"))
    kept: list[str] = []
    lost: list[str] = []
    for line in lines:
        found = left[" ".join(line.split())] > 0
        left[" ".join(line.split())] -= found
        (kept if found else lost).append(line)
    return kept, lost


def mails_of(name: str, half: str) -> list[LabelledMail]:
    return [LabelledMail.read(mail) for mail in MAILS[name] if mail["half"] == half]


def test_there_are_enough_mails_in_both_halves_and_each_has_a_name() -> None:
    assert all(len(mails_of("mails", half)) >= 50 for half in HALVES)
    assert all(len(mails_of("european_mails", half)) >= 24 for half in HALVES)
    names = [mail["name"] for name in SETS for mail in MAILS[name]]
    assert len(names) == len(set(names)) == sum(len(mails_of(name, half)) for name in SETS for half in HALVES)


@pytest.mark.parametrize("half", HALVES)
@pytest.mark.parametrize("name", SETS)
def test_hardly_any_words_of_the_sender_are_lost(name: str, half: str) -> None:
    mails = mails_of(name, half)
    lost = [lost for mail in mails if (lost := kept_and_lost(mail.ticket, mail.own)[1])]
    print(f"{name}, {half}: lost in {len(lost)} of {len(mails)} mails: {lost}")  # noqa: T201  the score, for people
    assert len(lost) <= LOST.get((name, half), 0)


@pytest.mark.parametrize("half", HALVES)
@pytest.mark.parametrize("name", SETS)
@pytest.mark.parametrize(("kind", "share"), [("quote", 0.15), ("signature", 0.05)])
def test_most_of_what_is_quoted_or_signs_is_left_out(name: str, half: str, kind: str, share: float) -> None:
    every = [(mail.ticket, getattr(mail, kind)) for mail in mails_of(name, half)]
    total = sum(words(lines) for _, lines in every)
    kept = [line for ticket, lines in every for line in kept_and_lost(ticket, lines)[0]]
    print(f"{name}, {half}: {words(kept)} of {total} words of kind {kind} stay: {kept}")  # noqa: T201  the score, for people
    assert total > 75
    assert words(kept) <= share * total
