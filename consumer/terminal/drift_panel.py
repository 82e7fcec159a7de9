"""Draws how far the stream is from what the model was calibrated on: a table, and what to do."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from rich.console import Console, ConsoleOptions, RenderableType
from rich.style import Style
from rich.table import Table
from rich.text import Text

from spanstream.consumer.terminal.styles import BOLD, DIM, FAIR, GOOD, POOR
from spanstream.models.drift.comparison import FigureDrift

_FAIR = 0.1  # of the index: below it, credit scoring calls a figure stable


@dataclass(frozen=True, slots=True)
class DriftPanel:
    """Figures beside their reference; `limit` is the index above which one has drifted."""

    figures: Sequence[FigureDrift]
    limit: float

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> Iterator[RenderableType]:
        del console, options
        table = Table(box=None, padding=(0, 1), pad_edge=False, header_style=DIM)
        table.add_column("figure", no_wrap=True)
        table.add_column("drift", justify="right")
        table.add_column("PSI", justify="right")
        table.add_column("by chance", justify="right")
        table.add_column("what moved most", overflow="fold")
        for drift in self.figures:
            table.add_row(
                drift.figure.name,
                Text(f"{drift.index:.2f}", _style(drift.index, self.limit) + BOLD),
                f"{drift.stability_index:.2f}",
                Text(f"{drift.by_chance:.2f}", DIM),
                drift.what_moved if drift.index > _FAIR else Text("as before, or by chance", DIM),
            )
        yield table


def _style(index: float, limit: float) -> Style:
    return POOR if index > limit else FAIR if index > min(_FAIR, limit) else GOOD
