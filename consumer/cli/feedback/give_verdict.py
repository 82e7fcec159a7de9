"""`spanstream feedback give`: says what somebody thinks of one published answer."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated

import typer

from spanstream.consumer.cli.config_file import ConfigFile, open_settings
from spanstream.consumer.cli.publish import opened_writer
from spanstream.consumer.errors import Stop
from spanstream.consumer.terminal.sanitizing import sanitized_line
from spanstream.schemas.codec import encode
from spanstream.schemas.errors import InvalidRecord
from spanstream.schemas.feedback import Feedback, Verdict

if TYPE_CHECKING:
    from spanstream.consumer.operations.giving_feedback import Opinion
    from spanstream.consumer.settings import Settings


def give(  # noqa: PLR0913, PLR0917  the command's options
    question_id: Annotated[str | None, typer.Option("--question-id", help="The question that was answered.")] = None,
    ticket: Annotated[str | None, typer.Option("--ticket", help="The ticket, with --field.")] = None,
    field: Annotated[str | None, typer.Option("--field", help="A field of the ticket's triage record.")] = None,
    accept: Annotated[bool, typer.Option("--accept", help="The answer is right.")] = False,
    correct: Annotated[str | None, typer.Option("--correct", help="The right answer, verbatim.")] = None,
    nth: Annotated[int | None, typer.Option("--nth", min=1, help="Which of its places, from 1.")] = None,
    no_answer: Annotated[bool, typer.Option("--no-answer", help="The document does not say.")] = False,
    unsure: Annotated[bool, typer.Option("--unsure", help="Who looked cannot tell.")] = False,
    by: Annotated[str | None, typer.Option("--by", help="Who says so, best a pseudonym.")] = None,
    config: ConfigFile = None,
) -> None:
    """Say what somebody thinks of the answer to a question, or of a field of a ticket: it is read back from Kafka.

    Example: spanstream feedback give --question-id q-1 --correct "error FXP-4107" --by agent-12
    """
    from spanstream.consumer.operations.giving_feedback import Opinion  # noqa: PLC0415  for those who use it

    verdicts: dict[Verdict, bool] = {
        "accepted": accept,
        "corrected": correct is not None,
        "no_answer": no_answer,
        "unsure": unsure,
    }
    said = [verdict for verdict, is_said in verdicts.items() if is_said]
    if len(said) != 1:
        raise typer.BadParameter("say one of --accept, --correct, --no-answer and --unsure")
    if (question_id is None) == (ticket is None) or (ticket is None) != (field is None):
        raise typer.BadParameter("name a question (--question-id), or a ticket and its field (--ticket, --field)")
    settings = open_settings(config)
    opinion = Opinion(said[0], correct, nth, by, datetime.now(UTC))
    feedback = _made(settings, question_id, ticket, field, opinion)
    _publish(settings, feedback)
    place = "" if feedback.span is None else f" {feedback.span.char_start}:{feedback.span.char_end}"
    about = sanitized_line(question_id or f"{ticket} {field}")
    typer.echo(f"{about}: {feedback.verdict}{place}, published as {feedback.feedback_id}")


def _made(
    settings: Settings, question_id: str | None, ticket: str | None, field: str | None, opinion: Opinion
) -> Feedback:
    from spanstream.consumer.broker.kafka.partition_reader import KafkaPartitionReader  # noqa: PLC0415  for those who use it
    from spanstream.consumer.clock import SystemClock  # noqa: PLC0415  for those who use it
    from spanstream.consumer.operations.giving_feedback import (  # noqa: PLC0415  for those who use it
        feedback_on_field,
        feedback_on_question,
        find_field,
    )
    from spanstream.consumer.operations.published_questions import find_published  # noqa: PLC0415  for those who use it

    clock = SystemClock()

    def open_reader() -> KafkaPartitionReader:
        return KafkaPartitionReader(settings.kafka)

    if question_id is not None:
        return feedback_on_question(find_published(question_id, settings, open_reader, clock), opinion)
    return feedback_on_field(find_field(ticket or "", field or "", settings, open_reader, clock), opinion)


def _publish(settings: Settings, feedback: Feedback) -> None:
    from spanstream.consumer.broker.kafka.at_least_once import AtLeastOncePublisher  # noqa: PLC0415  for those who use it
    from spanstream.consumer.operations.publishing import feedback_record  # noqa: PLC0415  for those who use it

    writer = opened_writer(settings, Feedback)
    try:
        record = feedback_record(encode(feedback), settings.topics.feedback, settings.limits, writer)
    except InvalidRecord as error:
        raise Stop(str(error)) from None
    publisher = AtLeastOncePublisher(settings.kafka)
    try:
        publisher.publish([record], {})
    finally:
        publisher.close()
