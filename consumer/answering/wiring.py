"""The composition root: builds a consumer and all its parts out of the settings."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass, replace

from spanstream.consumer.answering.answer import Answerer
from spanstream.consumer.answering.committer import Committer
from spanstream.consumer.answering.documents import Documents
from spanstream.consumer.answering.intake import Intake
from spanstream.consumer.answering.open_collections import open_collection_reader, open_retriever
from spanstream.consumer.answering.open_reader import open_reader
from spanstream.consumer.answering.outcomes import Outcomes
from spanstream.consumer.answering.parts import AnsweringParts
from spanstream.consumer.answering.pipeline import Pipeline
from spanstream.consumer.answering.prepare import Preparer
from spanstream.consumer.answering.report import Reporter
from spanstream.consumer.answering.retrieve import CollectionResolver
from spanstream.consumer.answering.service import AnsweringService
from spanstream.consumer.answering.shadow.opening import open_shadow
from spanstream.consumer.broker.kafka.at_least_once import AtLeastOncePublisher
from spanstream.consumer.broker.kafka.group_consumer import KafkaGroupConsumer
from spanstream.consumer.broker.kafka.partition_reader import KafkaPartitionReader
from spanstream.consumer.broker.kafka.publisher import open_publisher
from spanstream.consumer.broker.protocols import GroupConsumer, PartitionReader, Publisher
from spanstream.consumer.cache.asked_texts import AskedTexts
from spanstream.consumer.cache.byte_store import ByteStore
from spanstream.consumer.cache.opening import open_cache, open_store
from spanstream.consumer.cache.token_cache import CacheCounts, TokenCache
from spanstream.consumer.clock import Clock, SystemClock
from spanstream.consumer.delivery.circuit import Circuit
from spanstream.consumer.delivery.lag import Lag
from spanstream.consumer.delivery.partition_counts import PartitionCounts
from spanstream.consumer.delivery.rewinds import Rewinds
from spanstream.consumer.delivery.start_offsets import StartOffsets
from spanstream.consumer.drift.opening import open_drift_watch
from spanstream.consumer.formats.event_formats import EventFormats
from spanstream.consumer.formats.event_writer import EventWriter
from spanstream.consumer.formats.opening import open_formats, open_writer
from spanstream.consumer.health import Health
from spanstream.consumer.http import HttpServer, serve_http
from spanstream.consumer.metrics import Metrics
from spanstream.consumer.passages.recall_sample import RecallSample
from spanstream.consumer.passages.retrieval import Retriever
from spanstream.consumer.settings import Settings
from spanstream.consumer.tracing.opening import open_tracing
from spanstream.consumer.tracing.tracing import Tracing
from spanstream.models.reader import Reader
from spanstream.models.text.tokenization import TokenizedDocument
from spanstream.schemas.events import Answer
from spanstream.schemas.foreign_headers import foreign_headers


@dataclass(frozen=True, slots=True)
class BrokerClients:
    """The clients that a group member has at its broker; `shadow_publisher` only where a second model is tried."""

    consumer: GroupConsumer
    documents: PartitionReader
    publisher: Publisher
    shadow_publisher: Publisher | None = None


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


def open_kafka_clients(settings: Settings) -> BrokerClients:
    """Opens the Kafka clients of a group member."""
    kafka = settings.kafka
    consumer = KafkaGroupConsumer(kafka)
    return BrokerClients(consumer, KafkaPartitionReader(kafka), open_publisher(kafka, consumer))


def open_answering_clients(settings: Settings) -> BrokerClients:
    """Opens the Kafka clients of a consumer: also one for a second model's answers, where one is tried."""
    shadow_publisher = AtLeastOncePublisher(settings.kafka) if settings.model.shadow else None
    return replace(open_kafka_clients(settings), shadow_publisher=shadow_publisher)


def start_offsets(clients: BrokerClients, settings: Settings, followed_topic: str) -> StartOffsets:
    """Returns what asks for the group's offsets; the followed topic is read from its beginning."""
    return StartOffsets(
        clients.consumer,
        clients.documents,
        auto_offset_reset=settings.kafka.auto_offset_reset,
        followed_topic=followed_topic,
    )


def open_preparer(  # noqa: PLR0913, PLR0917  what a chunk is prepared with
    settings: Settings,
    formats: EventFormats,
    reader: Reader,
    documents: Documents,
    collections: CollectionResolver,
    cache: TokenCache[TokenizedDocument],
    outcomes: Outcomes,
    clock: Clock,
) -> Preparer:
    """Returns what prepares chunks as large as the settings allow."""
    return Preparer(
        reader,
        documents,
        collections,
        cache,
        outcomes,
        formats=formats,
        max_windows=settings.chunk.max_windows,
        max_bytes=settings.chunk.max_bytes,
        clock=clock,
    )


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
    manifest, metrics = reader.artifact.manifest, Metrics()
    precision = reader.backends.choose(0).precision
    metrics.runs(model=manifest.name, model_version=manifest.version, precision=precision)
    store = None if cache else open_store(settings.redis, metrics.cache)
    cache = cache or open_cache(settings, reader, store)
    formats = formats or open_formats(settings)
    clients = connect(settings)
    writer = open_writer(settings, Answer)
    shadow = open_shadow(settings, clients.shadow_publisher, reader, writer, metrics.shadow, clock)
    forgetting = (cache.forget, reader.forget, *((shadow.forget,) if shadow else ()))
    retriever = retriever or open_retriever(settings.index, clock)
    documents = _documents(settings, formats, clients.documents, forgetting, clock)
    outcomes = _outcomes(settings, reader, writer, clock, tracing)
    watch = open_drift_watch(settings.drift, reader, metrics.registry)
    reporter = Reporter(metrics, _LiveFigures(reader, cache, documents), clock, tracing, watch)
    health = Health(clock, stuck_seconds=settings.http.stuck_seconds)
    committer = Committer(
        clients.publisher,
        documents,
        outcomes,
        circuit=_circuit(settings),
        reporter=reporter,
        health=health,
        clock=clock,
    )
    collection_reader = open_collection_reader(settings, reader)
    recall = RecallSample(settings.index.recall_sample, metrics.retrieval.recall.observe)
    resolver = CollectionResolver(
        retriever, documents, collection_reader, outcomes, metrics=metrics.retrieval, clock=clock, recall=recall
    )
    preparer = open_preparer(settings, formats, reader, documents, resolver, cache, outcomes, clock)
    pipeline = Pipeline(Answerer(reader, collection_reader, outcomes, cache).answer, pool)
    intake = Intake(
        documents=documents, preparer=preparer, pipeline=pipeline, reporter=reporter, settings=settings, clock=clock
    )
    parts = AnsweringParts(
        consumer=clients.consumer,
        partition_counts=PartitionCounts(clients.documents, settings.topics.consumed, clock),
        start_offsets=start_offsets(clients, settings, settings.topics.documents),
        rewinds=Rewinds(metrics.records.rewinds.inc),
        committer=committer,
        documents=documents,
        intake=intake,
        pipeline=pipeline,
        writer=writer,
        reporter=reporter,
        lag=Lag(metrics.work.lag, clients.consumer, clients.documents, clock),
        health=health,
        clock=clock,
        shadow=shadow,
    )
    service = AnsweringService(parts, settings)
    return Application(service, health, metrics, cache, reader, store, settings, tracing, retriever)


def _documents(
    settings: Settings,
    formats: EventFormats,
    reader: PartitionReader,
    forgetting: Sequence[Callable[[str], None]],
    clock: Clock,
) -> Documents:
    def forget(text_sha256: str) -> None:
        for forget_text in forgetting:
            forget_text(text_sha256)

    return Documents(
        reader,
        settings.topics.documents,
        formats=formats,
        memory_bytes=settings.documents.memory_bytes,
        read_seconds=settings.documents.read_seconds,
        circuit=_circuit(settings),
        clock=clock,
        asked=AskedTexts(forget, settings.cache.memory_bytes),
        watches_all=settings.index.uri is not None,
    )


def _outcomes(settings: Settings, reader: Reader, writer: EventWriter, clock: Clock, tracing: Tracing) -> Outcomes:
    return Outcomes(
        settings.topics,
        settings.retries,
        reader.artifact.manifest,
        source=settings.event_source,
        clock=clock,
        writer=writer,
        tracing=tracing,
        foreign=foreign_headers(settings.output.dead_letter_headers, settings.kafka.group_id),
        keeps_open=settings.index.uri is not None and settings.index.open_questions > 0,
    )


def _circuit(settings: Settings) -> Circuit:
    return Circuit(**settings.circuit.model_dump())
