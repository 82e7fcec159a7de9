"""Draws the demo as an SVG picture: chooses the panels and writes the file."""

from __future__ import annotations

import html
import io
import re
from collections.abc import Iterable, Sequence
from pathlib import Path

from rich.cells import cell_len
from rich.console import Console, RenderableType
from rich.terminal_theme import TerminalTheme

from spanstream.consumer.terminal.excerpt import Elided, excerpt
from spanstream.consumer.terminal.panels import DeadLetterPanel, SummaryPanel, TicketPanel
from spanstream.consumer.terminal.views import DeadLetterView, DemoSummary, TicketView

WIDTH = 100
MAX_ROWS = 70
_TEXT_ROWS = 9
_MOST_TICKETS = 3
_THEME = TerminalTheme(
    background=(15, 18, 25),
    foreground=(222, 228, 238),
    normal=[
        (57, 66, 79),  # black
        (255, 138, 128),  # red
        (126, 224, 161),  # green
        (255, 209, 102),  # yellow
        (125, 211, 252),  # blue
        (245, 163, 199),  # magenta
        (127, 219, 218),  # cyan
        (222, 228, 238),  # white
    ],
)
# rich's own template loads its fonts from a server; this one takes what the reader has.
_SVG = """\
<svg viewBox="0 0 {width} {height}" xmlns="http://www.w3.org/2000/svg" role="img">
<style>
.{unique_id}-matrix {{
    font: {char_height}px/{line_height}px ui-monospace, SFMono-Regular, Menlo, Consolas, "DejaVu Sans Mono", monospace;
    font-variant-ligatures: none;
}}
.{unique_id}-title {{ font: bold 18px system-ui, Helvetica, Arial, sans-serif }}
{styles}
</style>
<defs>
<clipPath id="{unique_id}-clip-terminal">
<rect x="0" y="0" width="{terminal_width}" height="{terminal_height}"/></clipPath>
{lines}
</defs>
{chrome}
<g transform="translate({terminal_x}, {terminal_y})" clip-path="url(#{unique_id}-clip-terminal)">
{backgrounds}
<g class="{unique_id}-matrix">
{matrix}
</g>
</g>
</svg>
"""
_ASPECT = 0.6  # width of a character over its height in the usual fonts: right even where textLength is ignored
_CELL = 20 * _ASPECT  # width of a cell: rich draws characters 20 units high
_SVG_SPACE = "&#160;"
_SVG_TEXT = re.compile(r'x="([^"]*)" y="([^"]*)" textLength="[^"]*"([^>]*)>(?:&#160;)*([^<]*)<')


def picture(
    tickets: Sequence[TicketView],
    dead_letters: Sequence[DeadLetterView],
    summary: DemoSummary,
    *,
    width: int = WIDTH,
    max_rows: int = MAX_ROWS,
) -> tuple[RenderableType, ...]:
    """Chooses what tells the most on one picture of at most `max_rows` rows.

    The totals and the first dead letter are always there; then come up to three tickets, first the one with the most
    lines left out (an answer found deep in a log), then those with several answers and a declined question, sure
    ones before unsure ones. Tickets stay in the order they were given.
    """
    last: list[RenderableType] = [*(DeadLetterPanel(view) for view in dead_letters[:1]), SummaryPanel(summary)]
    chosen = _fitting(tickets, max_rows - sum(_rows(panel, width) for panel in last), width)
    return (*(TicketPanel(view, _TEXT_ROWS) for view in tickets if view in chosen), *last)


def save_picture(
    path: Path, renderables: Iterable[RenderableType], *, width: int = WIDTH, title: str = "spanstream demo"
) -> None:
    """Writes an SVG of `width` columns to `path`: in colour whatever the terminal, loading nothing."""
    console = _console(width)
    for renderable in renderables:
        console.print(renderable)
    svg = console.export_svg(
        title=title, theme=_THEME, code_format=_SVG, font_aspect_ratio=_ASPECT, unique_id="spanstream"
    )
    path.write_text(_SVG_TEXT.sub(_placed, svg), encoding="utf-8", newline="\n")


def _fitting(tickets: Sequence[TicketView], room: int, width: int) -> list[TicketView]:
    """Takes the first ticket whatever its height, others only up to their share of the room; then what still fits."""
    chosen: list[TicketView] = []
    interesting = _by_interest(tickets, width)
    for fair in (True, False):
        for view in interesting:
            share = _MOST_TICKETS - len(chosen)
            if share == 0 or view in chosen:
                continue
            rows = _rows(TicketPanel(view, _TEXT_ROWS), width)
            if rows <= (room // share if fair and chosen else room):
                chosen.append(view)
                room -= rows
    return chosen


def _by_interest(tickets: Sequence[TicketView], width: int) -> list[TicketView]:
    answered = [view for view in tickets if any(answer.answer for answer in view.answers)]
    long = [view for view in answered if _lines_left_out(view, width)]
    deepest = max(long, key=lambda view: _lines_left_out(view, width), default=None)

    def dullness(view: TicketView) -> tuple[bool, bool, float, int]:
        confidences = [answer.confidence for answer in view.answers if answer.answer]
        mixed = 1 < len(confidences) < len(view.answers)
        return view is not deepest, not mixed, -sum(confidences), _rows(TicketPanel(view, _TEXT_ROWS), width)

    return sorted(answered, key=dullness)


def _lines_left_out(view: TicketView, width: int) -> int:
    spans = [(answer.answer.char_start, answer.answer.char_end) for answer in view.answers if answer.answer]
    pieces = excerpt(view.text, spans, width=width, max_rows=_TEXT_ROWS)
    return max((piece.lines for piece in pieces if isinstance(piece, Elided)), default=0)


def _rows(renderable: RenderableType, width: int) -> int:
    return len(_console(width).render_lines(renderable))


def _console(width: int) -> Console:
    return Console(
        file=io.StringIO(), record=True, width=width, force_terminal=True, color_system="truecolor", no_color=False
    )


def _placed(match: re.Match[str]) -> str:
    """Places text by its cells: rich counts characters, but a wide one takes two cells and a mark none.

    Leading spaces become part of the place, because not every viewer draws them.
    """
    x, y, rest, content = match.groups()
    indent = match[0].count(_SVG_SPACE) - content.count(_SVG_SPACE)
    cells = cell_len(html.unescape(content))
    return f'x="{float(x) + indent * _CELL:g}" y="{y}" textLength="{cells * _CELL:g}"{rest}>{content}<'
