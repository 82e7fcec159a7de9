"""`spanstream replay summary`: counts dead letters."""

from __future__ import annotations

import json
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from spanstream.consumer.cli.config_file import ConfigFile, open_settings
from spanstream.consumer.cli.replay import shared_options
from spanstream.consumer.clock import iso
from spanstream.consumer.replay.display.letters import line_table
from spanstream.consumer.replay.letters.summary import DIMENSIONS, LetterSummary
from spanstream.consumer.replay.wiring import TopicNames, open_replay
from spanstream.consumer.terminal.sanitizing import sanitized_line


def summary(  # noqa: PLR0913  one parameter an option
    *,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object.")] = False,
    config: ConfigFile = None,
    topic: shared_options.DeadLetterTopic = None,
    ledger: shared_options.LedgerTopic = None,
    group: shared_options.ReplayGroup = None,
    reason: shared_options.ReasonPatterns = None,
    origin: shared_options.OriginTopics = None,
    origin_partition: shared_options.OriginPartition = None,
    origin_offset: shared_options.OriginOffsets = None,
    since: shared_options.Since = None,
    until: shared_options.Until = None,
    key: shared_options.RecordKeys = None,
    attempts: shared_options.Attempts = None,
    header: shared_options.HeaderPatterns = None,
    detail: shared_options.DetailText = None,
    state: shared_options.State = shared_options.OPEN,
) -> None:
    """Count dead letters by reason, origin topic, day and model version. Reads only; nothing is committed.

    Example: spanstream replay summary --since 7d
    """
    selection = shared_options.parse_selection(
        reason, origin, origin_partition, origin_offset, since, until, key, attempts, header, detail, state
    )
    counts = LetterSummary()
    with open_replay(open_settings(config), TopicNames(topic, ledger, group)) as context:
        for seen in context.matching(selection):
            counts.add(seen)
    if as_json:
        typer.echo(json.dumps(counts.to_json(), ensure_ascii=False))
        return
    if not counts.total.count:
        typer.echo(f"no dead letters in {context.topic} ({selection})")
        return
    console = Console()
    for dimension in DIMENSIONS:
        console.print(_table(counts, dimension))
    oldest, newest = iso(counts.total.oldest_ms), iso(counts.total.newest_ms)
    between = f", from {oldest} to {newest}" if oldest else ""
    typer.echo(f"{counts.total.count:,} dead letters in {context.topic} ({selection}){between}")


def _table(counts: LetterSummary, dimension: str) -> Table:
    table = line_table(dimension, "count", "oldest", "newest", "for example", "detail")
    for name, group in counts.largest(dimension):
        sample = group.sample
        place = "" if sample is None else f"{sample.record.partition.number}/{sample.record.offset}"
        times = ((iso(time_ms) or "")[:19] for time_ms in (group.oldest_ms, group.newest_ms))
        cells = (name, f"{group.count:,}", *times, place, "" if sample is None else sample.detail)
        table.add_row(*(Text(sanitized_line(cell)) for cell in cells))
    return table
