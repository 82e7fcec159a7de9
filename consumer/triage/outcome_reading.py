"""Reads what became of a triage question, out of an answer or a dead letter."""

from __future__ import annotations

from dataclasses import dataclass

from spanstream.consumer.broker.protocols import Record
from spanstream.consumer.settings import TopicSettings
from spanstream.consumer.triage.questions import mentions_ticket, ticket_id_in
from spanstream.consumer.triage.state.ticket_state import QuestionOutcome
from spanstream.schemas.codec import decode_answer, decode_question
from spanstream.schemas.dead_letters import from_headers
from spanstream.schemas.errors import InvalidRecord
from spanstream.schemas.limits import Limits


@dataclass(frozen=True, slots=True)
class ReadOutcome:
    """What came back for one question about one ticket."""

    ticket_id: str
    question_id: str
    outcome: QuestionOutcome


def read_outcome(record: Record, topics: TopicSettings, limits: Limits) -> ReadOutcome | None:
    """Reads a record of the answers or the dead letters; None where it is no outcome of a triage question."""
    if not mentions_ticket(record.value):
        return None
    try:
        return (
            _of_answer(record) if record.partition.topic == topics.answers else _of_dead_letter(record, topics, limits)
        )
    except InvalidRecord:
        return None


def _of_answer(record: Record) -> ReadOutcome | None:
    answer = decode_answer(record.value or b"")
    ticket_id = ticket_id_in(answer.question_id, answer.metadata)
    if ticket_id is None:
        return None
    outcome = QuestionOutcome.of(
        answer.candidate, confidence=answer.confidence, null_score_diff=answer.null_score_diff, model=answer.model
    )
    return ReadOutcome(ticket_id, answer.question_id, outcome)


def _of_dead_letter(record: Record, topics: TopicSettings, limits: Limits) -> ReadOutcome | None:
    letter = from_headers(record.headers)
    if letter.topic not in {topics.questions, topics.retries}:
        return None
    question = decode_question(record.value or b"", limits)
    ticket_id = ticket_id_in(question.question_id, question.metadata)
    if ticket_id is None:
        return None
    return ReadOutcome(ticket_id, question.question_id, QuestionOutcome(dead_letter=letter.reason))
