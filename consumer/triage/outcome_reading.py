"""Reads what became of a triage question, out of an answer or a dead letter."""

from __future__ import annotations

from dataclasses import dataclass

from spanstream.consumer.broker.protocols import Record
from spanstream.consumer.formats.event_formats import EventFormats
from spanstream.consumer.settings import TopicSettings
from spanstream.consumer.triage.questions import ticket_id_in
from spanstream.consumer.triage.state.ticket_state import QuestionOutcome
from spanstream.schemas.dead_letters import from_headers
from spanstream.schemas.errors import InvalidRecord


@dataclass(frozen=True, slots=True)
class ReadOutcome:
    """What came back for one question about one ticket."""

    ticket_id: str
    question_id: str
    outcome: QuestionOutcome


def read_outcome(record: Record, topics: TopicSettings, formats: EventFormats) -> ReadOutcome | None:
    """Reads a record of the answers or the dead letters; None where it is no outcome of a triage question.

    Raises:
        TranslatorUnavailable: it cannot be read yet.
    """
    is_answer = record.partition.topic == topics.answers
    try:
        return _of_answer(record, formats) if is_answer else _of_dead_letter(record, topics, formats)
    except InvalidRecord:
        return None


def _of_answer(record: Record, formats: EventFormats) -> ReadOutcome | None:
    answer = formats.answer(record)
    ticket_id = ticket_id_in(answer.question_id, answer.metadata)
    if ticket_id is None:
        return None
    outcome = QuestionOutcome.of(
        answer.candidate, confidence=answer.confidence, null_score_diff=answer.null_score_diff, model=answer.model
    )
    return ReadOutcome(ticket_id, answer.question_id, outcome)


def _of_dead_letter(record: Record, topics: TopicSettings, formats: EventFormats) -> ReadOutcome | None:
    letter = from_headers(record.headers)
    if letter.topic not in {topics.questions, topics.retries}:
        return None
    question = formats.question(record)
    ticket_id = ticket_id_in(question.question_id, question.metadata)
    if ticket_id is None:
        return None
    return ReadOutcome(ticket_id, question.question_id, QuestionOutcome(dead_letter=letter.reason))
