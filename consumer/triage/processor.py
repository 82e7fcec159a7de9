"""Says what a record or a deadline changes: the rules of the stream, without Kafka and without waiting.

    ticket ───────────────> document and questions; the ticket is open
    ticket without value ─> the ticket is forgotten, its document deleted
    answer, dead letter ──> an outcome; with the last one, or a late one, a triage record (the next revision)
    deadline ─────────────> a record of what there is; long after it the ticket is forgotten, its document deleted

Everything may come twice. A ticket with the same content changes nothing, nor does an answer that is known.

Whatever a record holds, nothing is raised but the errors that the program raises on purpose. What a record changes is
made first and handed to the transaction last, so a record on which something fails has changed nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace

import structlog

from spanstream.consumer.answering.outcomes import dead_letter_of, without_content
from spanstream.consumer.broker.protocols import Outgoing, Record
from spanstream.consumer.clock import Clock, calendar_time, to_datetime, to_milliseconds
from spanstream.consumer.errors import SpanstreamError
from spanstream.consumer.formats.event_formats import EventFormats
from spanstream.consumer.formats.event_writer import EventWriter
from spanstream.consumer.logs import exception_facts
from spanstream.consumer.pii.hook import Redact, unredacted
from spanstream.consumer.settings import TopicSettings
from spanstream.consumer.tracing.tracing import OFF, Processed, Tracing
from spanstream.consumer.triage.decision.record import is_complete, make_best_record, make_record, record_id
from spanstream.consumer.triage.decision.rules import text_tests_holding
from spanstream.consumer.triage.outcome_reading import ReadOutcome, read_outcome
from spanstream.consumer.triage.questions import document_id_of, field_questions, mentions_ticket, question_event
from spanstream.consumer.triage.state.ticket_state import TicketFacts, TicketState, ticket_key_of
from spanstream.consumer.triage.state.transaction import TriageTransaction
from spanstream.consumer.triage.text.ticket_text import TicketText, document_text
from spanstream.schemas.cloudevents import event_headers
from spanstream.schemas.codec import check_bounds, check_key
from spanstream.schemas.dead_letters import Stage
from spanstream.schemas.errors import InvalidRecord, Reason
from spanstream.schemas.events import Document
from spanstream.schemas.foreign_headers import ForeignHeaders, no_headers
from spanstream.schemas.playbook import Playbook
from spanstream.schemas.triage import DocumentRead, Ticket

_log = structlog.get_logger(__name__)

# Documents of a ticket's earlier texts that are kept for the questions under way; older ones are deleted.
_MAX_REPLACED = 8


@dataclass(frozen=True, slots=True)
class ProcessorSettings:
    """What a processor needs to know beside its playbook.

    Attributes:
        formats: reads tickets and answers, and the questions of dead letters.
        writer: writes documents, questions and triage records.
        source: CloudEvents source of what it publishes.
        partitions: tells how many each of the topics has now.
        keep_seconds: how long a decided ticket is known: for late answers, and to recognise it if it comes again.
        foreign: makes the headers of another product that dead letters carry too.
        redact: what subjects and texts go through before they are published or kept; None: they are as they came.
    """

    topics: TopicSettings
    formats: EventFormats
    writer: EventWriter
    source: str
    partitions: Callable[[], int]
    keep_seconds: float
    foreign: ForeignHeaders = no_headers
    redact: Redact | None = None


class TicketProcessor:
    """Applies records and deadlines to transactions."""

    def __init__(self, playbook: Playbook, settings: ProcessorSettings, clock: Clock, tracing: Tracing = OFF) -> None:
        self._playbook = playbook
        self._settings = settings
        self._clock = clock
        self._tracing = tracing

    def apply_record(self, record: Record, transaction: TriageTransaction) -> None:
        """Applies a record of one of the consumed topics; another program's records change nothing.

        Where it raises because of what the record holds, a ticket becomes a dead letter, and an outcome is passed over:
        its ticket is decided without it. After `TranslatorUnavailable` it has changed nothing, and is applied later.
        """
        topics = self._settings.topics
        is_ticket = record.partition.topic == topics.tickets
        if not is_ticket and not mentions_ticket(record.value):
            return
        self._tracing.begin([record])
        try:
            if is_ticket:
                self._apply_ticket(record, transaction)
            elif (outcome := read_outcome(record, topics, self._settings.formats)) is not None:
                self._apply_outcome(record.partition.number, outcome, transaction)
        except SpanstreamError:
            raise
        except Exception as error:  # noqa: BLE001  whatever it is, it must not stop the stream
            place = {"partition": str(record.partition), "offset": record.offset, **self._tracing.ids(record)}
            facts = {**place, **exception_facts(error)}
            if is_ticket:
                _log.error("ticket_failed", **facts)
                detail = f"reading the ticket raised {type(error).__name__}"
                self.refuse(record, InvalidRecord(Reason.INFERENCE_FAILED, detail), Stage.PREPARE, transaction)
            else:
                _log.error("outcome_failed", **facts)
        if not is_ticket:
            transaction.processed.append(Processed(record, "outcome"))

    def apply_deadline(self, number: int, key: bytes, transaction: TriageTransaction) -> None:
        """Makes the record of a ticket that is due, or forgets the ticket if it has its record."""
        state = transaction.state(number, key)
        if state is None:
            return
        if state.is_open:
            self._decide(number, state, transaction)
            return
        self._forget(number, state, transaction)
        transaction.counts["tickets", "forgotten"] += 1

    def decide_tickets_with_news(self, transaction: TriageTransaction) -> None:
        """Makes the records that the new outcomes ask for: one for each ticket, however many outcomes came."""
        for number, ticket_id in transaction.tickets_with_news:
            state = transaction.ticket(number, ticket_id)
            if state is None:
                continue
            if not state.is_open or is_complete(state, transaction.playbook(number, state.playbook)):
                self._decide(number, state, transaction)

    def _apply_ticket(self, record: Record, transaction: TriageTransaction) -> None:
        number, formats = record.partition.number, self._settings.formats
        if record.key is not None and record.value is None:
            self._delete_ticket(number, record, record.key, transaction)
            return
        try:
            check_bounds(record.key, record.size, formats.limits)
            ticket = formats.ticket(record)
            check_key(record.key, ticket.ticket_id, "ticket_id")
            redact = self._settings.redact or unredacted
            text = document_text(ticket, formats.limits, self._playbook.keep, redact)
            ticket = ticket.model_copy(update={"subject": redact(ticket.subject)})
        except InvalidRecord as error:
            self.refuse(record, error, Stage.DECODE, transaction)
            return
        before = transaction.ticket(number, ticket.ticket_id)
        state = self._opened(record, ticket, text, before.revision if before else 0)
        document_id = state.document.document_id
        transaction.tickets |= {state.key: record, document_id.encode(): record}
        if before is None or (before.document.document_id, before.playbook) != (document_id, state.playbook):
            replaced = _earlier_documents(before, document_id) if before else []
            kept = state.model_copy(update={"replaced": replaced[-_MAX_REPLACED:]})
            self._ask(number, kept, ticket, text, transaction)
            self._delete_documents(number, replaced[:-_MAX_REPLACED], transaction)
            transaction.ticket_done(record, "asked")
            return
        # The same text: its outcomes stand, but rules may decide otherwise by the new facts.
        changes = {"facts": state.facts, "created_ms": state.created_ms, "document": state.document}
        updated = before.model_copy(update=changes)
        if updated == before:
            transaction.ticket_done(record, "repeated")
        else:
            self._check_record_can_be_made(updated, transaction.playbook(number, updated.playbook))
            transaction.put(number, updated, is_news=True)
            transaction.ticket_done(record, "updated")

    def _delete_ticket(self, number: int, record: Record, key: bytes, transaction: TriageTransaction) -> None:
        """Forgets the ticket of a tombstone at once, whether it has its record or not."""
        state = transaction.state(number, ticket_key_of(key))
        if state is not None:
            self._forget(number, state, transaction)
        transaction.ticket_done(record, "repeated" if state is None else "forgotten")

    def _forget(self, number: int, state: TicketState, transaction: TriageTransaction) -> None:
        """Deletes what is known of a ticket, and those of its documents that no other ticket has."""
        transaction.forget(number, state.key)
        self._delete_documents(number, [*state.replaced, state.document.document_id], transaction)

    def refuse(self, record: Record, error: InvalidRecord, stage: Stage, transaction: TriageTransaction) -> None:
        """Makes a ticket's dead letter."""
        topic, now_ms, foreign = self._settings.topics.dead_letters, self._clock.now_ms(), self._settings.foreign
        travelling = replace(record, headers=self._tracing.headers(record))
        letter = dead_letter_of(
            travelling, error.reason, error.detail, stage, topic=topic, now_ms=now_ms, foreign=foreign
        )
        if self._settings.redact is not None:  # the ticket as it came must not leave its topic
            letter = without_content(letter) or letter
        transaction.outgoing.append(letter)
        transaction.ticket_done(record, "dead_letter", error.reason)

    def _check_record_can_be_made(self, state: TicketState, playbook: Playbook) -> None:
        """Makes a ticket's record as a rehearsal: if that raises, its bytes are still here for a dead letter."""
        make_record(state, playbook, revision=state.revision + 1, now_ms=self._clock.now_ms())

    def _opened(self, record: Record, ticket: Ticket, text: TicketText, revision: int) -> TicketState:
        now_ms = self._clock.now_ms()
        document_id = document_id_of(text.sha256, record.partition.number, self._settings.partitions())
        return TicketState(
            ticket_id=ticket.ticket_id,
            facts=TicketFacts.of(ticket, text_tests_holding(self._playbook, text.text)),
            created_ms=None if ticket.created_at is None else to_milliseconds(ticket.created_at),
            # Some clients send negative timestamps, or microseconds.
            received_ms=record.timestamp_ms
            if (record.timestamp_ms or -1) >= 0 and calendar_time(record.timestamp_ms)
            else None,
            asked_ms=now_ms,
            document=DocumentRead(
                document_id=document_id, sha256=text.sha256, from_html=text.from_html, cut=list(text.cut)
            ),
            playbook=self._playbook.sha256,
            due_ms=now_ms + round(self._playbook.deadline_seconds * 1000),
            is_open=True,
            revision=revision,
            replaced=[],
            outcomes={},
            trace_context=dict(self._tracing.context(record)),
        )

    def _ask(
        self, number: int, state: TicketState, ticket: Ticket, text: TicketText, transaction: TriageTransaction
    ) -> None:
        """Publishes the document and every question about it, and opens the ticket."""
        topics, record = self._settings.topics, self._settings.writer.record
        document_id = state.document.document_id
        title = ticket.subject if ticket.subject.strip() else None
        document = Document(document_id=document_id, text=text.text, title=title)
        key = document_id.encode()
        asked_at = to_datetime(state.asked_ms)
        source, trace = self._settings.source, state.trace_headers
        headers = event_headers(document, document_id, source, asked_at, *trace)
        outgoing = [record(topics.documents, key, document, headers, number)]
        for question in field_questions(state.ticket_id, text.sha256, self._playbook):
            event = question_event(
                question,
                self._playbook.fields[question.field],
                ticket_id=state.ticket_id,
                document_id=document_id,
                text_sha256=text.sha256,
            )
            headers = event_headers(event, question.question_id, source, asked_at, *trace)
            outgoing.append(record(topics.questions, key, event, headers, number))
        self._check_record_can_be_made(state, self._playbook)
        transaction.put(number, state)
        transaction.keep_playbook(number)
        transaction.outgoing.extend(outgoing)

    def _delete_documents(self, number: int, document_ids: Iterable[str], transaction: TriageTransaction) -> None:
        """Deletes those of these documents that no ticket has."""
        topic = self._settings.topics.documents
        for document_id in dict.fromkeys(document_ids):
            if transaction.tickets_with(number, document_id) == 0:
                transaction.outgoing.append(Outgoing(topic, document_id.encode(), None, partition=number))

    def _apply_outcome(self, number: int, read: ReadOutcome, transaction: TriageTransaction) -> None:
        state = transaction.ticket(number, read.ticket_id)
        if state is None:
            return
        playbook = transaction.playbook(number, state.playbook)
        questions = field_questions(read.ticket_id, state.document.sha256, playbook)
        if all(read.question_id != question.question_id for question in questions):
            return  # It is about a text that the ticket no longer has.
        known = state.outcomes.get(read.question_id)
        if known is not None and (known.is_answer or not read.outcome.is_answer):
            return
        outcomes = {**state.outcomes, read.question_id: read.outcome}
        transaction.put(number, state.model_copy(update={"outcomes": outcomes}), is_news=True)

    def _decide(self, number: int, state: TicketState, transaction: TriageTransaction) -> None:
        """Closes a ticket with the next revision of its record; without one where none can be made any more."""
        now_ms = self._clock.now_ms()
        due_ms = now_ms + round(self._settings.keep_seconds * 1000)
        read, triage = make_best_record(state, transaction.playbook(number, state.playbook), now_ms=now_ms)
        revision = state.revision if triage is None else triage.revision
        kind = "failed"
        if triage is not None:
            event_id, source = record_id(state.ticket_id, revision), self._settings.source
            headers = event_headers(triage, event_id, source, triage.times.decided_at, *state.trace_headers)
            topic, key = self._settings.topics.triage, state.ticket_id.encode()
            transaction.outgoing.append(self._settings.writer.record(topic, key, triage, headers))
            kind = "corrected" if not state.is_open else "complete" if triage.complete else "timed_out"
            transaction.counts.update(("fields", result.status) for result in triage.fields.values())
            if state.is_open and state.received_ms is not None:
                transaction.ages_ms.append(max(0, now_ms - state.received_ms))
        transaction.counts["records", kind] += 1
        transaction.put(number, read.model_copy(update={"revision": revision, "is_open": False, "due_ms": due_ms}))


def _earlier_documents(before: TicketState, document_id: str) -> list[str]:
    """Returns the documents of a ticket's earlier texts, without the one that it has now, the latest last."""
    latest_first = dict.fromkeys(reversed([*before.replaced, before.document.document_id]))
    return [earlier for earlier in reversed(latest_first) if earlier != document_id]
