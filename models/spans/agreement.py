"""Compares two answers to the same question about the same text, by their places."""

from __future__ import annotations

from enum import StrEnum
from typing import Protocol


class Agreement(StrEnum):
    """How two answers stand to each other."""

    SAME = "same"
    OVERLAPPING = "overlapping"
    ONE_DECLINED = "one_declined"
    DIFFERENT = "different"


class Place(Protocol):
    """Where an answer stands in its document, in code points."""

    @property
    def char_start(self) -> int:
        """Where it begins."""

    @property
    def char_end(self) -> int:
        """Where it ends, exclusive."""


def agreement(one: Place | None, other: Place | None) -> Agreement:
    """Compares two answers; None is a declined question, and two of them are the same."""
    if one is None or other is None:
        return Agreement.SAME if one is other else Agreement.ONE_DECLINED
    if (one.char_start, one.char_end) == (other.char_start, other.char_end):
        return Agreement.SAME
    overlap = one.char_start < other.char_end and other.char_start < one.char_end
    return Agreement.OVERLAPPING if overlap else Agreement.DIFFERENT
