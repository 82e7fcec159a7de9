"""`spanstream triage measure`: how each field of a playbook is best asked, measured on labelled tickets."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from spanstream.consumer.cli.config_file import ConfigFile, open_settings
from spanstream.consumer.errors import Stop
from spanstream.consumer.terminal.sanitizing import sanitized_line
from spanstream.schemas.errors import InvalidRecord

if TYPE_CHECKING:
    from spanstream.consumer.triage.measuring import FieldFigures


def measure(
    playbook: Annotated[Path, typer.Argument(metavar="PLAYBOOK", help="YAML file; - is the bundled playbook.")],
    tickets: Annotated[
        Path,
        typer.Argument(
            metavar="TICKETS",
            help="YAML list of {ticket: {...}, expect: {fields: {name: [accepted answers] or null}}}.",
        ),
    ],
    config: ConfigFile = None,
    rows: Annotated[int, typer.Option(min=1, help="Ways to ask that are shown of each field, the best first.")] = 3,
) -> None:
    """Measure each phrasing of each field alone and in pairs on labelled tickets, and the least confidence to set.

    Write the phrasings to be tried into the playbook, up to eight a field, and keep the best.

    Example: spanstream triage measure playbook.yaml labelled.yaml
    """
    from spanstream.consumer.answering.open_reader import open_reader  # noqa: PLC0415  the model, for those who use it
    from spanstream.consumer.clock import SystemClock  # noqa: PLC0415  for those who use it
    from spanstream.consumer.terminal.progress import show_stages  # noqa: PLC0415  for those who use it
    from spanstream.consumer.triage.measuring import measure_fields, read_labelled_tickets  # noqa: PLC0415  for those who use it
    from spanstream.consumer.triage.playbook.load import load_playbook  # noqa: PLC0415  for those who use it

    settings = open_settings(config)
    loaded = load_playbook(None if str(playbook) == "-" else playbook)
    labelled = read_labelled_tickets(tickets, loaded)
    reader = open_reader(settings)
    try:
        with show_stages() as begin:
            fields = measure_fields(
                loaded,
                labelled,
                reader,
                limits=settings.limits,
                clock=SystemClock(),
                advance=begin("tickets", len(labelled)),
            )
    except InvalidRecord as error:
        raise Stop(f"{tickets}: {error}") from None
    finally:
        reader.close()
    Console(highlight=False).print(_table(fields, len(labelled), rows))


def _table(fields: Mapping[str, Sequence[FieldFigures]], tickets: int, rows: int) -> Table:
    """Returns the best ways to ask each field, at most `rows` of each."""
    table = Table("Field", padding=0, title=f"{tickets} tickets; answers are given from the least confidence on")
    table.add_column("Asked as", min_width=24)
    for column in ("least", "right", "wrong", "missed", "rightly\nempty", "wrongly\nfilled"):
        table.add_column(column, justify="right")
    for name, ways in fields.items():
        for number, way in enumerate(ways[:rows]):
            counts = (way.right, way.wrong, way.missed, way.declined, way.unasked_for)
            label = Text(name if number == 0 else "")
            questions = Text("\n".join(map(sanitized_line, way.questions)))
            table.add_row(label, questions, f"{way.min_confidence:.2f}", *map(str, counts))
        table.add_section()
    return table
