"""Draws a triage record for a terminal. All text from outside becomes a rich `Text` of visible characters."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from rich.console import Console, ConsoleOptions, Group, RenderableType
from rich.padding import Padding
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from spanstream.consumer.terminal.sanitizing import sanitized_line, shortened
from spanstream.consumer.terminal.styles import BOLD, BORDER, DECLINED, DIM, GOOD
from spanstream.schemas.triage import FieldResult, FieldStatus, Triage

_CANDIDATE_CHARS = 50


@dataclass(frozen=True, slots=True)
class TriagePanel:
    """A panel with route and priority and their reasons, a line for each field, and what to ask the customer."""

    triage: Triage

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> Iterator[RenderableType]:
        del console, options
        triage = self.triage
        decided = Table.grid(padding=(0, 2))
        for name, value, reason in (
            ("route", triage.route, triage.reason.route),
            ("priority", triage.priority, triage.reason.priority),
        ):
            decided.add_row(Text(name, DIM), Text(sanitized_line(value), GOOD + BOLD), Text(sanitized_line(reason)))
        parts: list[RenderableType] = [decided, Padding(_fields(triage), (1, 0, 0, 0))]
        parts += [Text.assemble(("ask  ", DIM), sanitized_line(question)) for question in triage.ask_customer]
        yield Panel(
            Group(*parts),
            title=Text.assemble((sanitized_line(triage.ticket_id), BOLD), f" · revision {triage.revision}"),
            title_align="left",
            subtitle=Text(f"{sanitized_line(f'{triage.playbook.name} {triage.playbook.version}')}{_cut(triage)}", DIM),
            subtitle_align="right",
            border_style=BORDER,
            padding=(0, 1),
        )


def _fields(triage: Triage) -> Table:
    table = Table(box=None, expand=True, padding=(0, 1), pad_edge=False, header_style=DIM)
    table.add_column("field", no_wrap=True)
    table.add_column("answer", ratio=3, overflow="fold")
    table.add_column("confidence", no_wrap=True)
    table.add_column("place", no_wrap=True)
    for name, result in triage.fields.items():
        confidence = "" if result.confidence is None else f"{result.confidence:.2f}"
        place = "" if result.answer is None else f"{result.answer.char_start}:{result.answer.char_end}"
        table.add_row(Text(sanitized_line(name)), _answer(result), Text(confidence), Text(place, DIM))
    return table


def _answer(result: FieldResult) -> Text:
    if result.status is FieldStatus.ANSWERED and result.answer is not None:
        text = Text(sanitized_line(result.answer.text), BOLD)
        if result.value is not None and result.value != " ".join(result.answer.text.split()):
            text.append(f"  = {sanitized_line(result.value)}", GOOD)
        return text
    text = Text.assemble((result.status.value.replace("_", " "), DECLINED))
    if result.is_default:
        text.append(f"  = {sanitized_line(result.value or '')}")
    if result.detail is not None:
        text.append(f"  {sanitized_line(result.detail)}", DIM)
    if result.candidate is not None:
        candidate = sanitized_line(result.candidate.text)
        text.append(f"  “{shortened(candidate, _CANDIDATE_CHARS)}”?", DIM)
    return text


def _cut(triage: Triage) -> str:
    return "".join(f" · {cut.kind.replace('_', ' ')} of {cut.chars} left out" for cut in triage.document.cut)
