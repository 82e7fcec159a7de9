"""Draws the passages that were retrieved for a question about a collection, the best first."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from rich.table import Table
from rich.text import Text

from spanstream.consumer.terminal.sanitizing import sanitized_line, shortened
from spanstream.consumer.terminal.styles import BOLD, DIM

_SHOWN_CHARS = 160


@dataclass(frozen=True, slots=True)
class PassageView:
    """A passage: `text` is characters `char_start` to `char_end` of its document.

    `quoted` is where the candidate stands in `text`, None where it is not in here.
    """

    document_id: str
    char_start: int
    char_end: int
    score: float
    text: str
    quoted: tuple[int, int] | None = None


def passages_table(passages: Sequence[PassageView]) -> Table:
    """Returns a row for each passage, with the candidate marked where it stands."""
    table = Table(box=None, expand=True, padding=(0, 1), pad_edge=False, header_style=DIM)
    table.add_column("", no_wrap=True)
    table.add_column("score", no_wrap=True)
    table.add_column("document", overflow="fold", ratio=1)
    table.add_column("characters", no_wrap=True)
    table.add_column("passage", overflow="fold", ratio=4)
    for number, passage in enumerate(passages, start=1):
        table.add_row(
            Text(str(number), DIM),
            f"{passage.score:.4f}",
            Text(sanitized_line(passage.document_id)),
            f"{passage.char_start}-{passage.char_end}",
            _text(passage),
        )
    return table


def _text(passage: PassageView) -> Text:
    if passage.quoted is None:
        return Text(shortened(sanitized_line(passage.text), _SHOWN_CHARS))
    start, end = passage.quoted
    before, after = sanitized_line(passage.text[:start]), sanitized_line(passage.text[end:])
    beside = _SHOWN_CHARS // 2
    return Text.assemble(
        f"…{before[-beside:]} " if len(before) > beside else f"{before} " if before else "",
        (sanitized_line(passage.text[start:end]), BOLD),
        f" {shortened(after, beside)}" if after else "",
    )
