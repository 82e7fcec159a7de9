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
from spanstream.consumer.terminal.sanitizing import sanitized_line
from spanstream.schemas.codec import decode_answer
from spanstream.schemas.errors import InvalidRecord


def answers(
    config: ConfigFile = None,
    as_json: Annotated[bool, typer.Option("--json", help="One line an answer, the event as it was published.")] = False,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Go on with what comes; Ctrl-C ends it.")] = False,
) -> None:
    """Print the answers from the beginning of the topic; ends where the topic ended when it began.

    Example: spanstream answers --json | jq 'select(.status == "answered") | .answer.text'
    """
    settings = open_settings(config)
    reader = KafkaPartitionReader(settings.kafka)
    console = Console(highlight=False, soft_wrap=True)
    try:
        for record in tail(reader, settings.topics.answers, follow=follow):
            if as_json:
                write_event(record.value or b"null")
            else:
                console.print(_line(record))
    finally:
        reader.close()


def _line(record: Record) -> Text:
    try:
        answer = decode_answer(record.value or b"")
    except InvalidRecord as error:
        return Text(sanitized_line(f"{record.partition} {record.offset}: no answer event: {error}"), style="red")
    line = Text.assemble((sanitized_line(answer.question_id), "bold"), "  ", f"{answer.confidence:.2f}  ")
    if answer.answer is not None:
        document = sanitized_line(answer.document_id or "inline")
        place = f"  [{document} {answer.answer.char_start}:{answer.answer.char_end}]"
        return line + Text.assemble((sanitized_line(answer.answer.text), "green"), (place, "dim"))
    candidate = f"  (best guess: {sanitized_line(answer.candidate.text)})" if answer.candidate else ""
    return line + Text.assemble("no answer", (candidate, "dim"))
