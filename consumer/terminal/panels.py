"""Draws panels for a terminal or a picture: a ticket with its answers, a dead letter, the totals.

All text from outside becomes a rich `Text` of visible characters; rich's markup is never read from it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from rich.console import Console, ConsoleOptions, Group, RenderableType
from rich.padding import Padding
from rich.panel import Panel
from rich.style import Style
from rich.table import Table
from rich.text import Text

from spanstream.consumer.terminal.highlight import LEFT_OUT, highlighted, number_style
from spanstream.consumer.terminal.sanitizing import sanitized_line, shortened
from spanstream.consumer.terminal.styles import BOLD, BORDER, DECLINED, DIM, FAIR, GOOD, POOR
from spanstream.consumer.terminal.views import AnswerView, DeadLetterView, DemoSummary, SpanView, TicketView

MAX_ROWS = 14  # of a ticket's text, before it is abbreviated
_FRAME_CELLS = 4  # a panel's two borders and its padding
_CANDIDATE_CHARS = 40
_BAR_CELLS = 8
_FURTHER_SHOWN = 3
_SURE, _LIKELY = 0.8, 0.5
_DUMP_BYTES, _DUMP_ROWS = 16, 2
_PRINTABLE = range(0x20, 0x7F)

_NAME = Style(color="#9fb3d1")
_PLAIN = Style(color="default")  # in a title: not the colour of the border


@dataclass(frozen=True, slots=True)
class TicketPanel:
    """A ticket: its text around the answers, which are marked where they stand, and a table of its questions."""

    view: TicketView
    max_rows: int = MAX_ROWS

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> Iterator[RenderableType]:
        view = self.view
        text = highlighted(
            view.text,
            view.answers,
            width=options.max_width - _FRAME_CELLS,
            max_rows=self.max_rows,
            brackets=_colourless(console),
        )
        yield Panel(
            Group(text, Padding(_answers(view, plain=_colourless(console)), (1, 0, 0, 0))),
            title=_title(view.document_id, view.title),
            title_align="left",
            subtitle=_windows(view.answers),
            subtitle_align="right",
            border_style=BORDER,
            padding=(0, 1),
        )


@dataclass(frozen=True, slots=True)
class DeadLetterPanel:
    """A record that was set aside: why, where it came from, and how it begins."""

    view: DeadLetterView

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> Iterator[RenderableType]:
        del console, options
        view = self.view
        grid = _grid()
        grid.add_row(Text("reason", DIM), Text(sanitized_line(view.reason), POOR + BOLD))
        grid.add_row(Text("detail", DIM), Text(sanitized_line(view.detail)))
        grid.add_row(Text("stage", DIM), Text(sanitized_line(view.stage)))
        origin = f"{sanitized_line(view.topic)}, partition {view.partition}, offset {view.offset}"
        grid.add_row(Text("came from", DIM), Text(origin))
        grid.add_row(Text("key", DIM), _key(view.key))
        grid.add_row(Text("begins", DIM), _dump(view.value))
        yield Panel(
            grid,
            title=_title("dead letter", view.reason, POOR),
            title_align="left",
            border_style=POOR,
            padding=(0, 1),
        )


@dataclass(frozen=True, slots=True)
class SummaryPanel:
    """The totals of a run, in three columns."""

    summary: DemoSummary

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> Iterator[RenderableType]:
        del console, options
        s = self.summary
        counts, work, model = _grid(), _grid(), _grid()
        _figure(counts, "questions", f"{s.questions:,}")
        _figure(counts, "answered", f"{s.answered:,}", GOOD)
        _figure(counts, "declined", f"{s.declined:,}", DECLINED)
        _figure(counts, "dead letters", f"{s.dead_lettered:,}", POOR)
        _figure(work, "questions/s", f"{s.questions_per_second:,.0f}")
        _figure(work, "windows read", f"{s.windows_read:,}")
        _figure(work, "found in memory", f"{s.memory_hits:,}")
        _figure(work, "tokenized", f"{s.tokenizations:,}")
        _figure(model, "model", sanitized_line(s.model_name))
        _figure(model, "version", sanitized_line(s.model_version))
        _figure(model, "precision", sanitized_line(s.precision))
        _figure(model, "first answer", f"{s.first_answer_seconds:.1f} s after the start")
        columns = Table.grid(expand=True, padding=(0, 2))
        for ratio in (2, 2, 3):
            columns.add_column(ratio=ratio)
        columns.add_row(counts, work, model)
        yield Panel(columns, title=_title("summary", "", GOOD), title_align="left", border_style=GOOD, padding=(0, 1))


def _colourless(console: Console) -> bool:
    return console.no_color or console.color_system is None


def _title(name: str, rest: str, style: Style = _NAME) -> Text:
    title = Text.assemble((sanitized_line(name), style + BOLD), overflow="ellipsis", no_wrap=True)
    if rest:
        title.append(f" · {sanitized_line(rest)}", _PLAIN)
    return title


def _grid() -> Table:
    grid = Table.grid(padding=(0, 2))
    grid.add_column(no_wrap=True)
    grid.add_column(overflow="fold")
    return grid


def _figure(grid: Table, name: str, value: str, style: Style | None = None) -> None:
    grid.add_row(Text(name, DIM), Text(value, (style or Style.null()) + BOLD))


def _windows(answers: tuple[AnswerView, ...]) -> Text | None:
    """Tells how much of the document was read for the question that read most of it."""
    if not answers:
        return None
    read, total = max((answer.windows_read, answer.windows_total) for answer in answers)
    return Text(f"{read} of {total} window{'' if total == 1 else 's'} read", _NAME)


def _answers(view: TicketView, *, plain: bool) -> Table:
    table = Table(box=None, expand=True, padding=(0, 1), pad_edge=False, header_style=DIM)
    table.add_column("", no_wrap=True)
    table.add_column("question", ratio=3)
    table.add_column("answer", ratio=2, overflow="fold")
    table.add_column("confidence", no_wrap=True, width=_BAR_CELLS + 5)
    for number, answer in enumerate(view.answers, start=1):
        table.add_row(
            Text(str(number), number_style(number)),
            Text(sanitized_line(answer.question)),
            _answer(answer),
            _confidence(answer.confidence, declined=answer.answer is None, plain=plain),
        )
        for other in answer.alternatives:
            known = Text("") if other.confidence is None else _confidence(other.confidence, declined=True, plain=plain)
            table.add_row(
                Text(""), Text("or", DIM), _quoted(other.span.text, _places(other.span, other.further)), known
            )
    return table


def _answer(view: AnswerView) -> Text:
    """Returns the answer, verbatim but on one line; or that there is none, and what came closest."""
    places = _places(view.candidate, view.further) if view.candidate and (view.further or view.alternatives) else ""
    if view.answer:
        return _quoted(view.answer.text, places, BOLD)
    declined = Text.assemble(("declined", DECLINED))
    if view.candidate:
        candidate = sanitized_line(view.candidate.text)
        declined.append(f"  “{shortened(candidate, _CANDIDATE_CHARS)}”?{places}", DIM)
    return declined


def _quoted(text: str, places: str, style: Style | None = None) -> Text:
    return Text.assemble((sanitized_line(text), style or Style.null()), (places, DIM))


def _places(span: SpanView, further: tuple[int, ...]) -> str:
    """Tells where the answer stands: its best place, then the first others."""
    shown = ", ".join(map(str, (span.char_start, *further[:_FURTHER_SHOWN])))
    rest = len(further) - _FURTHER_SHOWN
    return f"  at {shown} and {rest} more" if rest > 0 else f"  at {shown}"


def _confidence(confidence: float, *, declined: bool, plain: bool) -> Text:
    """Returns a bar and the number; halves of a cell are told apart."""
    style = DIM if declined else GOOD if confidence >= _SURE else FAIR if confidence >= _LIKELY else POOR
    halves = round(min(max(confidence, 0.0), 1.0) * _BAR_CELLS * 2)
    bar = "━" * (halves // 2) + "╸" * (halves % 2)
    track = ("╌" if plain else "━") * (_BAR_CELLS - len(bar))
    return Text.assemble((bar, style), (track, Style(color="#39424f")), (f" {confidence:.2f}", style))


def _key(key: bytes | None) -> Text:
    if key is None:
        return Text("none", DIM)
    return Text(sanitized_line(key[: _DUMP_BYTES * _DUMP_ROWS].decode(errors="backslashreplace")))


def _dump(value: bytes | None) -> Text:
    """Returns the first bytes, in hexadecimal and as ASCII, and how many there are besides."""
    if value is None:
        return Text("no value", DIM)
    dump = Text(overflow="fold")
    for start in range(0, min(len(value), _DUMP_BYTES * _DUMP_ROWS), _DUMP_BYTES):
        row = value[start : start + _DUMP_BYTES]
        dump.append(f"{row.hex(' '):<{_DUMP_BYTES * 3 - 1}}  ")
        dump.append("".join(chr(byte) if byte in _PRINTABLE else "·" for byte in row), DIM)
        dump.append("\n")
    rest = len(value) - _DUMP_BYTES * _DUMP_ROWS
    dump.append(f"{LEFT_OUT} {rest:,} more bytes {LEFT_OUT}" if rest > 0 else f"{len(value)} bytes in all", DIM)
    return dump
