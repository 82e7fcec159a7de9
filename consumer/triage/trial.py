"""Runs one ticket through a playbook without Kafka: the record that the stream would publish, from the same parts."""

from __future__ import annotations

from dataclasses import dataclass

from spanstream.consumer.answering.answer_event import span_of
from spanstream.consumer.clock import Clock, to_milliseconds
from spanstream.consumer.pii.hook import Redact, unredacted
from spanstream.consumer.triage.decision.record import make_record
from spanstream.consumer.triage.decision.rules import text_tests_holding
from spanstream.consumer.triage.questions import field_questions
from spanstream.consumer.triage.state.ticket_state import QuestionOutcome, TicketFacts, TicketState
from spanstream.consumer.triage.text.ticket_text import document_text
from spanstream.models.reader import Answer, Reader
from spanstream.schemas.answer_parts import ModelInfo
from spanstream.schemas.limits import Limits
from spanstream.schemas.playbook import Playbook
from spanstream.schemas.triage import DocumentRead, Ticket, Triage


@dataclass(frozen=True, slots=True)
class TicketTrial:
    """The triage record of one ticket, and the text that its offsets count in."""

    text: str
    triage: Triage


def try_ticket(  # noqa: PLR0913, PLR0917  what the stream has too
    ticket: Ticket, playbook: Playbook, reader: Reader, limits: Limits, clock: Clock, redact: Redact = unredacted
) -> TicketTrial:
    """Asks all of the playbook's questions about a ticket, redacted, and builds its record.

    Raises:
        InvalidRecord: the ticket's text is too long to be a document, or the redaction failed.
        QuestionTooLong, InferenceFailed, InvalidSpan: as `Reader.read`; in the stream they become dead letters.
    """
    text = document_text(ticket, limits, playbook.keep, redact)
    ticket = ticket.model_copy(update={"subject": redact(ticket.subject)})
    now_ms = clock.now_ms()
    questions = list(field_questions(ticket.ticket_id, text.sha256, playbook))
    answers = reader.read(text.text, [question.text for question in questions])
    outcomes = {
        question.question_id: outcome_of(answer, reader) for question, answer in zip(questions, answers, strict=True)
    }
    state = TicketState(
        ticket_id=ticket.ticket_id,
        facts=TicketFacts.of(ticket, text_tests_holding(playbook, text.text)),
        created_ms=None if ticket.created_at is None else to_milliseconds(ticket.created_at),
        received_ms=None,
        asked_ms=now_ms,
        document=DocumentRead(
            document_id=ticket.ticket_id, sha256=text.sha256, from_html=text.from_html, cut=list(text.cut)
        ),
        playbook=playbook.sha256,
        due_ms=now_ms,
        is_open=False,
        revision=0,
        replaced=[],
        outcomes=outcomes,
    )
    return TicketTrial(text.text, make_record(state, playbook, revision=1, now_ms=clock.now_ms()))


def outcome_of(answer: Answer, reader: Reader) -> QuestionOutcome:
    """Makes of a reader's answer what the stream keeps of an answer event."""
    manifest = reader.artifact.manifest
    return QuestionOutcome.of(
        span_of(answer.candidate),
        confidence=answer.confidence,
        null_score_diff=answer.null_score_diff,
        model=ModelInfo(
            name=manifest.name,
            version=manifest.version,
            precision=answer.precision,
            calibration=manifest.calibration.name,
        ),
    )
