"""The whole feedback loop over a broker in memory.

Real: everything of the feedback. Not real: the broker (a fake with a contract suite of its own), and time.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any

from spanstream.consumer.broker.memory.clients import MemoryConsumer
from spanstream.consumer.broker.partitioner import partition_of
from spanstream.consumer.broker.protocols import Headers, Outgoing, Record
from spanstream.consumer.clock import to_datetime
from spanstream.consumer.delivery.group_member import BrokerClients
from spanstream.consumer.feedback.service import FeedbackService
from spanstream.consumer.feedback.wiring import FeedbackApplication, build_feedback
from spanstream.consumer.formats.event_formats import EventFormats
from spanstream.consumer.settings import (
    CircuitSettings,
    FeedbackSettings,
    KafkaSettings,
    Settings,
    TopicSettings,
)
from spanstream.schemas.answer_parts import Span
from spanstream.schemas.codec import decode_label, encode
from spanstream.schemas.dead_letters import DeadLetter, from_headers
from spanstream.schemas.events import Document
from spanstream.schemas.feedback import WITH_SPAN, Feedback
from tests.support.memory.stream_under_test import FakeTimePoller, StreamUnderTest

TOPICS = TopicSettings()
GROUP = FeedbackSettings().group_id
PATIENT_CIRCUIT = CircuitSettings(max_share=1.0)
TEXT = "The nightly export stops with error FXP-4107 since Tuesday."
QUOTED = "FXP-4107"


def sha256_of(text: str) -> str:
    return Document(document_id="d", text=text).sha256


def span_of(text: str, quoted: str) -> Span:
    start = text.index(quoted)
    return Span(text=quoted, char_start=start, char_end=start + len(quoted))


@dataclass
class FeedbackMember:
    """One running member."""

    application: FeedbackApplication
    consumer: MemoryConsumer

    @property
    def service(self) -> FeedbackService:
        return self.application.service

    def turn(self, times: int = 1) -> None:
        for _ in range(times):
            self.service.turn()

    def metric(self, name: str, **labels: str) -> float:
        return self.application.metrics.registry.get_sample_value(f"spanstream_feedback_{name}", labels) or 0.0

    def promise(self, name: str, promise: str) -> float:
        found = self.application.metrics.registry.get_sample_value(f"spanstream_promise_{name}", {"promise": promise})
        assert found is not None
        return found


@dataclass
class MemoryFeedback(StreamUnderTest[FeedbackMember]):
    """The feedback group: all topics, a clock and the members that were started."""

    all_topics = tuple(TOPICS.model_dump().values())
    given: int = field(default=0)

    def start(
        self,
        circuit: CircuitSettings = PATIENT_CIRCUIT,
        drain_seconds: float = 1.0,
        formats: EventFormats | None = None,
        **settings: Any,
    ) -> FeedbackMember:
        consumer = self.broker.consumer(GROUP, group_protocol=self.group_protocol)
        publisher = self.broker.publisher(consumer, transactions=self.transactions)
        clients: Any = BrokerClients(
            FakeTimePoller(consumer, self.clock), FakeTimePoller(self.broker.reader(), self.clock), publisher
        )
        label_reader: Any = FakeTimePoller(self.broker.reader(), self.clock)
        kafka = KafkaSettings(transactions=self.transactions)
        application = build_feedback(
            Settings(kafka=kafka, circuit=circuit, drain_seconds=drain_seconds, **settings),
            open_clients=lambda _: (clients, label_reader),
            formats=formats,
            clock=self.clock,
        )
        member = FeedbackMember(application, consumer)
        self.members.append(member)
        application.service.start()
        return member

    # What goes in.

    def document(self, document_id: str, text: str | None = TEXT) -> None:
        """Writes a document; without a text, deletes it."""
        value = None if text is None else encode(Document(document_id=document_id, text=text))
        self.send(Outgoing(TOPICS.documents, document_id.encode(), value))

    def feedback(
        self, question_id: str | None, document_id: str | None = "d", text: str = TEXT, **fields: Any
    ) -> Feedback:
        """Returns feedback; each is a second later than the one before."""
        self.given += 1
        verdict = fields.get("verdict", "accepted")
        quoted = fields.pop("quoted", QUOTED)
        event: dict[str, Any] = {
            "question_id": question_id,
            "document_id": document_id,
            "context": text if document_id is None else None,
            "document_sha256": sha256_of(text),
            "question": "Which error?",
            "verdict": verdict,
            "span": span_of(text, quoted) if verdict in WITH_SPAN else None,
            "given_at": to_datetime(self.clock.now_ms() - 1_000_000 + 1000 * self.given),
        }
        return Feedback(**(event | fields))

    def give(self, feedback: Feedback, headers: Headers = ()) -> Feedback:
        self.send(Outgoing(TOPICS.feedback, feedback.record_key.encode(), encode(feedback), headers))
        return feedback

    def say(self, question_id: str, document_id: str | None = "d", **fields: Any) -> Feedback:
        return self.give(self.feedback(question_id, document_id, **fields))

    def send_raw(self, key: bytes | None, value: bytes | None) -> None:
        self.send(Outgoing(TOPICS.feedback, key, value))

    # What came out.

    def label_records(self) -> list[Record]:
        return self.broker.records(TOPICS.labels)

    def labels(self) -> dict[str, Feedback]:
        """Returns the labels that stand, by key."""
        standing: dict[tuple[int, bytes], Record] = {}
        for record in self.label_records():
            place = (record.partition.number, record.key or b"")
            standing.pop(place, None)
            if record.value is not None:
                standing[place] = record
        labels = {}
        for (number, key), record in standing.items():
            label = decode_label(record.value or b"")
            assert key == label.label_key.encode()
            assert number == partition_of(label.record_key.encode(), self.partitions)
            labels[key.decode()] = label
        assert len(labels) == len(standing)
        return labels

    def verdicts(self) -> dict[str, str]:
        return {key: label.verdict for key, label in self.labels().items()}

    def letters(self) -> list[DeadLetter]:
        return [from_headers(record.headers) for record in self.broker.records(TOPICS.dead_letters)]

    def reasons(self) -> list[str]:
        return [str(letter.reason) for letter in self.letters()]

    def settle(self) -> None:
        """Lets the members take turns until everything that was sent is consumed and committed."""
        self.until(self.is_settled)
        for _ in range(30):
            for member in self.members:
                member.turn()

    def is_settled(self) -> bool:
        committed = self.broker.committed(GROUP)
        topic = self.broker.topic(TOPICS.feedback)
        return all(committed.get(log.partition, 0) >= log.end for log in topic.logs)


def as_json(feedback: Feedback) -> dict[str, Any]:
    return dict(json.loads(encode(feedback)))
