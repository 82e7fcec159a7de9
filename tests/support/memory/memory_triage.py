"""The whole triage stream over a broker in memory; a test itself answers its questions.

Real: everything of the triage stream. Not real: the broker (a fake with a contract suite of its own), the consumers,
whose answers a test writes, and time.
"""

from __future__ import annotations

import json
from collections import defaultdict
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any

from spanstream.consumer.answering.outcomes import dead_letter_of
from spanstream.consumer.broker.memory.clients import MemoryConsumer
from spanstream.consumer.broker.protocols import Headers, Outgoing, Partition, Record
from spanstream.consumer.delivery.group_member import BrokerClients
from spanstream.consumer.formats.event_formats import EventFormats
from spanstream.consumer.settings import CircuitSettings, KafkaSettings, Settings, TopicSettings, TriageSettings
from spanstream.consumer.settings.privacy import RedactionSettings
from spanstream.consumer.tracing.tracing import Tracing
from spanstream.consumer.triage.playbook.load import parse_playbook
from spanstream.consumer.triage.service import TriageService
from spanstream.consumer.triage.state.ticket_state import TicketState, decode_state, ticket_key
from spanstream.consumer.triage.wiring import TriageApplication, build_triage
from spanstream.schemas.answer_parts import ModelInfo, Span, WindowsRead
from spanstream.schemas.codec import decode_document, decode_question, decode_triage, encode
from spanstream.schemas.dead_letters import Reason, Stage
from spanstream.schemas.events import Answer, Question
from spanstream.schemas.limits import Limits
from spanstream.schemas.playbook import Playbook
from spanstream.schemas.triage import Triage
from tests.support.memory.stream_under_test import FakeTimePoller, StreamUnderTest

TOPICS = TopicSettings()
GROUP = TriageSettings().group_id
PATIENT_CIRCUIT = CircuitSettings(max_share=1.0)
DEADLINE, KEEP = 60.0, 600.0
PLAYBOOK = """
playbook: small
version: "{version}"
deadline_seconds: 60
fields:
  product:
    questions: [Which product?, What is it about?]
    min_confidence: 0.5
  error:
    questions: [Which error?]
    min_confidence: 0.5
    if_missing: {{ask: What do you see?}}
routes:
  - {{route: vip, because: the customer is one, when: {{ticket: attributes.plan, equals: gold}}}}
  - {{route: defects, because: there is an error, when: {{field: error, missing: false}}}}
  - {{route: general, because: nothing else fits}}
priorities:
  - {{priority: normal, because: nothing says otherwise}}
"""
# How many questions it asks.
QUESTIONS = 3
TEXT = "FXP-4107 stops the export."
MODEL = ModelInfo(name="m", version="1", precision="int8", calibration="c")


@lru_cache
def small_playbook(version: str = "1") -> Playbook:
    return parse_playbook(PLAYBOOK.format(version=version), "small")


@dataclass
class TriageMember:
    """One running member."""

    application: TriageApplication
    consumer: MemoryConsumer

    @property
    def service(self) -> TriageService:
        return self.application.service

    def turn(self, times: int = 1) -> None:
        for _ in range(times):
            self.service.turn()

    def metric(self, name: str, **labels: str) -> float:
        return self.application.metrics.registry.get_sample_value(f"spanstream_triage_{name}", labels) or 0.0


@dataclass
class MemoryTriage(StreamUnderTest[TriageMember]):
    """The triage group: all topics, a clock and the members that were started."""

    all_topics = tuple(TOPICS.model_dump().values())
    kafka: KafkaSettings = field(default_factory=KafkaSettings)
    tracing: Tracing | None = None

    def start(
        self,
        playbook: Playbook | None = None,
        circuit: CircuitSettings = PATIENT_CIRCUIT,
        drain_seconds: float = 1.0,
        formats: EventFormats | None = None,
        redaction: RedactionSettings | None = None,
        **triage: Any,
    ) -> TriageMember:
        consumer = self.broker.consumer(GROUP, group_protocol=self.group_protocol)
        publisher = self.broker.publisher(consumer, transactions=self.transactions)
        clients: Any = BrokerClients(
            FakeTimePoller(consumer, self.clock), FakeTimePoller(self.broker.reader(), self.clock), publisher
        )
        settings = Settings(
            kafka=self.kafka.model_copy(update={"transactions": self.transactions}),
            circuit=circuit,
            triage=TriageSettings(**({"keep_seconds": KEEP} | triage)),
            drain_seconds=drain_seconds,
            redaction=redaction or RedactionSettings(),
        )
        application = build_triage(
            settings,
            playbook or small_playbook(),
            open_clients=lambda _: clients,
            formats=formats,
            clock=self.clock,
            tracing=self.tracing,
        )
        member = TriageMember(application, consumer)
        self.members.append(member)
        application.service.start()
        return member

    # What goes in.

    def ticket(self, ticket_id: str, body: str, headers: Headers = (), **fields: Any) -> None:
        event = {"ticket_id": ticket_id, "subject": "", "body": body, **fields}
        self.send(Outgoing(TOPICS.tickets, ticket_id.encode(), json.dumps(event).encode(), headers))

    def send_raw(self, topic: str, key: bytes, value: bytes) -> None:
        self.send(Outgoing(topic, key, value))

    def answer(self, record: Record, text: str | None = None, confidence: float = 0.9) -> None:
        """As a consumer would: keyed as its question. Without a text, the first word of the document."""
        question, words = self.question(record), self.text_of(record).split()
        quoted = text or (words[0] if words else "")
        start = self.text_of(record).find(quoted)
        span = Span(text=quoted, char_start=start, char_end=start + len(quoted)) if quoted else None
        answer = Answer(
            question_id=question.question_id,
            document_id=question.document_id,
            document_sha256=question.document_sha256 or "0" * 64,
            status="answered" if span and confidence >= (question.min_confidence or 0) else "no_answer",
            answer=span if span and confidence >= (question.min_confidence or 0) else None,
            candidate=span,
            confidence=confidence,
            null_score_diff=-1.0 if span else None,
            windows=WindowsRead(total=1, read=1),
            model=MODEL,
            metadata=question.metadata,
            answered_at=datetime.now(UTC),
        )
        self.send(Outgoing(TOPICS.answers, record.key, encode(answer)))

    def dead_letter(self, record: Record, reason: Reason = Reason.INFERENCE_FAILED) -> None:
        """As a consumer would."""
        now_ms = self.clock.now_ms()
        topic = TOPICS.dead_letters
        self.send(dead_letter_of(record, reason, "as the test wants it", Stage.INFER, topic=topic, now_ms=now_ms))

    def answer_all(self) -> None:
        """Every question that was asked so far, in order."""
        for record in self.questions():
            self.answer(record)

    def ask_about(self, ticket_id: str = "t-1", body: str = TEXT, **fields: Any) -> TriageMember:
        """Sends a ticket and waits until a member, the first one, has asked about it."""
        member = self.members[0] if self.members else self.start()
        before = len(self.questions(ticket_id))
        self.ticket(ticket_id, body, **fields)
        self.until(lambda: len(self.questions(ticket_id)) == before + QUESTIONS)
        return member

    # What came out.

    def questions(self, ticket_id: str | None = None) -> list[Record]:
        records = self.broker.records(TOPICS.questions)
        return [record for record in records if ticket_id in (None, self.question(record).metadata["triage.ticket_id"])]

    def question(self, record: Record) -> Question:
        return decode_question(record.value or b"", Limits())

    def text_of(self, question: Record) -> str:
        """Returns the latest text of a question's document, in the partition where its consumer looks for it."""
        place = (Partition(TOPICS.documents, question.partition.number), question.key)
        records = self.broker.records(TOPICS.documents)
        values = [record.value for record in records if (record.partition, record.key) == place]
        return decode_document(values[-1], Limits()).text if values and values[-1] else ""

    def triages(self) -> dict[str, list[Triage]]:
        by_ticket: dict[str, list[Triage]] = defaultdict(list)
        for record in self.broker.records(TOPICS.triage):
            triage = decode_triage(record.value or b"")
            by_ticket[triage.ticket_id].append(triage)
        return by_ticket

    def latest_state(self, ticket_id: str) -> TicketState:
        """Returns what the state topic says of a ticket."""
        key = ticket_key(ticket_id)
        values = [record.value for record in self.broker.records(TOPICS.triage_state) if record.key == key]
        return decode_state(values[-1] or b"")

    def latest(self, ticket_id: str) -> Triage:
        return max(self.triages()[ticket_id], key=lambda record: record.revision)
