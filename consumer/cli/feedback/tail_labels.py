"""`spanstream feedback tail`: prints the labels, for people or as JSON lines."""

from __future__ import annotations

from typing import Annotated

import typer
from pydantic_core import to_json
from rich.console import Console
from rich.text import Text

from spanstream.consumer.broker.kafka.partition_reader import KafkaPartitionReader
from spanstream.consumer.broker.protocols import Partition, Record
from spanstream.consumer.broker.reading import tail
from spanstream.consumer.cli.config_file import ConfigFile, open_settings
from spanstream.consumer.cli.event_output import write_event
from spanstream.consumer.clock import SystemClock
from spanstream.consumer.formats.event_formats import EventFormats
from spanstream.consumer.formats.opening import open_formats
from spanstream.consumer.terminal.sanitizing import sanitized_line
from spanstream.schemas.errors import InvalidRecord
from spanstream.schemas.feedback import Feedback

_PATIENCE_SECONDS = 30.0  # for the schema registry
_STYLES = {"accepted": "green", "corrected": "yellow", "no_answer": "cyan", "unsure": "dim"}


def tail_labels(
    config: ConfigFile = None,
    as_json: Annotated[
        bool,
        typer.Option("--json", help='One line a label, the event; with --follow, {"deleted": KEY} for one that goes.'),
    ] = False,
    follow: Annotated[
        bool, typer.Option("--follow", "-f", help="Every change from the beginning, then what comes; Ctrl-C ends it.")
    ] = False,
) -> None:
    """Print the labels that stand now: the newest verdict on each answer, with what it quotes.

    Example: spanstream feedback tail --json | jq 'select(.verdict == "corrected")'
    """
    settings = open_settings(config)
    formats = open_formats(settings).patient(SystemClock(), _PATIENCE_SECONDS)
    reader = KafkaPartitionReader(settings.kafka)
    console = Console(highlight=False, soft_wrap=True)
    standing: dict[tuple[Partition, bytes], Record] = {}
    try:
        for record in tail(reader, settings.topics.labels, follow=follow):
            if follow:
                _print(record, formats, console, as_json=as_json)
                continue
            place = (record.partition, record.key or b"")
            standing.pop(place, None)
            if record.value is not None:
                standing[place] = record
        for record in standing.values():
            _print(record, formats, console, as_json=as_json)
    finally:
        reader.close()


def _print(record: Record, formats: EventFormats, console: Console, *, as_json: bool) -> None:
    if as_json:
        write_event(_json(record, formats))
    else:
        console.print(_line(record, formats))


def _json(record: Record, formats: EventFormats) -> bytes:
    if record.value is None:
        return to_json({"deleted": (record.key or b"").decode(errors="replace")})
    try:
        return formats.label_json(record)
    except InvalidRecord:
        return record.value


def _line(record: Record, formats: EventFormats) -> Text:
    name = sanitized_line((record.key or b"").decode(errors="replace"))
    if record.value is None:
        return Text.assemble((name, "bold"), ("  deleted", "dim"))
    try:
        label = formats.label(record)
    except InvalidRecord as error:
        return Text(sanitized_line(f"{record.partition} {record.offset}: no label: {error}"), style="red")
    line = Text.assemble((name, "bold"), "  ", (label.verdict, _STYLES[label.verdict]))
    if label.span is not None:
        document = sanitized_line(label.document_id or "inline")
        place = f"  [{document} {label.span.char_start}:{label.span.char_end}]"
        line.append_text(Text.assemble("  ", (sanitized_line(label.span.text), "reverse"), (place, "dim")))
    line.append(f"  {sanitized_line(label.question)}", "dim")
    return line + Text(_giver(label), "dim")


def _giver(label: Feedback) -> str:
    by = "" if label.by is None else f"  by {sanitized_line(label.by)}"
    return f"{by}  suggested" if label.source == "suggested" else by
