"""The composition root: builds a consumer and all its parts out of the settings."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Executor
from dataclasses import dataclass, replace

from spanstream.consumer.answering.committer import Committer
from spanstream.consumer.answering.documents import Documents
from spanstream.consumer.answering.intake import Intake
from spanstream.consumer.answering.open_collections import open_retriever
from spanstream.consumer.answering.open_reader import open_reader
from spanstream.consumer.answering.outcomes import Outcomes
from spanstream.consumer.answering.parts import AnsweringParts
from spanstream.consumer.answering.pipeline import Pipeline
from spanstream.consumer.answering.report import Reporter
from spanstream.consumer.answering.service import AnsweringService
from spanstream.consumer.answering.shadow.opening import open_shadow
from spanstream.consumer.answering.shadow.shadow import Shadow
from spanstream.consumer.answering.steps import open_steps
from spanstream.consumer.broker.kafka.at_least_once import AtLeastOncePublisher
from spanstream.consumer.cache.asked_texts import AskedTexts
from spanstream.consumer.cache.byte_store import ByteStore
from spanstream.consumer.cache.opening import open_cache, open_store
from spanstream.consumer.cache.token_cache import CacheCounts, TokenCache
from spanstream.consumer.clock import Clock, SystemClock
from spanstream.consumer.delivery.group_member import BrokerClients, OpenedMember, open_kafka_clients
from spanstream.consumer.delivery.lag import Lag
from spanstream.consumer.delivery.rewinds import Rewinds
from spanstream.consumer.drift.opening import open_drift_watch
from spanstream.consumer.formats.event_formats import EventFormats
from spanstream.consumer.formats.opening import open_formats, open_writer
from spanstream.consumer.health import Health
from spanstream.consumer.http import HttpServer, serve_http
from spanstream.consumer.metrics import Metrics
from spanstream.consumer.passages.retrieval import Retriever
from spanstream.consumer.settings import Settings
from spanstream.consumer.tracing.opening import open_tracing
from spanstream.consumer.tracing.tracing import Tracing
from spanstream.models.reader import Reader
from spanstream.models.text.tokenization import TokenizedDocument
from spanstream.schemas.events import Answer
from spanstream.schemas.foreign_headers import foreign_headers


@dataclass(frozen=True, slots=True)
class _LiveFigures:
    reader: Reader
    cache: TokenCache[TokenizedDocument]
    documents: Documents

    @property
    def tokenizations(self) -> CacheCounts:
        return self.cache.counts

    @property
    def cpu_windows_per_second(self) -> float | None:
        return self.reader.backends.cpu_windows_per_second

    @property
    def documents_known(self) -> int:
        return self.documents.known


@dataclass(frozen=True, slots=True)
class Application:
    """A consumer with all its parts; `service.run` does the work."""

    service: AnsweringService
    health: Health
    metrics: Metrics
    cache: TokenCache[TokenizedDocument]
    reader: Reader
    store: ByteStore | None
    settings: Settings
    tracing: Tracing
    retriever: Retriever | None = None

    def serve_http(self) -> HttpServer | None:
        """Serves probes and metrics if a port is set. Raises `Stop` if it is taken."""
        return serve_http(self.settings.http, self.health, self.metrics.registry)

    def close(self) -> None:
        """Closes what the service does not close itself."""
        self.reader.close()
        if self.store is not None:
            self.store.close()
        if self.retriever is not None:
            self.retriever.close()
        self.tracing.close()


def open_answering_clients(settings: Settings) -> BrokerClients:
    """Opens the Kafka clients of a consumer: also one for a second model's answers, where one is tried."""
    shadow_publisher = AtLeastOncePublisher(settings.kafka) if settings.model.shadow else None
    return replace(open_kafka_clients(settings.kafka), shadow_publisher=shadow_publisher)


def build(  # noqa: PLR0913  tests and the demo replace these parts
    settings: Settings,
    *,
    connect: Callable[[Settings], BrokerClients] = open_answering_clients,
    reader: Reader | None = None,
    cache: TokenCache[TokenizedDocument] | None = None,
    formats: EventFormats | None = None,
    clock: Clock | None = None,
    pool: Executor | None = None,
    tracing: Tracing | None = None,
    retriever: Retriever | None = None,
) -> Application:
    """Builds a consumer.

    Args:
        settings: all settings.
        connect: makes the broker clients; other clients run the same consumer on another broker.
        reader: a model that is loaded already, instead of the one that the settings name.
        cache: tokenizations of that model, instead of a new cache in front of Redis.
        formats: reads the records, instead of what the settings say.
        clock: instead of the machine's.
        pool: runs the inference, instead of threads of its own.
        tracing: instead of the one that the settings ask for.
        retriever: searches collections, instead of one that is opened as the settings say.

    Raises:
        Stop: something cannot be opened; the text is one line that says what to do.
    """
    clock = clock or SystemClock()
    reader = reader or open_reader(settings)
    tracing = tracing or open_tracing(settings, settings.kafka.group_id)
    metrics = _metrics(reader)
    store = None if cache else open_store(settings.redis, metrics.cache)
    member = _AnsweringMember(
        settings=settings,
        cache=cache or open_cache(settings, reader, store),
        formats=formats or open_formats(settings),
        clients=connect(settings),
        writer=open_writer(settings, Answer),
        clock=clock,
        health=Health(clock, stuck_seconds=settings.http.stuck_seconds),
        reader=reader,
        metrics=metrics,
        tracing=tracing,
        retriever=retriever or open_retriever(settings.index, clock),
    )
    service = AnsweringService(_parts(member, pool), settings)
    return Application(
        service, member.health, metrics, member.cache, reader, store, settings, tracing, member.retriever
    )


@dataclass(frozen=True, slots=True)
class _AnsweringMember(OpenedMember):
    """What is opened once, and shared by the parts of one consumer."""

    reader: Reader
    cache: TokenCache[TokenizedDocument]
    metrics: Metrics
    tracing: Tracing
    retriever: Retriever | None


def _metrics(reader: Reader) -> Metrics:
    manifest, metrics = reader.artifact.manifest, Metrics()
    precision = reader.backends.choose(0).precision
    metrics.runs(model=manifest.name, model_version=manifest.version, precision=precision)
    return metrics


def _parts(member: _AnsweringMember, pool: Executor | None) -> AnsweringParts:
    settings, clients, metrics, clock = member.settings, member.clients, member.metrics, member.clock
    shadow = open_shadow(settings, clients.shadow_publisher, member.reader, member.writer, metrics.shadow, clock)
    documents = _documents(member, shadow)
    outcomes = _outcomes(member)
    reporter = _reporter(member, documents)
    steps = open_steps(
        settings,
        reader=member.reader,
        cache=member.cache,
        documents=documents,
        formats=member.formats,
        outcomes=outcomes,
        retriever=member.retriever,
        clock=clock,
        metrics=metrics.retrieval,
    )
    pipeline = Pipeline(steps.answerer.answer, pool)
    return AnsweringParts(
        consumer=clients.consumer,
        partition_counts=member.partition_counts(settings.topics.consumed),
        start_offsets=member.start_offsets(settings.topics.documents),
        rewinds=Rewinds(metrics.records.rewinds.inc),
        committer=_committer(member, documents, outcomes, reporter),
        documents=documents,
        intake=Intake(
            documents=documents,
            preparer=steps.preparer,
            pipeline=pipeline,
            reporter=reporter,
            settings=settings,
            clock=clock,
        ),
        pipeline=pipeline,
        writer=member.writer,
        reporter=reporter,
        lag=Lag(metrics.work.lag, clients.consumer, clients.documents, clock),
        health=member.health,
        clock=clock,
        shadow=shadow,
    )


def _documents(member: _AnsweringMember, shadow: Shadow | None) -> Documents:
    settings = member.settings

    def forget(text_sha256: str) -> None:
        member.cache.forget(text_sha256)
        member.reader.forget(text_sha256)
        if shadow is not None:
            shadow.forget(text_sha256)

    return Documents(
        member.clients.documents,
        settings.topics.documents,
        formats=member.formats,
        memory_bytes=settings.documents.memory_bytes,
        read_seconds=settings.documents.read_seconds,
        circuit=member.circuit(),
        clock=member.clock,
        asked=AskedTexts(forget, settings.cache.memory_bytes),
        watches_all=settings.index.uri is not None,
    )


def _outcomes(member: _AnsweringMember) -> Outcomes:
    settings = member.settings
    return Outcomes(
        settings.topics,
        settings.retries,
        member.reader.artifact.manifest,
        source=settings.event_source,
        clock=member.clock,
        writer=member.writer,
        tracing=member.tracing,
        foreign=foreign_headers(settings.output.dead_letter_headers, settings.kafka.group_id),
        keeps_open=settings.index.uri is not None and settings.index.open_questions > 0,
    )


def _reporter(member: _AnsweringMember, documents: Documents) -> Reporter:
    watch = open_drift_watch(member.settings.drift, member.reader, member.metrics.registry)
    figures = _LiveFigures(member.reader, member.cache, documents)
    return Reporter(member.metrics, figures, member.clock, member.tracing, watch)


def _committer(member: _AnsweringMember, documents: Documents, outcomes: Outcomes, reporter: Reporter) -> Committer:
    return Committer(
        member.clients.publisher,
        documents,
        outcomes,
        circuit=member.circuit(),
        reporter=reporter,
        health=member.health,
        clock=member.clock,
    )
