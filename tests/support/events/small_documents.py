"""Short tickets with the questions that they answer, as many as wanted, the same for the same seed."""

from __future__ import annotations

import random
from dataclasses import dataclass

_PEOPLE = ("Anna", "Boris", "Chloe", "Dinesh", "Emre", "Farida", "Gwen", "Hiro", "Ines", "Jürgen")
_PLACES = ("Lyon", "Oslo", "Kraków", "Porto", "Delhi", "Quito", "Malmö", "Sofia")
_PARTS = ("printer", "scanner", "router", "badge reader", "projector", "coffee machine", "export job", "login page")
_DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday")
_TEXT = "{person} in {place} says the {part} has shown error E{code} since {day}. It was bought for {price} euros 🙂."
_ASKED = (
    "Which error does the {part} show?",
    "Since when does the {part} fail?",
    "Where does {person} work?",
    "How much was paid for it?",
    "Who reported the problem?",
)


@dataclass(frozen=True, slots=True)
class SmallDocument:
    document_id: str
    text: str
    questions: tuple[str, ...]


def small_documents(count: int, seed: int, *, prefix: str = "ticket") -> list[SmallDocument]:
    draw = random.Random(seed)  # noqa: S311  no secret
    return [_draw(draw, f"{prefix}-{number}") for number in range(count)]


def _draw(draw: random.Random, document_id: str) -> SmallDocument:
    facts = {
        "person": draw.choice(_PEOPLE),
        "place": draw.choice(_PLACES),
        "part": draw.choice(_PARTS),
        "day": draw.choice(_DAYS),
        "code": draw.randrange(1000, 10000),
        "price": draw.randrange(20, 900),
    }
    return SmallDocument(document_id, _TEXT.format(**facts), tuple(asked.format(**facts) for asked in _ASKED))
