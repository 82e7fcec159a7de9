"""The ticket stream against a real broker: topics of one test's own, consumers and triage members as processes."""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from spanstream.consumer.broker.kafka import KafkaPartitionReader, TopicAdmin
from spanstream.consumer.broker.protocols import Outgoing, Partition, Record
from spanstream.consumer.errors import Retryable
from spanstream.consumer.operations.publishing import ticket_record
from spanstream.consumer.operations.topics import topic_specs, triage_topic_specs
from spanstream.consumer.settings import TopicSettings
from spanstream.schemas.codec import decode_document, decode_triage, encode
from spanstream.schemas.limits import Limits
from spanstream.schemas.triage import Ticket, Triage
from tests.support.kafka.program import PATIENCE, Program, until
from tests.support.kafka.read_once import ReadOnce
from tests.support.kafka.stream import Stream

_PRODUCTS = ["Fernhollow Export Server", "Larkspur Sync", "Tidewater CRM", "Quillpad Desktop", "Coppice Backup"]
_SINCE = ["Tuesday night", "2 February", "this morning", "last Thursday", "the update on Sunday"]
_WHO = ["our warehouse", "all users", "the sales team", "two colleagues", "nobody but me"]


def small_tickets(count: int, seed: int) -> list[Ticket]:
    """Tickets of one window each, some of them with the same text as an earlier one; the same on every run."""
    draw = random.Random(seed)  # noqa: S311  no secret
    tickets: list[Ticket] = []
    for number in range(count):
        earlier = draw.choice(tickets) if tickets and draw.random() < 0.1 else None
        product, code = draw.choice(_PRODUCTS), f"E-{draw.randrange(1000, 9999)}"
        body = earlier.body if earlier else (
            f"Hello,\n\n{product} {draw.randrange(1, 9)}.{draw.randrange(20)} stops with error {code} since "
            f"{draw.choice(_SINCE)}. We restarted it. {draw.choice(_WHO).capitalize()} cannot work.\n\nThanks\nAnn\n"
        )  # fmt: skip
        subject = earlier.subject if earlier else f"{product} fails"
        tickets.append(Ticket(ticket_id=f"T-{number}", subject=subject, body=body))
    return tickets


@dataclass
class TriageStream(Stream):
    """All topics, the consumers' group and the triage group."""

    def __post_init__(self) -> None:
        self.topics = TopicSettings(**{role: f"{self.name}.{role}" for role in TopicSettings.model_fields})
        self.settings = {"TRIAGE__GROUP_ID": f"{self.name}.triage", **self.settings}

    def create_topics(self) -> None:
        specs = topic_specs(self.topics, partitions=self.partitions)
        TopicAdmin(self.config).create([*specs, *triage_topic_specs(self.topics, partitions=self.partitions)])

    def start_triage(self, **settings: str) -> Program:
        return self.start("triage", "run", **settings)

    def ticket(self, ticket: Ticket) -> Outgoing:
        return ticket_record(encode(ticket), self.topics.tickets, Limits())

    def triage_lag(self) -> dict[str, int]:
        """Returns the lag of the triage group, for each partition that has any."""
        topics = (self.topics.tickets, self.topics.answers, self.topics.dead_letters)
        lag = TopicAdmin(self.config).lag(f"{self.name}.triage", topics)
        return {str(partition): records for partition, records in lag.items() if records}

    def documents(self) -> dict[str, str]:
        """Returns the texts of the documents by id."""
        texts: dict[str, str] = {}
        for record in self.read(self.topics.documents):
            if record.value is None:
                texts.pop((record.key or b"").decode(), None)
            else:
                document = decode_document(record.value, Limits())
                texts[document.document_id] = document.text
        return texts

    @contextmanager
    def watch_triage(self) -> Iterator[TriageRecords]:
        """Reads the triage records as they come."""
        reader = KafkaPartitionReader(self.config)
        try:
            partitions = reader.partitions(self.topics.triage)
            until(lambda: _have_leaders(reader, partitions), "leaders of the new topic's partitions", every=0.1)
            reader.follow(dict.fromkeys(partitions))
            yield TriageRecords(reader, self)
        finally:
            reader.close()


def _have_leaders(reader: KafkaPartitionReader, partitions: list[Partition]) -> bool:
    try:
        return reader.end_offsets(partitions).keys() == set(partitions)
    except Retryable:
        return False


@dataclass
class TriageRecords:
    """Triage records as a read_committed reader sees them, by ticket, in the order of their arrival."""

    reader: KafkaPartitionReader
    stream: TriageStream
    by_ticket: dict[str, list[Triage]] = field(default_factory=lambda: defaultdict(list))
    raw: list[Record] = field(default_factory=list)
    _once: ReadOnce = field(default_factory=ReadOnce)

    def poll(self) -> int:
        for record in self._once.check(self.reader.poll(1000, 0.05)):
            triage = decode_triage(record.value or b"")
            assert record.key == triage.ticket_id.encode()
            self.raw.append(record)
            self.by_ticket[triage.ticket_id].append(triage)
        return len(self.by_ticket)

    def await_tickets(self, count: int, seconds: float = PATIENCE) -> None:
        """Waits until so many tickets have a record."""

        def enough() -> bool:
            self.stream.check_programs()
            return self.poll() >= count

        until(enough, f"records of {count} tickets", seconds, every=0)

    def await_revision(self, ticket_id: str, revision: int, seconds: float = PATIENCE) -> Triage:
        """Waits until a ticket has this revision."""
        until(
            lambda: self.poll() >= 0 and any(record.revision == revision for record in self.by_ticket[ticket_id]),
            f"revision {revision} of {ticket_id}",
            seconds,
            every=0,
        )
        return next(record for record in self.by_ticket[ticket_id] if record.revision == revision)

    def await_complete(self, ticket_id: str, seconds: float = PATIENCE) -> None:
        """Waits until a ticket's latest record is complete."""
        until(
            lambda: self.poll() >= 0 and bool(self.by_ticket[ticket_id]) and self.by_ticket[ticket_id][-1].complete,
            f"a complete record of {ticket_id}",
            seconds,
            every=0,
        )
