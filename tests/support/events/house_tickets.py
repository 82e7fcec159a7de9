"""Tickets of a till maker's support, where a number alone says nothing: the house's own way to name things.

Customers are counted by country and errors by module, so the right answer is "Sweden, 88569" and not "88569", and "TAX,
error 489" and not "489". Tickets are drawn of sentences; no two of one call are the same.
"""

from __future__ import annotations

import random
from collections.abc import Mapping
from dataclasses import dataclass

WHO, WHICH_ERROR = "Which customer is it?", "Which error is shown?"
WHO_CALLED, WHICH_SITE = "Who called?", "Which site is it?"
WHICH_RELEASE, UNTIL_WHEN = "Which release is installed?", "Until when does the contract run?"

_PEOPLE = ("Anna Berg", "Boris Klein", "Chloe Martin", "Dinesh Rao", "Emre Kaya", "Farida Haddad", "Hiro Tanaka")
_SITES = ("Lyon", "Oslo", "Porto", "Malmö", "Sofia", "Graz", "Leeds", "Turin", "Gdansk", "Ghent")
_COUNTRIES = ("Austria", "Norway", "Portugal", "Sweden", "Italy", "Belgium", "Poland", "Ireland")
_MODULES = ("PAY", "SYNC", "PRT", "AUTH", "STK", "RPT", "TAX", "LOY")
_DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday")
_OPENINGS = (
    "{person} from {site} called, customer {customer}.",
    "Customer {customer}, caller {person}, site {site}.",
    "Mail of {person} ({site}), customer {customer}:",
    "Hello, this is {person} in {site}, our customer {customer}.",
    "Visit at {site}, spoke with {person}. Customer {customer} on the contract.",
)
_FAULTS = (
    "The till stops with {error}, since {day}.",
    "Since {day} every receipt ends in {error}, and the till restarts.",
    "On {day} the screen showed {error}, twice in an hour.",
    "They get {error}, when closing the day; first seen on {day}.",
)
_WISHES = (
    "They want a second drawer for the till before {day}.",
    "The receipt printer is slow since {day}, nothing is shown on the screen.",
    "They ask for an invoice copy, {day} is early enough.",
)
_OF_RELEASE, _OF_CONTRACT = "Release {release} is installed.", "Contract runs until {year}."
_CLOSINGS = (
    "Restarting did not help.",
    _OF_RELEASE,
    "Please call back after {hour}:00.",
    _OF_CONTRACT,
    "The drawer was replaced in {year}.",
    "The queue was {hour} people long, so it is urgent.",
    "Router and switch look fine.",
)
_FAULT_SHARE = 0.8


@dataclass(frozen=True, slots=True)
class HouseTicket:
    """A ticket, and the right answer to each question about it; None where it does not say.

    `answers` are those of the house's own kind, `plain` those that need no learning.
    """

    document_id: str
    text: str
    answers: Mapping[str, str | None]
    plain: Mapping[str, str | None]


def house_tickets(count: int, seed: int) -> list[HouseTicket]:
    """Draws tickets; the same for the same seed, and others for another."""
    draw = random.Random(seed)  # noqa: S311  no secret
    tickets: dict[str, HouseTicket] = {}
    while len(tickets) < count:
        ticket = _draw(draw, f"house-{seed}-{len(tickets)}")
        tickets.setdefault(ticket.text, ticket)
    return list(tickets.values())


def _draw(draw: random.Random, document_id: str) -> HouseTicket:
    customer = f"{draw.choice(_COUNTRIES)}, {draw.randrange(10_000, 100_000)}"
    error = f"{draw.choice(_MODULES)}, error {draw.randrange(100, 1000)}"
    has_fault = draw.random() < _FAULT_SHARE
    middle = draw.choice(_FAULTS if has_fault else _WISHES)
    sentences = (draw.choice(_OPENINGS), middle, *draw.sample(_CLOSINGS, draw.choice((1, 2))))
    words = {
        "person": draw.choice(_PEOPLE),
        "site": draw.choice(_SITES),
        "day": draw.choice(_DAYS),
        "customer": customer,
        "error": error,
        "release": f"{draw.randrange(3, 9)}.{draw.randrange(10)}",
        "hour": str(draw.randrange(9, 18)),
        "year": str(draw.randrange(2015, 2030)),
    }
    plain = {
        WHO_CALLED: words["person"],
        WHICH_SITE: words["site"],
        WHICH_RELEASE: words["release"] if _OF_RELEASE in sentences else None,
        UNTIL_WHEN: words["year"] if _OF_CONTRACT in sentences else None,
    }
    answers = {WHO: customer, WHICH_ERROR: error if has_fault else None}
    return HouseTicket(document_id, " ".join(sentences).format(**words), answers, plain)
