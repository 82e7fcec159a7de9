"""Finds what belongs to documents, tickets and customers, and what stands of it in every topic.

    customers ──> tickets (tickets, dead letters, triage state) ──> documents (state, triage records) ──> texts' hashes
    documents ──> texts' hashes (documents, answers)

Topics are read from their beginnings, with what open and aborted transactions wrote: nothing hides. A record is judged
by its event, whatever form that came in; where there is none, as it stands.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from spanstream.consumer.broker.protocols import PartitionReader, Record, TopicSpec
from spanstream.consumer.broker.reading import read_topic
from spanstream.consumer.clock import Clock
from spanstream.consumer.formats.event_formats import EventFormats
from spanstream.consumer.operations.erasure.requests import ErasureRequest
from spanstream.consumer.operations.erasure.standing import ErasureTopic, Standing, key_kinds
from spanstream.consumer.operations.erasure.subjects import KnownIds, Subjects, json_event, texts_of
from spanstream.consumer.replay.ledger import parking_of
from spanstream.consumer.settings import TopicSettings
from spanstream.consumer.triage.state.ticket_state import is_ticket
from spanstream.schemas.dead_letters import from_headers
from spanstream.schemas.errors import InvalidRecord
from spanstream.schemas.events import Answer, Document, Question
from spanstream.schemas.feedback import Feedback
from spanstream.schemas.triage import AnyEvent, Ticket, Triage

PATIENCE_SECONDS = 60.0


@dataclass(slots=True)
class ErasureSearch:
    """Reads the topics.

    Attributes:
        reader: made for this; it sees uncommitted records.
        specs: the topics that exist, as Kafka describes them.
        topics: their names.
        formats: reads the records; waits for its own translators.
        clock: measures how long Kafka is silent.
        shared: documents of erased tickets that other tickets have too, after `resolve`; they are not erased.
    """

    reader: PartitionReader
    specs: Mapping[str, TopicSpec]
    topics: TopicSettings
    formats: EventFormats
    clock: Clock
    shared: frozenset[str] = frozenset()
    _documents: set[str] = field(default_factory=set)
    _tickets: set[str] = field(default_factory=set)
    _texts: set[str] = field(default_factory=set)

    def resolve(self, request: ErasureRequest) -> Subjects:
        """Returns the tickets of the customers, the documents of the tickets, and the texts of the documents.

        Raises:
            Retryable: Kafka did not answer in time.
            Stop: it refuses.
        """
        self._documents, self._tickets = set(request.documents), set(request.tickets)
        if request.tickets or request.customers:
            self._find_tickets(request.customers)
            self._find_documents(request)
        for record in self._read(self.topics.documents):
            if record.key is not None and record.key.decode(errors="replace") in self._documents:
                self._texts |= texts_of(json_event(record.value))
        for record in self._read(self.topics.answers):
            event = json_event(record.value)
            for quoted in _quotes_of(event):
                if quoted.get("document_id") in self._documents:
                    self._texts.add(str(quoted.get("document_sha256")))
        ids = (KnownIds(frozenset(self._documents)), KnownIds(frozenset(self._tickets)))
        return Subjects(*ids, frozenset(self._texts))

    def stand(self, subjects: Subjects) -> list[Standing]:
        """Returns what stands of the subjects, for each of the topics that hold anything.

        Raises:
            Retryable: Kafka did not answer in time.
            Stop: it refuses.
        """
        found = []
        for name, kind in key_kinds(self.topics).items():
            if name in self.specs:
                standing = Standing(ErasureTopic(self.specs[name], kind))
                for record in self._read(name):
                    standing.take(record, subjects)
                found += [standing] if standing.records else []
        return found

    def _find_tickets(self, customers: frozenset[str]) -> None:
        """Finds the customers' tickets, in the topics where tickets stand as they came."""
        if not customers:
            return
        dead_letters = self.topics.dead_letters
        for name in (self.topics.tickets, dead_letters, parking_of(dead_letters)):
            for record in self._read(name):
                event = json_event(record.value)
                if event.get("customer") in customers and isinstance(event.get("ticket_id"), str):
                    self._tickets.add(event["ticket_id"])

    def _find_documents(self, request: ErasureRequest) -> None:
        """Finds the documents of the tickets, those that other tickets have too left out."""
        holders: dict[str, set[str]] = defaultdict(set)
        states: dict[bytes, tuple[str, set[str]]] = {}
        for record in self._read(self.topics.triage_state):
            if record.key is None or not is_ticket(record.key):
                continue
            states.pop(record.key, None)
            event = json_event(record.value)
            if not event:
                continue
            ticket_id = str(event.get("ticket_id"))
            if event.get("facts", {}).get("customer") in request.customers:
                self._tickets.add(ticket_id)
            states[record.key] = (ticket_id, {*_document_of(event), *event.get("replaced", ())})
            for document_id in states[record.key][1]:
                holders[document_id].add(ticket_id)
        for record in self._read(self.topics.triage):
            event = json_event(record.value)
            for document_id in _document_of(event):
                holders[document_id].add(str(event.get("ticket_id")))
        erased = {document_id for document_id, tickets in holders.items() if tickets & self._tickets}
        needed = {
            document_id
            for ticket_id, documents in states.values()
            for document_id in documents
            if ticket_id not in self._tickets
        }
        self.shared = frozenset((erased & needed) - request.documents)
        self._documents |= erased - self.shared

    def _read(self, name: str) -> Iterator[Record]:
        if name in self.specs:
            for record in read_topic(self.reader, name, clock=self.clock, patience_seconds=PATIENCE_SECONDS):
                yield self._translated(record)

    def _translated(self, record: Record) -> Record:
        """Returns the record with our JSON as its value; one that is no event as it is."""
        try:
            event = self._event_of(record)
            if event is None or record.value is None:
                return record
            return replace(record, value=self.formats.as_json(record, event))
        except InvalidRecord:
            return record

    def _event_of(self, record: Record) -> type[AnyEvent] | None:
        """Tells what stands in a record: in a dead letter, what its first topic holds. None: it was always our JSON."""
        topic, dead_letters = record.partition.topic, self.topics.dead_letters
        if topic in {dead_letters, parking_of(dead_letters)}:
            topic = from_headers(record.headers).topic
        return _events(self.topics).get(topic)


def _events(topics: TopicSettings) -> dict[str, type[AnyEvent]]:
    events: dict[str, type[AnyEvent]] = dict.fromkeys((topics.questions, topics.retries), Question)
    events |= dict.fromkeys((topics.feedback, topics.labels), Feedback)
    return events | {
        topics.documents: Document,
        topics.tickets: Ticket,
        topics.answers: Answer,
        topics.shadow_answers: Answer,
        topics.triage: Triage,
    }


def _quotes_of(answer: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """Yields an answer and its alternatives: each may name a document and its version."""
    yield answer
    others = answer.get("alternatives")
    yield from (other for other in others if isinstance(other, dict)) if isinstance(others, list) else ()


def _document_of(event: Mapping[str, Any]) -> Iterator[str]:
    """Yields the document that a ticket's state or a triage record names."""
    document = event.get("document")
    if isinstance(document, dict) and isinstance(document.get("document_id"), str):
        yield document["document_id"]
