"""Reads events out of records, whatever form they come in.

    record ── translators of its role, one after the other ──> our JSON ── codec ──> event
                 │                        │                                  │
           InvalidRecord         TranslatorUnavailable                 InvalidRecord
           (dead letter)     (the record waits where it is)            (dead letter)

A dead letter holds the record as it came, not what a translator made of it: sent again, it is translated again.
"""

from __future__ import annotations

from collections.abc import Iterable

import structlog

from spanstream.consumer.broker.protocols import Outgoing, Record
from spanstream.consumer.clock import Clock
from spanstream.consumer.errors import Retryable, SpanstreamError
from spanstream.consumer.formats.translator import Message, PatientTranslator, Translator, TranslatorUnavailable
from spanstream.consumer.logs import exception_facts
from spanstream.schemas.codec import (
    check_bounds,
    decode_answer,
    decode_document,
    decode_feedback,
    decode_label,
    decode_question,
    decode_ticket,
)
from spanstream.schemas.errors import InvalidRecord, Reason
from spanstream.schemas.events import Answer, Document, Question
from spanstream.schemas.feedback import Feedback
from spanstream.schemas.limits import Limits
from spanstream.schemas.triage import AnyEvent, Ticket, Triage

_log = structlog.get_logger(__name__)


class EventFormats:
    """Reads documents, questions, tickets, feedback and answers; all loops and tools read them with this.

    Args:
        limits: what an event may be.
        documents: translators of the documents topic, in their order; none: records are our JSON.
        questions: those of questions and retries.
        tickets: those of tickets.
        feedback: those of feedback.
        answers: those of our own answers, triage records and labels.

    Raises:
        InvalidRecord: by the methods: `too_large`, `undecodable` or `invalid_event`; `inference_failed` where a
            translator raises what nobody foresaw.
        TranslatorUnavailable: by the same: ask again later.
    """

    def __init__(  # noqa: PLR0913  translators of each role, by name
        self,
        limits: Limits,
        *,
        documents: Iterable[Translator] = (),
        questions: Iterable[Translator] = (),
        tickets: Iterable[Translator] = (),
        feedback: Iterable[Translator] = (),
        answers: Iterable[Translator] = (),
    ) -> None:
        self.limits = limits
        self._documents = tuple(documents)
        self._questions = tuple(questions)
        self._tickets = tuple(tickets)
        self._feedback = tuple(feedback)
        self._answers = tuple(answers)
        self._of_event: dict[type[AnyEvent], tuple[Translator, ...]] = {
            Document: self._documents,
            Question: self._questions,
            Ticket: self._tickets,
            Feedback: self._feedback,
            Answer: self._answers,
            Triage: self._answers,
        }
        self._is_waiting = False

    def document(self, record: Record | Outgoing) -> Document:
        """Returns the document in a record's value."""
        return decode_document(self._translate(record, self._documents), self.limits)

    def question(self, record: Record | Outgoing) -> Question:
        """Returns the question in a record's value."""
        return decode_question(self._translate(record, self._questions), self.limits)

    def ticket(self, record: Record | Outgoing) -> Ticket:
        """Returns the ticket in a record's value."""
        return decode_ticket(self._translate(record, self._tickets), self.limits)

    def feedback(self, record: Record | Outgoing) -> Feedback:
        """Returns the feedback in a record's value."""
        return decode_feedback(self._translate(record, self._feedback), self.limits)

    def label(self, record: Record) -> Feedback:
        """Returns the label in a record's value."""
        return decode_label(self.label_json(record))

    def label_json(self, record: Record) -> bytes:
        """Returns the label in a record's value as our JSON; it is not decoded."""
        return self._translate(record, self._answers)

    def answer(self, record: Record) -> Answer:
        """Returns the answer in a record's value."""
        return decode_answer(self.as_json(record, Answer))

    def as_json(self, record: Record, event: type[AnyEvent]) -> bytes:
        """Returns the event of this kind in a record's value as our JSON; it is not decoded."""
        return self._translate(record, self._of_event[event])

    def patient(self, clock: Clock, seconds: float) -> EventFormats:
        """Returns the same for a tool: it waits so long for a translator that is unavailable, before it raises."""
        documents, questions, tickets, feedback, answers = (
            tuple(PatientTranslator(translator, clock, seconds) for translator in translators)
            for translators in (self._documents, self._questions, self._tickets, self._feedback, self._answers)
        )
        return EventFormats(
            self.limits,
            documents=documents,
            questions=questions,
            tickets=tickets,
            feedback=feedback,
            answers=answers,
        )

    def _translate(self, record: Record | Outgoing, translators: tuple[Translator, ...]) -> bytes:
        value = record.value or b""
        if not translators:
            return value
        check_bounds(None, len(value), self.limits)  # nothing past its limit is parsed, by anybody
        message = Message(value, record.headers)
        try:
            for translator in translators:
                message = translator.translate(message)
        except Retryable as error:
            if not self._is_waiting:
                _log.warning("records_wait_for_translator", detail=str(error))
            self._is_waiting = True
            raise TranslatorUnavailable(error.detail, hint=error.hint) from error
        except (InvalidRecord, SpanstreamError):
            raise
        except Exception as error:  # noqa: BLE001  whatever it is, it must not stop the stream
            _log.error("translating_failed", **exception_facts(error))
            refusal = InvalidRecord(Reason.INFERENCE_FAILED, f"translating it raised {type(error).__name__}")
        else:
            self._is_waiting = False
            return message.value
        raise refusal  # outside of the except block: it has no context that could print what it must not
