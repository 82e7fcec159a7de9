"""Runs the demo's first part: sample questions through an embedded broker and the real consumer and model.

tickets, questions, one bad record -> embedded broker -> the consumer, as `run` has it -> answers, a dead letter
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from spanstream.consumer.answering.wiring import Application, build
from spanstream.consumer.broker.kafka.at_least_once import AtLeastOncePublisher
from spanstream.consumer.broker.kafka.embedded_broker import EmbeddedBroker
from spanstream.consumer.broker.kafka.partition_reader import KafkaPartitionReader
from spanstream.consumer.broker.protocols import Outgoing
from spanstream.consumer.broker.reading import tail
from spanstream.consumer.demo.embedded_clients import open_embedded_clients
from spanstream.consumer.demo.triage import run_triage, triage_settings
from spanstream.consumer.operations.publishing import document_record, question_record
from spanstream.consumer.operations.samples import sample_documents, sample_questions
from spanstream.consumer.settings import HttpSettings, KafkaSettings, ModelSettings, Settings
from spanstream.consumer.terminal.answer_views import answer_view
from spanstream.consumer.terminal.views import DeadLetterView, DemoSummary, TicketView
from spanstream.schemas.codec import decode_answer, decode_document, decode_question
from spanstream.schemas.dead_letters import from_headers
from spanstream.schemas.events import Answer, Document, Question
from spanstream.schemas.limits import Limits
from spanstream.schemas.triage import Triage

# A question about two things at once: refused by the contract, kept with the reason.
_BAD_QUESTION = b'{"question_id": "q-bad", "question": "Who?", "document_id": "ticket-1001", "context": "Who asked?"}'


@dataclass(frozen=True, slots=True)
class DemoResult:
    """Everything that came out."""

    tickets: tuple[TicketView, ...]
    dead_letters: tuple[DeadLetterView, ...]
    summary: DemoSummary
    triage: tuple[Triage, ...]


def run_stream(model: ModelSettings, started: float) -> DemoResult:
    """Publishes the samples, consumes them, and collects what came out.

    Args:
        model: which model, and how many threads.
        started: when the program started, seconds since the epoch.
    """
    with EmbeddedBroker() as broker:
        settings = _settings(broker.bootstrap_servers, model)
        support = triage_settings(settings)
        broker.create_topics({*settings.topics.model_dump().values(), *support.topics.model_dump().values()})
        _publish(settings)
        application = build(settings, connect=open_embedded_clients)
        asked_at = time.monotonic()
        application.service.run(threading.Event(), once=True)
        seconds = time.monotonic() - asked_at
        reader = KafkaPartitionReader(settings.kafka)
        answers = [decode_answer(record.value or b"") for record in tail(reader, settings.topics.answers)]
        reader.follow({})
        letters = tuple(_letters(reader, settings))
        reader.close()
        triage = tuple(run_triage(support, application))
        application.close()
    limits = Limits()
    documents = [decode_document(line, limits) for line in sample_documents()]
    questions = [decode_question(line, limits) for line in sample_questions()]
    summary = _summary(application, answers, letters, seconds=seconds, started=started)
    return DemoResult(tuple(_tickets(documents, questions, answers)), letters, summary, triage)


def _settings(bootstrap_servers: str, model: ModelSettings) -> Settings:
    """Makes settings of the demo's own: it must run everywhere, whatever the user's are, and touch nothing."""
    return Settings.model_construct(
        kafka=KafkaSettings(
            bootstrap_servers=bootstrap_servers,
            group_id="demo",
            group_protocol="consumer",  # the embedded broker takes three seconds over a classic group
        ),
        http=HttpSettings(port=None),
        model=model,
    )


def _summary(
    application: Application,
    answers: Sequence[Answer],
    letters: Sequence[DeadLetterView],
    *,
    seconds: float,
    started: float,
) -> DemoSummary:
    counts = application.cache.counts
    manifest = application.reader.artifact.manifest
    answered = sum(answer.status == "answered" for answer in answers)
    first = min(answer.answered_at for answer in answers).timestamp()
    return DemoSummary(
        questions=len(sample_questions()) + 1,
        answered=answered,
        declined=len(answers) - answered,
        dead_lettered=len(letters),
        seconds=seconds,
        first_answer_seconds=first - started,
        windows_read=sum(answer.windows.read for answer in answers),
        memory_hits=counts.hits_memory,
        tokenizations=counts.misses,
        model_name=manifest.name,
        model_version=manifest.version,
        precision=answers[0].model.precision,
    )


def _publish(settings: Settings) -> None:
    publisher = AtLeastOncePublisher(settings.kafka)
    topics, limits = settings.topics, settings.limits
    publisher.publish([document_record(line, topics.documents, limits) for line in sample_documents()], {})
    asked = [question_record(line, topics.questions, limits) for line in sample_questions()]
    publisher.publish([*asked, Outgoing(topics.questions, b"ticket-1001", _BAD_QUESTION)], {})
    publisher.close()


def _letters(reader: KafkaPartitionReader, settings: Settings) -> Iterable[DeadLetterView]:
    for record in tail(reader, settings.topics.dead_letters):
        letter = from_headers(record.headers)
        yield DeadLetterView(
            letter.reason, letter.detail, letter.stage, letter.topic, letter.partition, letter.offset,
            record.key, record.value,
        )  # fmt: skip


def _tickets(
    documents: Iterable[Document], questions: Iterable[Question], answers: Iterable[Answer]
) -> Iterable[TicketView]:
    by_question = {answer.question_id: answer for answer in answers}
    for document in documents:
        views = tuple(
            answer_view(question.question, by_question[question.question_id])
            for question in questions
            if question.document_id == document.document_id and question.question_id in by_question
        )
        yield TicketView(document.document_id, document.title or document.document_id, document.text, views)
