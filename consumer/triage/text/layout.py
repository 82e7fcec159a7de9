"""Lays HTML out as text, element by element as the parser reports them: lines, lists, tables, preformatted parts.

    start, data, end (of lxml's parser) ──> pending gap or line breaks ──> pieces of text

Gaps and line breaks are pending until text follows, so neither a line nor the text ends with white space. A table's row
is one line as long as its cells are; a cell of several lines puts the next one on a line of its own. Nothing is padded
to a width: the text grows with the body, never faster, and each event costs the same.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from spanstream.consumer.triage.text import html_tags

_HIDING_STYLE: Final = re.compile(r"(?:^|;)\s*display\s*:\s*none\b", re.IGNORECASE)
_PREFORMATTING_STYLE: Final = re.compile(r"(?:^|;)\s*white-space\s*:\s*pre", re.IGNORECASE)
_CELL_GAP: Final = "  "
# Line breaks at a place: at most two empty lines.
_MAX_BREAKS: Final = 3
_LIST_INDENT: Final = 4
_MAX_LIST_DEPTH: Final = 4


@dataclass(frozen=True, slots=True)
class _Element:
    """An open element, and what holds inside of it."""

    tag: str
    is_hidden: bool
    is_preformatted: bool


@dataclass(frozen=True, slots=True)
class _Row:
    """A table's row: the piece and the line of text that it began at."""

    piece: int
    line: int


class TextLayout:
    """Takes the events of lxml's HTML parser (its `target`) and lays out the text.

    Args:
        keep_lines: line breaks in the body count everywhere, as if all of it were preformatted.
    """

    def __init__(self, *, keep_lines: bool = False) -> None:
        self._pieces: list[str] = []
        self._open = [_Element("", is_hidden=False, is_preformatted=keep_lines)]
        # The last number given in each open list; None in a list with bullets.
        self._lists: list[int | None] = []
        self._rows: list[_Row] = []
        self._line = 0
        # What stands before the next text: on the same line, or else line breaks and a list's bullet.
        self._gap: list[str] = []
        self._breaks = 0
        self._bullet = ""
        # Blocks at the beginning of a cell do not break the row's line.
        self._is_at_cell = False
        self._is_at_block = False

    @property
    def open_tags(self) -> list[str]:
        """The tags of the elements that are open, the outermost first."""
        return [element.tag for element in self._open[1:]]

    # The parser's events.

    def start(self, tag: str, attributes: Mapping[str, str]) -> None:
        """Opens an element."""
        outer, style = self._open[-1], attributes.get("style", "")
        is_hidden = outer.is_hidden or tag in html_tags.HIDDEN or _HIDING_STYLE.search(style) is not None
        is_pre = tag in html_tags.PREFORMATTED or _PREFORMATTING_STYLE.search(style) is not None
        self._open.append(_Element(tag, is_hidden, outer.is_preformatted or is_pre))
        if is_hidden:
            return
        if tag == "br":
            self._break_line()
        elif tag in {"td", "th"}:
            self._begin_cell()
        elif tag in html_tags.BLOCKS:
            self._break_block(tag)
        if tag == "tr":
            will_break = bool(self._breaks and self._pieces)
            self._rows.append(_Row(len(self._pieces), self._line + will_break))
        elif tag in {"ul", "ol"}:
            self._lists.append(0 if tag == "ol" else None)
        elif tag == "li":
            self._bullet = self._next_bullet()

    def end(self, tag: str) -> None:
        """Closes the innermost element; the parser says so for each one that it opened."""
        if len(self._open) == 1 or self._open.pop().is_hidden:
            return
        if tag == "tr" and self._rows:
            self._rows.pop()
            self._is_at_cell = False
            # The margins of what stands in its cells do not count.
            self._breaks = 1
        elif tag in {"ul", "ol"} and self._lists:
            self._lists.pop()
        elif tag == "li":
            self._bullet = ""
        if tag in html_tags.BLOCKS:
            self._break_block(tag)

    def data(self, text: str) -> None:
        """Writes text into the innermost element."""
        if self._open[-1].is_hidden:
            return
        if self._open[-1].is_preformatted:
            for number, line in enumerate(text.split("\n")):
                if number:
                    # A block breaks the line already: the line break right behind its tag adds none.
                    self._break_line(0 if self._is_at_block else 1)
                self._write(line.rstrip(), line)
            return
        words = text.split()
        if text[:1].isspace() and not (self._gap or self._is_at_line):
            self._gap = [" "]
        self._write(" ".join(words), "")
        if words and text[-1].isspace():
            self._gap = [" "]

    def comment(self, text: str) -> None:
        """Leaves comments out."""

    def pi(self, target: str, data: str | None = None) -> None:
        """Leaves processing instructions out."""

    def close(self) -> str:
        """Returns the whole text."""
        return "".join(self._pieces)

    # How text comes to its place.

    @property
    def _is_at_line(self) -> bool:
        return bool(self._breaks) or not self._pieces

    def _write(self, text: str, padded: str) -> None:
        """Writes text behind what is pending; white space that follows it in `padded` is pending then."""
        if text:
            if self._breaks and self._pieces:
                self._pieces.append("\n" * self._breaks)
                self._line += 1
            self._pieces += [self._bullet, *self._gap, text]
            self._gap, self._breaks, self._bullet = [], 0, ""
            self._is_at_cell = self._is_at_block = False
        if len(padded) > len(text):
            self._gap.append(padded[len(text) :])

    def _break_line(self, breaks: int = 1) -> None:
        self._gap, self._is_at_block = [], False
        if not self._is_at_cell:
            self._breaks = min(self._breaks + breaks, _MAX_BREAKS)

    def _break_block(self, tag: str) -> None:
        self._is_at_block = True
        self._gap = self._gap if self._is_at_cell else []
        if not self._is_at_cell:
            self._breaks = max(self._breaks, 2 if tag in html_tags.PARAGRAPHS and len(self._lists) == 0 else 1)

    def _begin_cell(self) -> None:
        row = self._rows[-1] if self._rows else None
        if row is not None and len(self._pieces) == row.piece:
            self._is_at_cell = True
        elif row is not None and self._line == row.line:
            self._gap, self._breaks, self._is_at_cell = [_CELL_GAP], 0, True
        else:
            self._break_block("td")

    def _next_bullet(self) -> str:
        bullet = "* "
        if self._lists and self._lists[-1] is not None:
            self._lists[-1] += 1
            bullet = f"{self._lists[-1]}. "
        return bullet.rjust(_LIST_INDENT * min(len(self._lists), _MAX_LIST_DEPTH))
