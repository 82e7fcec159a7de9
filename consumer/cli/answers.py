"""`spanstream answers`: prints the answers topic, for people or as JSON lines."""

from __future__ import annotations

from typing import Annotated

import typer
from rich.console import Console
from rich.text import Text

from spanstream.consumer.broker.kafka.partition_reader import KafkaPartitionReader
from spanstream.consumer.broker.protocols import Record
from spanstream.consumer.broker.reading import tail
from spanstream.consumer.cli.config_file import ConfigFile, open_settings
from spanstream.consumer.cli.event_output import write_event
from spanstream.consumer.clock import SystemClock
from spanstream.consumer.formats.event_formats import EventFormats
from spanstream.consumer.formats.opening import open_formats
from spanstream.consumer.terminal.sanitizing import sanitized_line
from spanstream.schemas.answer_parts import Alternative, Place, Span
from spanstream.schemas.errors import InvalidRecord
from spanstream.schemas.events import Answer

_PATIENCE_SECONDS = 30.0  # for the schema registry
_PASSAGES_SHOWN = 3


def answers(
    config: ConfigFile = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="One line an answer, the event as it was published; out of its frame.")
    ] = False,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Go on with what comes; Ctrl-C ends it.")] = False,
) -> None:
    """Print the answers from the beginning of the topic; ends where the topic ended when it began.

    Example: spanstream answers --json | jq 'select(.status == "answered") | .answer.text'
    """
    settings = open_settings(config)
    formats = open_formats(settings).patient(SystemClock(), _PATIENCE_SECONDS)
    reader = KafkaPartitionReader(settings.kafka)
    console = Console(highlight=False, soft_wrap=True)
    try:
        for record in tail(reader, settings.topics.answers, follow=follow):
            if as_json:
                write_event(_json(record, formats))
            else:
                console.print(_line(record, formats))
    finally:
        reader.close()


def _json(record: Record, formats: EventFormats) -> bytes:
    try:
        return formats.as_json(record, Answer) or b"null"
    except InvalidRecord:
        return record.value or b"null"


def _line(record: Record, formats: EventFormats) -> Text:
    try:
        answer = formats.answer(record)
    except InvalidRecord as error:
        return Text(sanitized_line(f"{record.partition} {record.offset}: no answer event: {error}"), style="red")
    lines = [_first_line(answer), *map(_alternative_line, answer.alternatives)]
    return Text("\n").join([*lines, _retrieved_line(answer)] if answer.retrieved else lines)


def _first_line(answer: Answer) -> Text:
    line = Text.assemble((sanitized_line(answer.question_id), "bold"), "  ", f"{answer.confidence:.2f}  ")
    collection = f"  of {sanitized_line(answer.collection)}" if answer.collection else ""
    if answer.answer is not None:
        document = sanitized_line(answer.document_id or "inline")
        place = f"  [{document} {_places(answer.answer, answer.further_places)}]{collection}"
        return line + Text.assemble((sanitized_line(answer.answer.text), "green"), (place, "dim"))
    candidate = f"  (best guess: {sanitized_line(answer.candidate.text)})" if answer.candidate else ""
    return line + Text.assemble("no answer", (candidate + collection, "dim"))


def _alternative_line(other: Alternative) -> Text:
    confidence = "   -" if other.confidence is None else f"{other.confidence:.2f}"
    document = f"{sanitized_line(other.document_id)} " if other.document_id else ""
    place = f"  [{document}{_places(other.span, other.further_places)}]"
    return Text.assemble(f"    or  {confidence}  ", sanitized_line(other.span.text), (place, "dim"))


def _retrieved_line(answer: Answer) -> Text:
    """Returns the best of the passages that were looked at, and how many more there are."""
    shown = [f"{sanitized_line(one.document_id)} {one.char_start}:{one.char_end}" for one in answer.retrieved]
    more = f", and {len(shown) - _PASSAGES_SHOWN} more" if len(shown) > _PASSAGES_SHOWN else ""
    return Text(f"    looked at {', '.join(shown[:_PASSAGES_SHOWN])}{more}", style="dim")


def _places(span: Span, further: list[Place]) -> str:
    places: list[Span | Place] = [span, *further]
    return " ".join(f"{place.char_start}:{place.char_end}" for place in places)
