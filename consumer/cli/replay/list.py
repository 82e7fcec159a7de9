"""`spanstream replay list`: one line a dead letter."""

from __future__ import annotations

import json
from itertools import islice
from typing import Annotated

import typer
from rich.console import Console

from spanstream.consumer.cli.replay.letter_views import letter_json, letters_table
from spanstream.consumer.cli.replay.options import TopicOptions, selection, where, with_options
from spanstream.consumer.cli.replay.workbench import open_replay
from spanstream.consumer.replay.letters.selection import LetterState, Selection

_DEFAULT_LINES = 50


@with_options(where=where, selection=selection)
def list_letters(
    where: TopicOptions,
    selection: Selection,
    limit: Annotated[int, typer.Option(min=0, help="Dead letters to show at most; 0: all of them.")] = _DEFAULT_LINES,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object a line.")] = False,
) -> None:
    """List dead letters, partition by partition. Reads only; nothing is committed.

    Example: spanstream replay list --reason document_missing --since 2h
    """
    with open_replay(where) as bench:
        view = bench.opener.open(from_the_beginning=selection.state is not LetterState.OPEN)
        taken = (seen for seen in view.letters() if selection.takes(*seen))
        shown = islice(taken, limit) if limit else taken
        if as_json:
            for seen in shown:
                typer.echo(json.dumps(letter_json(seen), ensure_ascii=False))
            return
        found = list(shown)
        has_more = next(taken, None) is not None
    if not found:
        typer.echo(f"no dead letters in {bench.topic} ({selection})")
        return
    Console().print(letters_table(found))
    if has_more:
        typer.echo(f"the first {len(found)}; --limit 0 shows all")
