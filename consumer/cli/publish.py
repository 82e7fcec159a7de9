"""`spanstream publish`: publishes documents, questions and tickets from JSON lines."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, BinaryIO

import typer

from spanstream.consumer.broker.kafka.at_least_once import AtLeastOncePublisher
from spanstream.consumer.broker.protocols import Outgoing
from spanstream.consumer.cli.config_file import ConfigFile, open_settings
from spanstream.consumer.errors import Stop
from spanstream.consumer.formats.event_writer import EventWriter
from spanstream.consumer.formats.opening import open_writer
from spanstream.consumer.operations.publishing import (
    RefusedLine,
    document_record,
    publish_lines,
    question_record,
    ticket_record,
)
from spanstream.consumer.pii.hook import load_redaction
from spanstream.consumer.settings import Settings
from spanstream.consumer.terminal.sanitizing import sanitized_line
from spanstream.schemas.events import Document, Question
from spanstream.schemas.mapping import EventKind
from spanstream.schemas.triage import AnyEvent, Ticket

app = typer.Typer(
    help="Publish events from a file of JSON lines, framed as SPANSTREAM_REGISTRY__FORMAT says.", no_args_is_help=True
)

Mapping = Annotated[
    str | None,
    typer.Option(
        "--mapping", metavar="FILE|NAME", help="Make the events of other JSON: a mapping file or a bundled one."
    ),
]
File = Annotated[str, typer.Argument(metavar="FILE", help="One JSON event a line; - is standard input.")]


@app.command()
def documents(file: File, mapping: Mapping = None, config: ConfigFile = None) -> None:
    """Publish documents, and tombstones: {"document_id": "...", "text": null} deletes a document.

    Example: echo '{"document_id": "t-1", "text": "Error E42 since Monday."}' | spanstream publish documents -
    """
    settings = open_settings(config)
    event, writer = _event_maker(mapping, "documents"), opened_writer(settings, Document)
    topic, limits, redact = settings.topics.documents, settings.limits, load_redaction(settings.redaction.hook)
    publish_file(settings, file, lambda line: document_record(event(line), topic, limits, writer, redact))


@app.command()
def questions(file: File, mapping: Mapping = None, config: ConfigFile = None) -> None:
    """Publish questions.

    A question about a collection, as one with a context, is keyed by its question_id.

    Example: echo '{"question_id": "q", "question": "What error?", "document_id": "t"}' | spanstream publish questions -
    """
    settings = open_settings(config)
    event, writer = _event_maker(mapping, "questions"), opened_writer(settings, Question)
    topic, limits, redact = settings.topics.questions, settings.limits, load_redaction(settings.redaction.hook)
    publish_file(settings, file, lambda line: question_record(event(line), topic, limits, writer, redact))


@app.command()
def tickets(file: File, mapping: Mapping = None, config: ConfigFile = None) -> None:
    """Publish support tickets, for `spanstream triage run`.

    Example: echo '{"ticket_id": "t-1", "subject": "Help", "body": "Error E42"}' | spanstream publish tickets -
    """
    settings = open_settings(config)
    event, writer = _event_maker(mapping, "tickets"), opened_writer(settings, Ticket)
    topic, limits, redact = settings.topics.tickets, settings.limits, load_redaction(settings.redaction.hook)
    publish_file(settings, file, lambda line: ticket_record(event(line), topic, limits, writer, redact))


def opened_writer(settings: Settings, event: type[AnyEvent]) -> EventWriter:
    """Returns what writes events of this kind, once it can."""
    writer = open_writer(settings, event)
    writer.open()
    return writer


def _event_maker(mapping: str | None, kind: EventKind) -> Callable[[bytes], bytes]:
    """Returns what makes the event of a line; without a mapping the line is one."""
    if mapping is None:
        return lambda line: line
    from spanstream.consumer.formats.mapping.load import compile_mapping  # noqa: PLC0415  for those who use it

    return compile_mapping(mapping, kind).map


def publish_file(settings: Settings, file: str, to_record: Callable[[bytes], Outgoing]) -> None:
    """Publishes the lines of a file; tells those that are refused, with their number and the reason.

    Raises:
        Stop: some were.
    """
    publisher = AtLeastOncePublisher(settings.kafka)
    refused: list[RefusedLine] = []

    def refuse(line: RefusedLine) -> None:
        refused.append(line)
        typer.echo(sanitized_line(f"{file}:{line.number}: {line.error}"), err=True)

    try:
        with _lines(file) as lines:
            published = publish_lines(lines, to_record, publisher, refuse)
    finally:
        publisher.close()
    typer.echo(f"{published} published", err=True)
    if refused:
        raise Stop(f"{len(refused)} lines of {file} were refused and not published")


@contextmanager
def _lines(file: str) -> Iterator[BinaryIO]:
    if file == "-":
        yield sys.stdin.buffer
        return
    try:
        opened = Path(file).open("rb")  # noqa: SIM115  the last statement closes it; only opening it is explained, not a read that fails
    except OSError as error:
        raise Stop(f"{file}: cannot be read: {error.strerror}") from error
    with opened:
        yield opened
