"""Chooses the parts of a long text to show: every answer is seen whole, with some text around it.

A text that fits in `max_rows` is kept as it is. Otherwise whole lines are left out first; a kept line that is a
paragraph of its own is then cut to the surroundings of the answers in it. The pieces tile the text: nothing is
changed, moved or lost, only left out, and a piece that is left out never touches a span.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import pairwise

from rich.cells import cell_len

_LINE_END = re.compile(r"\r?\n")
_SPACE = re.compile(r"\s")
_JOINER = "\N{ZERO WIDTH JOINER}"
_SKIN_TONES = ("\N{EMOJI MODIFIER FITZPATRICK TYPE-1-2}", "\N{EMOJI MODIFIER FITZPATRICK TYPE-6}")
_PLAIN_ROWS = 2  # a line without an answer may fill this many rows of an abbreviated text
_ANSWER_ROWS = 4  # a line with answers
_AROUND_CHARS = 90  # kept on either side of an answer inside a line that is too long
_BOUNDARY_CHARS = 24  # how far a cut may move to fall between two words
_SMALL_GAP_ROWS = 2
_MOST_NEIGHBOURS = 12

Range = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Kept:
    """`text[char_start:char_end]` is shown."""

    char_start: int
    char_end: int


@dataclass(frozen=True, slots=True)
class Elided:
    """`text[char_start:char_end]` is left out: `lines` whole lines, or part of one when that is 0."""

    char_start: int
    char_end: int
    lines: int


@dataclass(frozen=True, slots=True)
class _Line:
    """`char_end` is where its content ends, `next_start` where the next line starts; `rows` it fills on the screen."""

    char_start: int
    char_end: int
    next_start: int
    rows: int
    spans: tuple[Range, ...]

    @property
    def rows_shown(self) -> int:
        return min(self.rows, _ANSWER_ROWS if self.spans else _PLAIN_ROWS)


def excerpt(text: str, spans: Iterable[Range], *, width: int, max_rows: int) -> tuple[Kept | Elided, ...]:
    """Chooses what to show of `text` on a screen of `width` cells.

    `spans` are (char_start, char_end) pairs that must be seen whole; they win over `max_rows`.
    """
    lines = _lines(text, tuple(spans), width)
    if sum(line.rows for line in lines) <= max_rows:
        return (Kept(0, len(text)),) if text else ()
    shown = _choose(text, lines, max_rows)
    pieces: list[Kept | Elided] = []
    hidden: list[_Line] = []
    for number, line in enumerate(lines):
        if number not in shown:
            hidden.append(line)
            continue
        if hidden:
            pieces.append(Elided(hidden[0].char_start, line.char_start, len(hidden)))
            hidden = []
        pieces.extend(_shorten(text, line, width))
    if hidden:
        pieces.append(Elided(hidden[0].char_start, len(text), len(hidden)))
    return tuple(_joined(pieces))


def _lines(text: str, spans: tuple[Range, ...], width: int) -> tuple[_Line, ...]:
    ends = [match.span() for match in _LINE_END.finditer(text)]
    if not ends or ends[-1][1] < len(text):
        ends.append((len(text), len(text)))
    starts = (0, *(end for _, end in ends))
    return tuple(
        _Line(
            char_start=start,
            char_end=content_end,
            next_start=next_start,
            rows=max(1, -(-cell_len(text[start:content_end]) // width)),
            spans=tuple(span for span in spans if span[0] < next_start and span[1] > start),
        )
        for start, (content_end, next_start) in zip(starts, ends, strict=False)
    )


def _choose(text: str, lines: tuple[_Line, ...], max_rows: int) -> frozenset[int]:
    """Returns the numbers of the lines to show: all with a span, and as many neighbours as there is room for."""
    wanted = {number for number, line in enumerate(lines) if line.spans} or {0}
    best = _closed(text, lines, wanted)
    for reach in range(1, _MOST_NEIGHBOURS + 1):
        near = {n for number in wanted for n in range(number - reach, number + reach + 1) if 0 <= n < len(lines)}
        wider = _closed(text, lines, near)
        if _rows(lines, wider) > max_rows:
            break
        best = wider
    return best


def _closed(text: str, lines: tuple[_Line, ...], wanted: set[int]) -> frozenset[int]:
    """Leaves out blank lines at the edges of a gap, and closes gaps hardly larger than the marker."""
    idle = {n for n, line in enumerate(lines) if not line.spans and not text[line.char_start : line.char_end].strip()}
    inner = {n for n in wanted if n not in idle or (n - 1 in wanted and n + 1 in wanted)}
    kept = sorted(n for n in inner if n not in idle or (n - 1 in inner and n + 1 in inner))
    gaps = (range(a + 1, b) for a, b in pairwise((-1, *kept, len(lines))))
    small = (gap for gap in gaps if sum(lines[n].rows for n in gap) <= _SMALL_GAP_ROWS)
    return frozenset(kept).union(*small)


def _rows(lines: tuple[_Line, ...], shown: frozenset[int]) -> int:
    gaps = sum(1 for n in range(len(lines)) if n not in shown and (n == 0 or n - 1 in shown))
    return gaps + sum(lines[n].rows_shown for n in shown)


def _shorten(text: str, line: _Line, width: int) -> Iterator[Kept | Elided]:
    """Returns the line as it is, or only what surrounds its spans when it is a long one."""
    if line.rows <= line.rows_shown:
        yield Kept(line.char_start, line.next_start)
        return
    position = line.char_start
    for start, end in _surroundings(text, line, width):
        if start > position:
            yield Elided(position, start, 0)
        yield Kept(start, end)
        position = end
    if position < line.char_end:
        yield Elided(position, line.char_end, 0)
    if line.char_end < line.next_start:
        yield Kept(line.char_end, line.next_start)


def _surroundings(text: str, line: _Line, width: int) -> list[Range]:
    """Tells what to keep of a long line: ranges inside its content, in order, not touching each other."""
    if not line.spans:
        return [(line.char_start, _boundary(text, line.char_start + _PLAIN_ROWS * width - 4, line, step=-1))]
    kept: list[Range] = []
    for span_start, span_end in sorted(line.spans):
        start = _boundary(text, span_start - _AROUND_CHARS, line, step=1, limit=span_start)
        end = _boundary(text, span_end + _AROUND_CHARS, line, step=-1, limit=span_end)
        if kept and start <= kept[-1][1] + _BOUNDARY_CHARS:
            kept[-1] = (kept[-1][0], max(end, kept[-1][1]))
        else:
            kept.append((start, end))
    return kept


def _boundary(text: str, position: int, line: _Line, *, step: int, limit: int | None = None) -> int:
    """Returns a place near `position` to cut the line: between words if there is one, never before a combining mark.

    `step` is the direction to look in, `limit` the edge of a span that may not be passed.
    """
    if position <= line.char_start or position >= line.char_end:
        cut = min(max(position, line.char_start), line.char_end)
    else:
        near = range(position, position + step * _BOUNDARY_CHARS, step)
        cut = next((n for n in near if line.char_start < n < line.char_end and _SPACE.match(text, n)), position)
    while line.char_start < cut < line.char_end and _continues(text, cut):
        cut += step
    if limit is not None:
        cut = min(cut, limit) if step > 0 else max(cut, limit)
    return min(max(cut, line.char_start), line.char_end)


def _continues(text: str, position: int) -> bool:
    """Tells whether the character there is drawn together with the one before it: marks, skin tones, joined emoji."""
    char = text[position]
    return (
        unicodedata.category(char).startswith("M")
        or char == _JOINER
        or text[position - 1] == _JOINER
        or _SKIN_TONES[0] <= char <= _SKIN_TONES[1]
    )


def _joined(pieces: Iterable[Kept | Elided]) -> Iterator[Kept | Elided]:
    """Returns the same pieces, with neighbours that are both kept made one, and empty ones dropped."""
    last: Kept | None = None
    for piece in pieces:
        if piece.char_start == piece.char_end:
            continue
        if isinstance(piece, Kept):
            last = Kept(last.char_start if last else piece.char_start, piece.char_end)
            continue
        if last:
            yield last
            last = None
        yield piece
    if last:
        yield last
