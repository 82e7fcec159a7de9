"""The whole consumer over a broker in memory: members that take turns when a test says so, and what came out.

Real: everything of the consumer and of the model's pipeline. Not real: the broker (a fake with a contract suite of its
own), the logits (`fake_reader`), time, and when inference is done.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from spanstream.consumer.answering.service import AnsweringService
from spanstream.consumer.answering.wiring import Application, build
from spanstream.consumer.broker.memory.clients import MemoryConsumer, MemoryPublisher
from spanstream.consumer.broker.protocols import Headers, Outgoing, Publisher, Record
from spanstream.consumer.delivery.group_member import BrokerClients
from spanstream.consumer.formats.event_formats import EventFormats
from spanstream.consumer.health import Health
from spanstream.consumer.metrics import Metrics
from spanstream.consumer.passages.retrieval import Retriever
from spanstream.consumer.settings import ChunkSettings, CircuitSettings, RetrySettings, Settings, TopicSettings
from spanstream.consumer.tracing.tracing import Tracing
from spanstream.models.reader import Reader
from spanstream.schemas.codec import decode_answer
from spanstream.schemas.dead_letters import DeadLetter, from_headers
from spanstream.schemas.events import Answer
from tests.support.memory.fake_time import HandPool
from tests.support.memory.stream_under_test import FakeTimePoller, StreamUnderTest
from tests.support.model.fake_reader import fake_reader

TOPICS = TopicSettings()
GROUP = "spanstream"
# A header of the tests' own: which record an answer or a dead letter is about.
NAME = "test-name"
PATIENT_CIRCUIT = CircuitSettings(max_share=1.0)


@dataclass
class StreamMember:
    """One running consumer."""

    application: Application
    consumer: MemoryConsumer
    publisher: MemoryPublisher
    pool: HandPool

    @property
    def service(self) -> AnsweringService:
        return self.application.service

    @property
    def health(self) -> Health:
        return self.application.health

    @property
    def metrics(self) -> Metrics:
        return self.application.metrics

    def turn(self, times: int = 1) -> None:
        for _ in range(times):
            self.service.turn()

    def metric(self, name: str, **labels: str) -> float:
        return self.metrics.registry.get_sample_value(f"spanstream_{name}", labels) or 0.0


@dataclass
class MemoryStream(StreamUnderTest[StreamMember]):
    """The consumer's group: its topics, a clock and the members that were started."""

    all_topics = (*TOPICS.consumed, TOPICS.answers, TOPICS.dead_letters, TOPICS.open_questions)
    tracing: Tracing | None = None
    shadow_publisher: Publisher | None = None

    def start(
        self,
        *,
        at_once: bool = True,
        reader: Reader | None = None,
        formats: EventFormats | None = None,
        retriever: Retriever | None = None,
        **settings: Any,
    ) -> StreamMember:
        """Returns a new member; `at_once`: its inference takes no time."""
        defaults: dict[str, Any] = {"circuit": PATIENT_CIRCUIT, "chunk": ChunkSettings(max_questions=4)}
        all_settings = Settings(**(defaults | settings))
        from_the_end = all_settings.kafka.auto_offset_reset == "latest"
        consumer = self.broker.consumer(GROUP, group_protocol=self.group_protocol, from_the_end=from_the_end)
        publisher = self.broker.publisher(consumer, transactions=self.transactions)
        clients: Any = BrokerClients(
            FakeTimePoller(consumer, self.clock),
            FakeTimePoller(self.broker.reader(), self.clock),
            publisher,
            self.shadow_publisher,
        )
        pool = HandPool(self.clock, at_once=at_once)
        application = build(
            all_settings,
            connect=lambda _: clients,
            reader=reader or fake_reader(),
            formats=formats,
            clock=self.clock,
            pool=pool,
            tracing=self.tracing,
            retriever=retriever,
        )
        member = StreamMember(application, consumer, publisher, pool)
        self.members.append(member)
        application.service.start()
        return member

    def close(self, member: StreamMember) -> None:
        super().close(member)
        member.application.close()

    # What goes in.

    def document(self, document_id: str, text: str | None, **fields: Any) -> None:
        value = None if text is None else json.dumps({"document_id": document_id, "text": text}).encode()
        self.send(Outgoing(TOPICS.documents, document_id.encode(), value, _named(document_id), **fields))

    def question(
        self, name: str, document_id: str, asked: str = "where from ?", headers: Headers = (), **fields: Any
    ) -> None:
        event = {"question_id": name, "question": asked, "document_id": document_id, **fields}
        value, headers = json.dumps(event).encode(), (*_named(name), *headers)
        self.send(Outgoing(TOPICS.questions, document_id.encode(), value, headers))

    def garbage(self, name: str, key: str = "k", topic: str = TOPICS.questions) -> None:
        self.send(Outgoing(topic, key.encode(), b"\xff not an event", _named(name)))

    # What came out.

    def answers(self) -> list[Answer]:
        return [decode_answer(record.value or b"") for record in self.broker.records(TOPICS.answers)]

    def dead_letters(self) -> dict[str, DeadLetter]:
        """By the name of the record; each must be there once."""
        records = self.broker.records(TOPICS.dead_letters)
        letters = {name_of(record): from_headers(record.headers) for record in records}
        assert len(letters) == len(records), "dead-lettered twice"
        return letters

    def outcomes(self) -> Counter[str]:
        """Returns how often each name came out, as an answer or as a dead letter."""
        letters = [name_of(record) for record in self.broker.records(TOPICS.dead_letters)]
        return Counter([*(answer.question_id for answer in self.answers()), *letters])

    def committed(self, topic: str) -> dict[int, int]:
        return {
            partition.number: offset
            for partition, offset in self.broker.committed(GROUP).items()
            if partition.topic == topic
        }

    def ends(self, topic: str) -> dict[int, int]:
        with self.broker.changed:
            return {log.partition.number: log.end for log in self.broker.topic(topic).logs}

    def turn(self, member: StreamMember) -> None:
        member.pool.work(2)
        super().turn(member)

    def settle(self, names: Iterable[str]) -> None:
        """Waits until all of these came out."""
        wanted = set(names)
        self.until(lambda: wanted <= set(self.outcomes()))


def _named(name: str) -> Headers:
    return ((NAME, name.encode()),)


def name_of(record: Record) -> str:
    return (record.header(NAME) or b"").decode()


def quick_retries(**settings: Any) -> RetrySettings:
    return RetrySettings(**({"delay_seconds": 2.0, "max_attempts": 3} | settings))
