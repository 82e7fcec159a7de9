"""Cuts a text into stretches between which the set of marks does not change."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import pairwise


@dataclass(frozen=True, slots=True)
class Mark:
    """A span of a text, and the number of the question whose answer it is; `is_guess`: it was declined."""

    char_start: int
    char_end: int
    number: int
    is_guess: bool = False


@dataclass(frozen=True, slots=True)
class Stretch:
    """A piece of the text.

    Attributes:
        text: the piece.
        over: the marks over it, the shortest first, those that were declined behind the others.
        ending: those that end with it.
        begins: whether the shortest of them begins with it.
    """

    text: str
    over: tuple[Mark, ...]
    ending: tuple[Mark, ...]
    begins: bool


def stretches(text: str, begin: int, end: int, marks: Iterable[Mark]) -> Iterator[Stretch]:
    """Yields `text[begin:end]` in stretches; marks outside of it are passed over."""
    end = max(begin, min(end, len(text)))
    inside = [mark for mark in marks if mark.char_start < end and mark.char_end > begin]
    edges = {edge for mark in inside for edge in (mark.char_start, mark.char_end) if begin < edge < end}
    for left, right in pairwise(sorted({begin, end} | edges)):
        over = [mark for mark in inside if mark.char_start <= left and right <= mark.char_end]
        over.sort(key=lambda mark: (mark.char_end - mark.char_start, mark.is_guess, mark.number))
        ending = tuple(mark for mark in over if mark.char_end == right)
        yield Stretch(
            text[left:right], tuple(over), ending, begins=bool(over) and max(over[0].char_start, begin) == left
        )
