"""What the benchmarks of a running consumer share: a real broker, the work, fresh topics, and its environment."""

from __future__ import annotations

import contextlib
import os
import tempfile
import uuid
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from spanstream.consumer.broker.kafka.at_least_once import AtLeastOncePublisher
from spanstream.consumer.broker.kafka.topic_admin import TopicAdmin
from spanstream.consumer.operations.publishing import document_record, question_record
from spanstream.consumer.operations.samples import sample_documents, sample_questions
from spanstream.consumer.operations.topics import topic_specs
from spanstream.consumer.settings import HttpSettings, KafkaSettings, Settings, TopicSettings
from spanstream.schemas.codec import decode_document, decode_question, encode
from spanstream.schemas.events import Document, Question
from spanstream.schemas.limits import Limits
from tests.support.kafka.kafka_broker import KafkaBroker

_PARTITIONS = 4


@dataclass(frozen=True, slots=True)
class Workload:
    """Documents, and questions about them."""

    documents: tuple[Document, ...]
    questions: tuple[Question, ...]


def copied_samples(copies: int) -> Workload:
    """Copies the demo's tickets and questions; a first line makes the text of each copy different."""
    limits = Limits()
    tickets = [decode_document(line, limits) for line in sample_documents()]
    questions = [decode_question(line, limits) for line in sample_questions()]
    documents: list[Document] = []
    asked: list[Question] = []
    for copy in range(copies):
        for ticket in tickets:
            name = f"{ticket.document_id}-{copy}"
            documents.append(Document(document_id=name, text=f"Ticket {copy} of the day.\n{ticket.text}"))
        asked += [
            Question(
                question_id=f"{question.question_id}-{copy}",
                question=question.question,
                document_id=f"{question.document_id}-{copy}",
            )
            for question in questions
        ]
    return Workload(tuple(documents), tuple(asked))


@contextlib.contextmanager
def broker() -> Iterator[str]:
    """Yields the address of a broker: of the one that runs, or of a new one."""
    running = os.environ.get("SPANSTREAM_KAFKA__BOOTSTRAP_SERVERS")
    if running:
        yield running
        return
    with tempfile.TemporaryDirectory() as folder:
        broker = KafkaBroker.start(Path(folder))
        try:
            yield broker.bootstrap
        finally:
            broker.stop()


def fresh_settings(bootstrap_servers: str) -> Settings:
    """Makes settings with fresh topics and a fresh group."""
    name = f"bench-{uuid.uuid4().hex[:8]}"
    topics = {role: f"{name}.{role}" for role in TopicSettings.model_fields}
    return Settings.model_construct(
        kafka=KafkaSettings(bootstrap_servers=bootstrap_servers, group_id=name),
        topics=TopicSettings(**topics),
        http=HttpSettings(port=None),
    )


def create_topics(settings: Settings) -> None:
    """Creates the topics, those of a second model too."""
    specs = topic_specs(settings.topics, partitions=_PARTITIONS, replication_factor=1, shadow=True)
    TopicAdmin(settings.kafka).create(specs)


def publish(settings: Settings, work: Workload) -> None:
    """Publishes the documents, then the questions, to fresh topics."""
    create_topics(settings)
    publisher = AtLeastOncePublisher(settings.kafka)
    limits, topics = settings.limits, settings.topics
    publisher.publish([document_record(encode(document), topics.documents, limits) for document in work.documents], {})
    publisher.publish([question_record(encode(question), topics.questions, limits) for question in work.questions], {})
    publisher.close()


def environment_of(settings: Settings, more: Mapping[str, str]) -> dict[str, str]:
    """Returns the environment of a consumer with these settings, and more of them."""
    return {
        **os.environ,
        "SPANSTREAM_KAFKA__BOOTSTRAP_SERVERS": settings.kafka.bootstrap_servers,
        "SPANSTREAM_KAFKA__GROUP_ID": settings.kafka.group_id,
        "SPANSTREAM_HTTP__PORT": "null",
        "SPANSTREAM_LOG__LEVEL": "error",
        **{f"SPANSTREAM_TOPICS__{role.upper()}": name for role, name in settings.topics.model_dump().items()},
        **more,
    }
