"""`spanstream replay list`: shows one line a dead letter."""

from __future__ import annotations

import json
from itertools import islice
from typing import Annotated

import typer
from rich.console import Console

from spanstream.consumer.cli.config_file import ConfigFile, open_settings
from spanstream.consumer.cli.replay import shared_options
from spanstream.consumer.replay.display.letters import letter_json, letters_table
from spanstream.consumer.replay.wiring import TopicNames, open_replay

_DEFAULT_LINES = 50


def list_letters(  # noqa: PLR0913  one parameter an option
    *,
    limit: Annotated[int, typer.Option(min=0, help="Dead letters to show at most; 0: all of them.")] = _DEFAULT_LINES,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object a line.")] = False,
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
    """List dead letters, partition by partition. Reads only; nothing is committed.

    Example: spanstream replay list --reason document_missing --since 2h
    """
    selection = shared_options.parse_selection(
        reason, origin, origin_partition, origin_offset, since, until, key, attempts, header, detail, state
    )
    with open_replay(open_settings(config), TopicNames(topic, ledger, group)) as context:
        matching = context.matching(selection)
        shown = islice(matching, limit) if limit else matching
        if as_json:
            for seen in shown:
                typer.echo(json.dumps(letter_json(seen), ensure_ascii=False))
            return
        letters = list(shown)
        has_more = next(matching, None) is not None
    if not letters:
        typer.echo(f"no dead letters in {context.topic} ({selection})")
        return
    Console().print(letters_table(letters))
    if has_more:
        typer.echo(f"the first {len(letters)}; --limit 0 shows all")
