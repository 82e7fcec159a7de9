"""One ticket through a playbook without Kafka: what the stream would publish, from the same parts."""

from __future__ import annotations

from dataclasses import dataclass

from spanstream.consumer.clock import Clock
from spanstream.consumer.triage.gather import QuestionOutcome
from spanstream.consumer.triage.questions import asked_of
from spanstream.consumer.triage.record import triage_of
from spanstream.consumer.triage.state import TicketFacts, TicketState
from spanstream.consumer.triage.text.ticket_text import text_of
from spanstream.models.reader import Answer, Reader
from spanstream.schemas.events import ModelInfo, Span
from spanstream.schemas.limits import Limits
from spanstream.schemas.playbook import Playbook
from spanstream.schemas.triage import DocumentRead, Ticket, Triage


@dataclass(frozen=True, slots=True)
class TicketTrial:
    """What came of it, and the text that its spans are places in."""

    text: str
    triage: Triage


def try_ticket(ticket: Ticket, playbook: Playbook, reader: Reader, limits: Limits, clock: Clock) -> TicketTrial:
    """Read a ticket for all of the playbook's questions.

    Raises:
        InvalidRecord: the ticket's text is too long to be a document.
        QuestionTooLong, InferenceFailed, InvalidSpan: as `Reader.read`; in the stream they become dead letters.
    """
    text = text_of(ticket, limits, playbook.keep)
    now_ms = clock.now_ms()
    asked = list(asked_of(ticket.ticket_id, text.sha256, playbook))
    readings = reader.read(text.text, [one.text for one in asked])
    state = TicketState(
        ticket_id=ticket.ticket_id,
        facts=TicketFacts.of(ticket),
        created_ms=None if ticket.created_at is None else round(ticket.created_at.timestamp() * 1000),
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
        outcomes={one.question_id: _outcome(reading, reader) for one, reading in zip(asked, readings, strict=True)},
    )
    return TicketTrial(text.text, triage_of(state, playbook, revision=1, now_ms=clock.now_ms()))


def _outcome(reading: Answer, reader: Reader) -> QuestionOutcome:
    manifest, found = reader.artifact.manifest, reading.candidate
    return QuestionOutcome.of(
        None if found is None else Span(text=found.text, char_start=found.char_start, char_end=found.char_end),
        confidence=reading.confidence,
        null_score_diff=reading.null_score_diff,
        model=ModelInfo(
            name=manifest.name,
            version=manifest.version,
            precision=reading.precision,
            calibration=manifest.calibration.name,
        ),
    )
