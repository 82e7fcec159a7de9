"""The world that generated records come into: a triage stream that knows some tickets, and a replay with its topics."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Final

from spanstream.consumer.broker.memory.broker import MemoryBroker
from spanstream.consumer.broker.partitioner import partition_of
from spanstream.consumer.broker.protocols import Outgoing, Partition, Record, TopicSpec
from spanstream.consumer.formats.event_formats import EventFormats
from spanstream.consumer.formats.event_writer import EventWriter
from spanstream.consumer.replay.fixes.built_in import (
    DocumentText,
    Fix,
    current_document,
    drop_field,
    re_encode,
    rename_field,
    set_field,
)
from spanstream.consumer.replay.letters.selection import NumberRange, Selection
from spanstream.consumer.replay.planning.destinations import Destinations
from spanstream.consumer.replay.planning.latest_records import LatestRecords
from spanstream.consumer.replay.planning.planner import Planner
from spanstream.consumer.replay.planning.superseding import Superseding
from spanstream.consumer.settings import TopicSettings
from spanstream.consumer.triage.playbook.load import parse_playbook
from spanstream.consumer.triage.processor import ProcessorSettings, TicketProcessor
from spanstream.consumer.triage.state.state_store import StateStore
from spanstream.consumer.triage.state.transaction import TriageTransaction
from spanstream.schemas.codec import decode_question
from spanstream.schemas.events import Document, Question
from spanstream.schemas.limits import Limits
from tests.support.memory.fake_time import FakeClock

TOPICS: Final = TopicSettings()
DEAD_LEDGER: Final = f"{TOPICS.dead_letters}.ledger"
PARKING: Final = f"{TOPICS.dead_letters}.parked"
# Of the tickets that are known already.
SUBJECT, BODY = "Export", "It stops with FXP-4107."
RUN, TOPIC_ID, SHA256 = "run-1", "topic-id", "0123456789abcdef" * 4
DOCUMENT: Final = Document(document_id="d", text="Error FXP-4107.")
"""The one document that stands when the records come."""
PLAYBOOK: Final = parse_playbook(
    r"""
playbook: fuzz
version: "1"
fields:
  error: {questions: [Which error?, What fails?], min_confidence: 0.2, format: {regex: '(?P<value>[A-Z]+-\d+)'}}
  started: {questions: [Since when?], min_confidence: 0.2, format: date}
  version: {questions: [Which version?], min_confidence: 0.2, format: version}
  impact: {questions: [Who is hit?], min_confidence: 0.2, format: {enum: {all: [everybody, all users], one: [just me]}}}
  product: {questions: [Which product?], min_confidence: 0.2, if_missing: {value: unknown, ask: Which one?}}
routes:
  - {route: vip, because: gold, when: {ticket: attributes.plan, matches: 'go+ld'}}
  - {route: defects, because: an error, when: {any: [{field: error, missing: false}, {field: product, contains: [a]}]}}
  - {route: general, because: all}
priorities:
  - {priority: high, because: all are hit, when: {field: impact, equals: all}}
  - {priority: normal, because: all}
""",
    "fuzz",
)
_TEN_YEARS: Final = 10 * 365 * 86_400.0
_ANSWERS: Final = (
    "FXP-4107", "½ hour ago", "it may fail", "yesterday at 25:61", "99999999999999 years ago", "31.02.2026",
    "in 1e9 weeks",
    "v7.4.2", "all users", "everybody, just me", "the export", "Tuesday", "3/0 days ago", "0001-01-01",
    "1.1.1.1.1.1.1.1.1",
)  # fmt: skip


@dataclass
class FuzzScene:
    """What every record comes into; no record changes it.

    Attributes:
        questions: what the triage stream asked about the tickets that it knows.
        triages: triage records, as bytes.
        states: keys and values of the state topic.
    """

    partitions: int = 2
    answers: tuple[str, ...] = _ANSWERS
    limits: Limits = field(default_factory=Limits)
    clock: FakeClock = field(default_factory=FakeClock)
    broker: MemoryBroker = field(default_factory=MemoryBroker)
    questions: list[Question] = field(default_factory=list)
    triages: list[bytes] = field(default_factory=list)
    states: list[tuple[bytes, bytes]] = field(default_factory=list)

    def __post_init__(self) -> None:
        for topic in (*TOPICS.model_dump().values(), DEAD_LEDGER, PARKING):
            self.broker.create_topic(topic, self.partitions)
        settings = ProcessorSettings(
            TOPICS,
            EventFormats(self.limits),
            EventWriter(),
            "spanstream/fuzz",
            lambda: self.partitions,
            keep_seconds=600.0,
        )
        self.processor = TicketProcessor(PLAYBOOK, settings, self.clock)
        self.later_clock = FakeClock(self.clock.now + _TEN_YEARS)
        self.later_processor = TicketProcessor(PLAYBOOK, settings, self.later_clock)
        self.store = self.loaded(*(Partition(TOPICS.triage_state, number) for number in range(self.partitions)))
        for number in range(4):
            self._know(number)
        with self.broker.changed:
            versions = [
                Outgoing(TOPICS.documents, key, value) for key in (b"t-1", b"d") for value in (b"{}", None, b"{}")
            ]
            self.broker.append(versions, transactional=True)

    def loaded(self, *partitions: Partition) -> StateStore:
        """Returns what the state topic holds of these partitions."""
        store = StateStore(self.broker.reader(), keep_seconds=3_600.0, clock=self.clock)
        ends = store.load(partitions)
        while store.behind(ends):
            store.poll(ends, 0.0)
        return store

    def transaction(self, store: StateStore | None = None) -> TriageTransaction:
        """Returns a new transaction."""
        return TriageTransaction(store or self.store, PLAYBOOK)

    def _know(self, number: int) -> None:
        """Takes in a ticket; every other one is decided."""
        ticket_id = f"known-{number}"
        event = {"ticket_id": ticket_id, "subject": SUBJECT, "body": BODY}
        place = Partition(TOPICS.tickets, partition_of(ticket_id.encode(), self.partitions))
        asked = self.transaction()
        record = Record(place, number, ticket_id.encode(), json.dumps(event).encode(), (), self.clock.now_ms())
        self.processor.apply_record(record, asked)
        self.questions += [
            decode_question(outgoing.value or b"", self.limits)
            for outgoing in asked.outgoing
            if outgoing.topic == TOPICS.questions
        ]
        self._keep(asked)
        if number % 2:
            self.clock.sleep(PLAYBOOK.deadline_seconds + 1)
            decided = self.transaction()
            self.processor.apply_deadline(place.number, f"ticket:{ticket_id}".encode(), decided)
            self.triages += [outgoing.value or b"" for outgoing in decided.outgoing if outgoing.topic == TOPICS.triage]
            self._keep(decided)

    def _keep(self, transaction: TriageTransaction) -> None:
        self.store.apply(transaction.changes)
        self.states += [(key, value) for (_, key), value in transaction.changes.items() if value is not None]


def describe(name: str) -> TopicSpec | None:
    """Describes a topic as Kafka would: the documents are compacted, and `nowhere` does not exist."""
    config = {"cleanup.policy": "compact"} if name == TOPICS.documents else {"max.message.bytes": "20000"}
    return None if name == "nowhere" else TopicSpec(name, 2, 1, config)


FIXES: Final[tuple[tuple[Fix, ...], ...]] = (
    (),
    (drop_field("metadata.m0"), rename_field("question=asked")),
    (set_field('metadata.team="a"'), set_field("a.b.c=[1]")),
    (re_encode("latin-1"), drop_field("x")),
    (current_document(lambda _: DocumentText("the text", SHA256)),),
)
SELECTION: Final = Selection(
    reasons=("in*", "B"), topics=("orders", TOPICS.questions), offsets=NumberRange(0, 2**39), since_ms=0,
    headers=(("own", "*"),), detail="a", attempts=NumberRange(0, 3), state=None,
)  # fmt: skip


def planner(scene: FuzzScene, number: int) -> Planner:
    """Returns one of several planners: each has other fixes, and every other one asks what is newer."""
    superseding = Superseding(LatestRecords(scene.broker.reader(), scene.clock, 5.0)) if number % 2 else None
    destinations = Destinations(describe, {DEAD_LEDGER: "its own"})
    return Planner(
        RUN, destinations, PARKING, max_attempts=3, fixes=FIXES[number % len(FIXES)], superseding=superseding,
        to=TOPICS.documents if number % 7 == 0 else None,
    )  # fmt: skip


def outgoing_record(record: Record, outgoing: Outgoing) -> Record:
    """Returns what was sent as a reader of its topic would see it."""
    number = record.partition.number if outgoing.partition is None else outgoing.partition
    return Record(
        Partition(outgoing.topic, number), 7, outgoing.key, outgoing.value, outgoing.headers, 1_790_000_000_000
    )
