"""`spanstream ask`: asks questions about files, without Kafka."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from pydantic_core import to_json
from rich.console import Console

from spanstream.consumer.cli.config_file import ConfigFile, open_settings
from spanstream.consumer.cli.event_output import write_event
from spanstream.consumer.errors import Stop
from spanstream.models.errors import ModelError
from spanstream.schemas.codec import decode_request, encode
from spanstream.schemas.errors import InvalidRecord
from spanstream.schemas.limits import MAX_ANSWERS


def ask(
    questions: Annotated[
        list[str], typer.Option("--question", "-q", help="What to ask about each file; again for more.")
    ],
    files: Annotated[
        list[Path] | None,
        typer.Argument(metavar="[FILE]...", help="Text, HTML or mails (.eml); - is standard input, the default."),
    ] = None,
    config: ConfigFile = None,
    max_answers: Annotated[
        int, typer.Option("--max-answers", "-n", min=1, max=MAX_ANSWERS, help="Answers to each question at most.")
    ] = 1,
    as_json: Annotated[bool, typer.Option("--json", help="One line an answer, the stream's event.")] = False,
) -> None:
    """Answer questions about files, with the answers marked where they stand. Needs no Kafka and no Redis.

    Example: spanstream ask -q "Which error codes are shown?" --max-answers 5 ticket.txt mail.eml
    """
    from spanstream.consumer.answering.open_reader import open_reader  # noqa: PLC0415  the model, for those who use it
    from spanstream.consumer.asking.text_answerer import TextAnswerer  # noqa: PLC0415  for those who use it
    from spanstream.consumer.clock import SystemClock  # noqa: PLC0415  for those who use it
    from spanstream.consumer.operations.local_texts import STANDARD_INPUT, read_text  # noqa: PLC0415  for those who use it
    from spanstream.consumer.terminal.answer_views import answer_view  # noqa: PLC0415  for those who use it
    from spanstream.consumer.terminal.panels import TicketPanel  # noqa: PLC0415  for those who use it
    from spanstream.consumer.terminal.views import TicketView  # noqa: PLC0415  for those who use it

    settings = open_settings(config)
    # All files first: loading the model takes longer than finding that one of them is not there.
    texts = [(file, read_text(file)) for file in files or [STANDARD_INPUT]]
    console = Console(highlight=False)
    reader = open_reader(settings)
    answerer = TextAnswerer(reader, SystemClock())
    try:
        for file, text in texts:
            try:
                request = {"document_id": str(file), "text": text, "questions": questions, "max_answers": max_answers}
                answers = list(answerer.answers(decode_request(to_json(request), settings.limits)))
            except (InvalidRecord, ModelError) as error:
                raise Stop(f"{file}: {error}") from None
            if as_json:
                for answer in answers:
                    write_event(encode(answer))
            else:
                # The name before its folder: what does not fit in a title is cut at its end.
                folder = "" if file.parent == Path() else str(file.parent)
                console.print(
                    TicketPanel(TicketView(file.name, folder, text, tuple(map(answer_view, questions, answers))))
                )
    finally:
        reader.close()
