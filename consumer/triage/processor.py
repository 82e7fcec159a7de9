"""What a record or a deadline changes: the rules of the stream, with neither Kafka nor waiting in them.

    ticket ──────────> document, questions; the ticket is open
    answer, letter ──> an outcome; with the last one, or a late one, a triage record (the next revision)
    deadline ────────> a record of what there is; long after it the ticket is forgotten, and its document deleted

Everything can come twice and changes nothing then: a ticket with the same content, an answer that is known.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from spanstream.consumer.answering.outcomes import dead_letter_of
from spanstream.consumer.broker.protocols import Outgoing, Record
from spanstream.consumer.clock import Clock, to_datetime
from spanstream.consumer.settings import TopicSettings
from spanstream.consumer.triage.gather import QuestionOutcome
from spanstream.consumer.triage.questions import asked_of, document_id_of, may_be_ours, question_of, ticket_asked_about
from spanstream.consumer.triage.record import is_complete, record_id, triage_of
from spanstream.consumer.triage.state import TicketFacts, TicketState
from spanstream.consumer.triage.text.ticket_text import TicketText, text_of
from spanstream.consumer.triage.transaction import TriageTransaction
from spanstream.schemas.cloudevents import event_headers
from spanstream.schemas.codec import check_key, decode_answer, decode_question, decode_ticket, encode
from spanstream.schemas.dead_letters import Stage, from_headers
from spanstream.schemas.errors import InvalidRecord
from spanstream.schemas.events import Document
from spanstream.schemas.limits import Limits
from spanstream.schemas.playbook import Playbook
from spanstream.schemas.triage import DocumentRead, Ticket


@dataclass(frozen=True, slots=True)
class Deployment:
    """Where and how a desk works.

    Attributes:
        source: CloudEvents source of what it writes.
        partitions: of each of the topics.
        keep_seconds: a decided ticket is known for so long: for late answers, and to recognise it when it comes again.
    """

    topics: TopicSettings
    limits: Limits
    source: str
    partitions: int
    keep_seconds: float


class TicketProcessor:
    """Applies records and deadlines to drafts."""

    def __init__(self, playbook: Playbook, at: Deployment, clock: Clock) -> None:
        self._playbook = playbook
        self._at = at
        self._clock = clock

    def take(self, record: Record, draft: TriageTransaction) -> None:
        """A record of one of the consumed topics; another program's are passed over."""
        topics = self._at.topics
        if record.partition.topic == topics.tickets:
            self._ticket(record, draft)
        elif may_be_ours(record.value):
            (self._answer if record.partition.topic == topics.answers else self._letter)(record, draft)

    def due(self, number: int, ticket_id: str, draft: TriageTransaction) -> None:
        """A ticket's time has come: for its record, or to be forgotten."""
        state = draft.ticket(number, ticket_id)
        if state is None or state.due_ms > self._clock.now_ms():
            return
        if state.is_open:
            self._decide(number, state, draft)
            return
        draft.forget(number, state)
        for document_id in dict.fromkeys([*state.replaced, state.document.document_id]):
            if draft.tickets_with(number, document_id) == 0:
                draft.outgoing.append(Outgoing(self._at.topics.documents, document_id.encode(), None, partition=number))
        draft.counts["tickets", "forgotten"] += 1

    def finish(self, draft: TriageTransaction) -> None:
        """Make the records that are due to what is new in a draft: one for each ticket, however much came."""
        for number, ticket_id in draft.touched:
            state = draft.ticket(number, ticket_id)
            if state is not None and (not state.is_open or is_complete(state, draft.playbook(number, state.playbook))):
                self._decide(number, state, draft)

    def _ticket(self, record: Record, draft: TriageTransaction) -> None:
        try:
            ticket = decode_ticket(record.value or b"", self._at.limits)
            check_key(record.key, ticket.ticket_id, "ticket_id")
            text = text_of(ticket, self._at.limits, self._playbook.keep)
        except InvalidRecord as error:
            topic, now_ms = self._at.topics.dead_letters, self._clock.now_ms()
            letter = dead_letter_of(record, error.reason, error.detail, Stage.DECODE, topic=topic, now_ms=now_ms)
            draft.outgoing.append(letter)
            draft.judged.append(error.reason)
            draft.counts["tickets", "dead_letter"] += 1
            return
        draft.judged.append(None)
        number = record.partition.number
        before = draft.ticket(number, ticket.ticket_id)
        state = self._opened(record, ticket, text, before.revision if before else 0)
        if before is None or (before.document.sha256, before.playbook) != (text.sha256, state.playbook):
            replaced = [*before.replaced, before.document.document_id] if before else []
            self._ask(number, state.model_copy(update={"replaced": replaced}), ticket, text, draft)
            return
        # The same text: what was answered stands; the rules may see it another way.
        told = {"facts": state.facts, "created_ms": state.created_ms, "document": state.document}
        updated = before.model_copy(update=told)
        if updated == before:
            draft.counts["tickets", "repeated"] += 1
        else:
            draft.put(number, updated, is_news=True)
            draft.counts["tickets", "updated"] += 1

    def _opened(self, record: Record, ticket: Ticket, text: TicketText, revision: int) -> TicketState:
        now_ms = self._clock.now_ms()
        document_id = document_id_of(text.sha256, record.partition.number, self._at.partitions)
        return TicketState(
            ticket_id=ticket.ticket_id,
            facts=TicketFacts.of(ticket),
            created_ms=None if ticket.created_at is None else _milliseconds(ticket.created_at),
            received_ms=record.timestamp_ms if (record.timestamp_ms or -1) >= 0 else None,
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
        )

    def _ask(self, number: int, state: TicketState, ticket: Ticket, text: TicketText, draft: TriageTransaction) -> None:
        topics, document_id = self._at.topics, state.document.document_id
        title = ticket.subject if ticket.subject.strip() else None
        document = Document(document_id=document_id, text=text.text, title=title)
        key = document_id.encode()
        headers = event_headers(document, document_id, self._at.source, to_datetime(state.asked_ms))
        draft.outgoing.append(Outgoing(topics.documents, key, encode(document), headers, number))
        for asked in asked_of(state.ticket_id, text.sha256, self._playbook):
            question = question_of(
                asked,
                self._playbook.fields[asked.field],
                ticket_id=state.ticket_id,
                document_id=document_id,
                text_sha256=text.sha256,
            )
            headers = event_headers(question, asked.question_id, self._at.source, to_datetime(state.asked_ms))
            draft.outgoing.append(Outgoing(topics.questions, key, encode(question), headers, number))
        draft.keep_playbook(number)
        draft.put(number, state)
        draft.counts["tickets", "asked"] += 1

    def _answer(self, record: Record, draft: TriageTransaction) -> None:
        try:
            answer = decode_answer(record.value or b"")
        except InvalidRecord:
            return
        outcome = QuestionOutcome.of(
            answer.candidate,
            confidence=answer.confidence,
            null_score_diff=answer.null_score_diff,
            model=answer.model,
        )
        self._outcome(record, answer.question_id, answer.metadata, outcome, draft)

    def _letter(self, record: Record, draft: TriageTransaction) -> None:
        topics = self._at.topics
        try:
            letter = from_headers(record.headers)
            if letter.topic not in {topics.questions, topics.retries}:
                return
            question = decode_question(record.value or b"", self._at.limits)
        except InvalidRecord:
            return
        self._outcome(
            record, question.question_id, question.metadata, QuestionOutcome(dead_letter=letter.reason), draft
        )

    def _outcome(
        self,
        record: Record,
        question_id: str,
        metadata: dict[str, str],
        outcome: QuestionOutcome,
        draft: TriageTransaction,
    ) -> None:
        number, ticket_id = record.partition.number, ticket_asked_about(question_id, metadata)
        state = draft.ticket(number, ticket_id) if ticket_id is not None else None
        if state is None or ticket_id is None:
            return
        playbook = draft.playbook(number, state.playbook)
        if all(question_id != asked.question_id for asked in asked_of(ticket_id, state.document.sha256, playbook)):
            return  # about a text that the ticket no longer has
        known = state.outcomes.get(question_id)
        if known is not None and (known.is_answer or not outcome.is_answer):
            return
        outcomes = {**state.outcomes, question_id: outcome}
        draft.put(number, state.model_copy(update={"outcomes": outcomes}), is_news=True)

    def _decide(self, number: int, state: TicketState, draft: TriageTransaction) -> None:
        """Make the next revision of a ticket's record."""
        now_ms = self._clock.now_ms()
        revision = state.revision + 1
        triage = triage_of(state, draft.playbook(number, state.playbook), revision=revision, now_ms=now_ms)
        event_id = record_id(state.ticket_id, revision)
        headers = event_headers(triage, event_id, self._at.source, triage.times.decided_at)
        draft.outgoing.append(Outgoing(self._at.topics.triage, state.ticket_id.encode(), encode(triage), headers))
        kind = "corrected" if not state.is_open else "complete" if triage.complete else "timed_out"
        draft.counts["records", kind] += 1
        for result in triage.fields.values():
            draft.counts["fields", result.status] += 1
        if state.is_open and state.received_ms is not None:
            draft.ages_ms.append(max(0, now_ms - state.received_ms))
        due_ms = now_ms + round(self._at.keep_seconds * 1000)
        draft.put(number, state.model_copy(update={"revision": revision, "is_open": False, "due_ms": due_ms}))


def _milliseconds(time: datetime) -> int:
    return round(time.timestamp() * 1000)
