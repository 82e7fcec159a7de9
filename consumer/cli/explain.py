"""`spanstream explain`: shows what an answer is made of."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from pydantic_core import to_json
from rich.console import Console
from rich.text import Text

from spanstream.consumer.cli.config_file import ConfigFile, open_settings
from spanstream.consumer.cli.event_output import write_event
from spanstream.consumer.terminal.sanitizing import sanitized_line
from spanstream.schemas.limits import MAX_ANSWERS

if TYPE_CHECKING:
    from spanstream.consumer.operations.published_questions import PublishedQuestion
    from spanstream.consumer.settings import Settings
    from spanstream.models.explaining.explanation import Explanation
    from spanstream.schemas.events import Answer


def show_explanation(  # noqa: PLR0913, PLR0917  the command's options
    file: Annotated[
        Path | None,
        typer.Argument(metavar="[FILE]", help="Text, HTML or a mail (.eml); - is standard input, the default."),
    ] = None,
    question: Annotated[str | None, typer.Option("--question", "-q", help="What to ask about the text.")] = None,
    text: Annotated[str | None, typer.Option("--text", help="The text itself, instead of a file.")] = None,
    question_id: Annotated[
        str | None, typer.Option("--question-id", help="A question that was published: it is read back from Kafka.")
    ] = None,
    expect: Annotated[
        str | None, typer.Option("--expect", help="The right answer, verbatim: what became of it is told.")
    ] = None,
    config: ConfigFile = None,
    max_answers: Annotated[
        int | None,
        typer.Option(
            "--max-answers", "-n", min=1, max=MAX_ANSWERS, help="Rank so many answers; by default as the question asks."
        ),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object instead of tables.")] = False,
) -> None:
    """Show what an answer is made of: tokens, windows, scores, the confidence's parts, the validation.

    With a text it needs no Kafka. With --question-id it takes the document's tokens out of Redis, if that is
    configured, and says whether they are sound.

    Example: spanstream explain -q "Which error code is shown?" --expect FXP-4107 ticket.txt
    """
    from spanstream.consumer.operations.explaining import explain_published, explain_text  # noqa: PLC0415  the model, for those who use it
    from spanstream.consumer.operations.local_texts import STANDARD_INPUT, read_text  # noqa: PLC0415  for those who use it

    settings = open_settings(config)
    if (question is None) == (question_id is None) or (question_id and (file or text is not None)):
        raise typer.BadParameter("give --question with a text, or --question-id")
    answer = None
    if question_id is not None:
        published = _published(question_id, settings)
        answer, text = published.answer, published.text
        explanation = explain_published(settings, published, expected=expect, max_answers=max_answers)
    else:
        if text is None:
            text = read_text(file or STANDARD_INPUT)
        explanation = explain_text(settings, text, question or "", expected=expect, max_answers=max_answers)
    if as_json:
        shown = asdict(explanation) | {"verdict": explanation.verdict, "published": answer and answer.model_dump()}
        write_event(to_json(shown))
    else:
        _print(explanation, expect, answer, text)


def _print(explanation: Explanation, expected: str | None, answer: Answer | None, text: str) -> None:
    from spanstream.consumer.operations.explaining import compared_with  # noqa: PLC0415  for those who use it
    from spanstream.consumer.terminal.explanation_panel import ExplanationPanel  # noqa: PLC0415  for those who use it

    console = Console(highlight=False)
    console.print(ExplanationPanel(explanation, expected))
    if answer is not None:
        console.print(Text(sanitized_line(compared_with(answer, explanation, text))))


def _published(question_id: str, settings: Settings) -> PublishedQuestion:
    from spanstream.consumer.broker.kafka.partition_reader import KafkaPartitionReader  # noqa: PLC0415  for those who use it
    from spanstream.consumer.clock import SystemClock  # noqa: PLC0415  for those who use it
    from spanstream.consumer.operations.published_questions import find_published  # noqa: PLC0415  for those who use it

    return find_published(question_id, settings, lambda: KafkaPartitionReader(settings.kafka), SystemClock())
