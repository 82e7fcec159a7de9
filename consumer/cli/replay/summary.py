"""`spanstream replay summary`: what is there, counted."""

from __future__ import annotations

import json
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from spanstream.consumer.cli.replay.letter_views import line_table
from spanstream.consumer.cli.replay.options import TopicOptions, selection, where, with_options
from spanstream.consumer.cli.replay.workbench import open_replay
from spanstream.consumer.replay.letters.selection import LetterState, Selection
from spanstream.consumer.replay.letters.summary import DIMENSIONS, LetterSummary, iso
from spanstream.consumer.terminal.sanitizing import sanitized_line


@with_options(where=where, selection=selection)
def summary(
    where: TopicOptions,
    selection: Selection,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object.")] = False,
) -> None:
    """Count dead letters by reason, origin topic, day and model version. Reads only; nothing is committed.

    Example: spanstream replay summary --since 7d
    """
    found = LetterSummary()
    with open_replay(where) as bench:
        view = bench.opener.open(from_the_beginning=selection.state is not LetterState.OPEN)
        for seen in view.letters():
            if selection.takes(*seen):
                found.add(seen)
    if as_json:
        typer.echo(json.dumps(found.to_json(), ensure_ascii=False))
        return
    if not found.total.count:
        typer.echo(f"no dead letters in {bench.topic} ({selection})")
        return
    console = Console()
    for dimension in DIMENSIONS:
        console.print(_table(found, dimension))
    oldest, newest = iso(found.total.oldest_ms), iso(found.total.newest_ms)
    typer.echo(f"{found.total.count:,} dead letters in {bench.topic} ({selection}), from {oldest} to {newest}")


def _table(found: LetterSummary, dimension: str) -> Table:
    table = line_table(dimension, "count", "oldest", "newest", "for example", "detail")
    for name, group in found.largest(dimension):
        sample = group.sample
        place = "" if sample is None else f"{sample.record.partition.number}/{sample.record.offset}"
        times = ((iso(at) or "")[:19] for at in (group.oldest_ms, group.newest_ms))
        cells = (name, f"{group.count:,}", *times, place, "" if sample is None else sample.detail)
        table.add_row(*(Text(sanitized_line(cell)) for cell in cells))
    return table
