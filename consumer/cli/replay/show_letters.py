"""`spanstream replay show`: shows everything about a dead letter."""

from __future__ import annotations

import dataclasses
import json
from itertools import islice
from typing import Annotated

import typer
from rich.console import Console

from spanstream.consumer.cli.config_file import ConfigFile, open_settings
from spanstream.consumer.cli.replay import shared_options
from spanstream.consumer.errors import Stop
from spanstream.consumer.replay.display.letters import letter_json, letter_panel
from spanstream.consumer.replay.wiring import TopicNames, open_replay


def show(  # noqa: PLR0913  one parameter an option
    *,
    place: Annotated[
        str | None, typer.Argument(metavar="[PARTITION/OFFSET]", help="Its place, as `list` shows it.")
    ] = None,
    limit: Annotated[int, typer.Option(min=1, help="Dead letters to show at most.")] = 1,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object a line, with value and headers.")] = False,
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
    """Show a dead letter whole: why it failed, its headers, its value, and its candidate marked in the document.

    Reads only; nothing is committed.

    Example: spanstream replay show 3/1234
    """
    selection = shared_options.parse_selection(
        reason, origin, origin_partition, origin_offset, since, until, key, attempts, header, detail, state
    )
    if place is not None:
        selection = dataclasses.replace(selection, place=_place(place), state=None)
    with open_replay(open_settings(config), TopicNames(topic, ledger, group)) as context:
        letters = list(islice(context.matching(selection), limit))
        if not letters:
            raise Stop(f"no such dead letter in {context.topic} ({selection})")
        console = Console()
        for seen in letters:
            if as_json:
                typer.echo(json.dumps(letter_json(seen, whole=True), ensure_ascii=False))
            else:
                document = None if seen.letter.candidate is None else context.documents.asked_about(seen.letter)
                plain = console.no_color or console.color_system is None
                console.print(letter_panel(seen, document, width=console.width, plain=plain))


def _place(text: str) -> tuple[int, int]:
    number, _, offset = text.rpartition("/")
    number = number.rpartition("/")[2]  # a place with its topic is accepted too
    if not (number.isdecimal() and offset.isdecimal()):
        raise typer.BadParameter(f"{text}: should be PARTITION/OFFSET, as `list` shows it")
    return int(number), int(offset)
