"""`spanstream ask`: asks questions about files, without Kafka, or about a collection of documents."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from pydantic_core import to_json
from rich.console import Console

from spanstream.consumer.cli.ask_collection import ask_collection, collection_questions
from spanstream.consumer.cli.config_file import ConfigFile, open_settings
from spanstream.consumer.cli.event_output import write_event
from spanstream.consumer.errors import Stop
from spanstream.consumer.settings import Settings
from spanstream.models.errors import ModelError
from spanstream.schemas.codec import decode_request, encode
from spanstream.schemas.errors import InvalidRecord
from spanstream.schemas.limits import MAX_ANSWERS


def ask(  # noqa: PLR0913, PLR0917  each is an option of the command line
    files: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[FILE]...",
            help="Text, HTML or mails (.eml); - is standard input, the default. With --collection: questions.",
        ),
    ] = None,
    questions: Annotated[
        list[str] | None, typer.Option("--question", "-q", help="What to ask about each file; again for more.")
    ] = None,
    collection: Annotated[
        str | None,
        typer.Option(help="Ask about the documents of this collection instead; needs Kafka and the passage index."),
    ] = None,
    wanted: Annotated[
        list[str] | None,
        typer.Option("--filter", metavar="NAME=VALUE", help="Of the collection, only documents with this metadata."),
    ] = None,
    config: ConfigFile = None,
    max_answers: Annotated[
        int, typer.Option("--max-answers", "-n", min=1, max=MAX_ANSWERS, help="Answers to each question at most.")
    ] = 1,
    as_json: Annotated[bool, typer.Option("--json", help="One line an answer, the stream's event.")] = False,
) -> None:
    """Answer questions about files, with the answers marked where they stand. Needs no Kafka and no Redis.

    Example: spanstream ask -q "Which error codes are shown?" --max-answers 5 ticket.txt mail.eml

    With --collection the passage index is searched and the documents are read from their topic, as the stream does:
    spanstream ask --collection handbook "How many days of leave are there?" --filter country=DE
    """
    if collection is not None:
        asked, metadata = [*(questions or []), *(files or [])], dict(map(_name_and_value, wanted or []))
        if not asked:
            raise typer.BadParameter("give a question")
        of_collection = collection_questions(collection, asked, metadata, max_answers)
        ask_collection(of_collection, open_settings(config), as_json=as_json)
        return
    if not questions or wanted:
        raise typer.BadParameter("give --question, and --filter with --collection only")
    _ask_files([Path(file) for file in files or []], questions, max_answers, open_settings(config), as_json)


def _name_and_value(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not equals:
        raise typer.BadParameter(f"--filter {text}: should be NAME=VALUE")
    return name, value


def _ask_files(files: list[Path], questions: list[str], max_answers: int, settings: Settings, as_json: bool) -> None:
    from spanstream.consumer.answering.open_reader import open_reader  # noqa: PLC0415  the model, for those who use it
    from spanstream.consumer.asking.text_answerer import TextAnswerer  # noqa: PLC0415  for those who use it
    from spanstream.consumer.clock import SystemClock  # noqa: PLC0415  for those who use it
    from spanstream.consumer.operations.local_texts import STANDARD_INPUT, read_text  # noqa: PLC0415  for those who use it
    from spanstream.consumer.terminal.answer_views import answer_view  # noqa: PLC0415  for those who use it
    from spanstream.consumer.terminal.panels import TicketPanel  # noqa: PLC0415  for those who use it
    from spanstream.consumer.terminal.views import TicketView  # noqa: PLC0415  for those who use it

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
