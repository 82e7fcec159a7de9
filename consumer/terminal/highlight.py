"""Marks a ticket's answers in its text.

Each answer has the colour of its question and the question's number behind it; without colours it stands in ⟦ ⟧.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

from rich.style import Style
from rich.text import Text

from spanstream.consumer.terminal.excerpt import Elided, Kept, excerpt
from spanstream.consumer.terminal.sanitizing import sanitized
from spanstream.consumer.terminal.views import AnswerView

OPEN, CLOSE, LEFT_OUT = "⟦", "⟧", "⋯"
_COLOURS = ("#ffd166", "#7dd3fc", "#a7e08b", "#f5a3c7", "#c4b5fd")
_ON_COLOUR = "#14171f"
_SUPERSCRIPTS = str.maketrans("0123456789", "⁰¹²³⁴⁵⁶⁷⁸⁹")
_MARKER = Style(dim=True)


def number_style(number: int) -> Style:
    """Returns the style of a question's number; `number` counts from 1."""
    return Style(color=_COLOURS[(number - 1) % len(_COLOURS)], bold=True)


def mark_style(number: int) -> Style:
    """Returns the style that marks the answer to that question in the text."""
    return Style(color=_ON_COLOUR, bgcolor=_COLOURS[(number - 1) % len(_COLOURS)])


@dataclass(frozen=True, slots=True)
class _AnswerMark:
    """One span of the text, and the numbers of the questions that it answers."""

    char_start: int
    char_end: int
    numbers: tuple[int, ...]

    @property
    def style(self) -> Style:
        return mark_style(self.numbers[0])

    @property
    def superscript(self) -> str:
        return "\N{NARROW NO-BREAK SPACE}".join(str(number).translate(_SUPERSCRIPTS) for number in self.numbers)


def highlighted(text: str, answers: Sequence[AnswerView], *, width: int, max_rows: int, brackets: bool) -> Text:
    """Returns the excerpt of `text` for a column of `width` cells, its answers marked; declined questions not."""
    marks = _marks(answers)
    result = Text(overflow="fold")
    for piece in excerpt(text, [(mark.char_start, mark.char_end) for mark in marks], width=width, max_rows=max_rows):
        if isinstance(piece, Elided):
            result.append(_left_out(text, piece), _MARKER)
        else:
            _append(result, text, piece, marks, brackets=brackets)
    result.rstrip()
    return result


def _marks(answers: Sequence[AnswerView]) -> tuple[_AnswerMark, ...]:
    numbers: dict[tuple[int, int], list[int]] = {}
    for number, view in enumerate(answers, start=1):
        if view.answer:
            numbers.setdefault((view.answer.char_start, view.answer.char_end), []).append(number)
    return tuple(_AnswerMark(start, end, tuple(questions)) for (start, end), questions in sorted(numbers.items()))


def _left_out(text: str, piece: Elided) -> str:
    """Returns the marker: on a line of its own for lines, between two spaces inside one."""
    if not piece.lines:
        begins_line = text[piece.char_start - 1 : piece.char_start] in ("", "\n")
        before_space = text[piece.char_end : piece.char_end + 1].isspace()
        return f"{'' if begins_line else ' '}{LEFT_OUT}{'' if before_space else ' '}"
    return f"{LEFT_OUT} {piece.lines} line{'' if piece.lines == 1 else 's'} {LEFT_OUT}\n"


def _append(result: Text, text: str, piece: Kept, marks: Iterable[_AnswerMark], *, brackets: bool) -> None:
    """Appends the piece in stretches between which the set of marks does not change."""
    inside = [mark for mark in marks if mark.char_start < piece.char_end and mark.char_end > piece.char_start]
    for start, end in _stretches(piece, inside):
        over = sorted(
            (mark for mark in inside if mark.char_start <= start and end <= mark.char_end),
            key=lambda mark: mark.char_end - mark.char_start,
        )
        style = over[0].style if over else Style.null()
        if brackets:
            result.append(OPEN * sum(mark.char_start == start for mark in over))
        result.append(sanitized(text[start:end]), style)
        for mark in (mark for mark in over if mark.char_end == end):
            result.append(CLOSE if brackets else "")
            result.append(mark.superscript, number_style(mark.numbers[0]))


def _stretches(piece: Kept, marks: Iterable[_AnswerMark]) -> Iterator[tuple[int, int]]:
    edges = {edge for mark in marks for edge in (mark.char_start, mark.char_end)}
    cuts = sorted({piece.char_start, piece.char_end} | {e for e in edges if piece.char_start < e < piece.char_end})
    yield from pairwise(cuts)
