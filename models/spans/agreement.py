"""Compares two answers to the same question about the same text, by their places."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol


class Agreement(StrEnum):
    """How two answers stand to each other."""

    SAME = "same"
    OVERLAPPING = "overlapping"
    ONE_DECLINED = "one_declined"
    DIFFERENT = "different"


class Located(Protocol):
    """What stands in a document, by its place in code points."""

    @property
    def char_start(self) -> int:
        """Where it begins."""

    @property
    def char_end(self) -> int:
        """Where it ends, exclusive."""


@dataclass(frozen=True, slots=True)
class ModelAnswer:
    """What one model said to a question.

    Attributes:
        given: where its answer stands; None where it declined.
        confidence: of its best candidate.
        right: whether it was right to say so; None where that is not known.
        document: names the document that it quotes, where the two may quote different ones.
    """

    given: Located | None
    confidence: float
    right: bool | None = None
    document: str | None = None

    def agreement_with(self, other: ModelAnswer) -> Agreement:
        """Compares what two models said; pieces of two documents are different."""
        if self.given is not None and other.given is not None and self.document != other.document:
            return Agreement.DIFFERENT
        return agreement(self.given, other.given)


def agreement(one: Located | None, other: Located | None) -> Agreement:
    """Compares two answers; None is a declined question, and two of them are the same."""
    if one is None or other is None:
        return Agreement.SAME if one is other else Agreement.ONE_DECLINED
    if (one.char_start, one.char_end) == (other.char_start, other.char_end):
        return Agreement.SAME
    overlap = one.char_start < other.char_end and other.char_start < one.char_end
    return Agreement.OVERLAPPING if overlap else Agreement.DIFFERENT
