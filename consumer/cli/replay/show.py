"""`spanstream replay show`: everything about a dead letter."""

from __future__ import annotations

import dataclasses
import json
from itertools import islice
from typing import Annotated

import typer
from rich.console import Console

from spanstream.consumer.cli.replay.letter_views import letter_json, letter_panel
from spanstream.consumer.cli.replay.options import TopicOptions, selection, where, with_options
from spanstream.consumer.cli.replay.workbench import ReplayContext, open_replay
from spanstream.consumer.errors import Stop
from spanstream.consumer.replay.letters.letter import Letter
from spanstream.consumer.replay.letters.selection import LetterState, Selection
from spanstream.schemas.codec import decode_question
from spanstream.schemas.errors import InvalidRecord


@with_options(where=where, selection=selection)
def show(
    where: TopicOptions,
    selection: Selection,
    place: Annotated[
        str | None, typer.Argument(metavar="[PARTITION/OFFSET]", help="Its place, as `list` shows it.")
    ] = None,
    limit: Annotated[int, typer.Option(min=1, help="Dead letters to show at most.")] = 1,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object a line, with value and headers.")] = False,
) -> None:
    """Show a dead letter whole: why it failed, its headers, its value, and its candidate marked in the document.

    Reads only; nothing is committed.

    Example: spanstream replay show 3/1234
    """
    if place is not None:
        selection = dataclasses.replace(selection, place=_place(place), state=None)
    with open_replay(where) as bench:
        view = bench.opener.open(from_the_beginning=selection.state is not LetterState.OPEN)
        if selection.place is not None:
            starts = {at: view.ends[at] for at in view.starts}  # but for the one, there is nothing to read
            starts |= {at: max(view.starts[at], selection.place[1]) for at in starts if at.number == selection.place[0]}
            view = dataclasses.replace(view, starts=starts)
        found = list(islice((seen for seen in view.letters() if selection.takes(*seen)), limit))
        if not found:
            raise Stop(f"no such dead letter in {bench.topic} ({selection})")
        console = Console()
        for seen in found:
            if as_json:
                typer.echo(json.dumps(letter_json(seen, whole=True), ensure_ascii=False))
            else:
                document = None if seen.letter.candidate is None else _document(bench, seen.letter)
                plain = console.no_color or console.color_system is None
                console.print(letter_panel(seen, document, width=console.width, plain=plain))


def _document(bench: ReplayContext, letter: Letter) -> str | None:
    """The text that the question was asked about, as it is now."""
    try:
        question = decode_question(letter.record.value or b"", bench.settings.limits)
    except InvalidRecord:
        return None
    if question.context is not None:
        return question.context
    found = bench.documents.find(question.document_id or "")
    return None if found is None else found.text


def _place(text: str) -> tuple[int, int]:
    number, _, offset = text.rpartition("/")
    number = number.rpartition("/")[2]  # a whole place, with its topic, will do
    if not (number.isdecimal() and offset.isdecimal()):
        raise typer.BadParameter(f"{text}: should be PARTITION/OFFSET, as `list` shows it")
    return int(number), int(offset)
