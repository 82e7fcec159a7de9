"""Builds a member of the index's group from the settings: its composition root."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from spanstream.consumer.broker.kafka.at_least_once import AtLeastOncePublisher
from spanstream.consumer.broker.kafka.group_consumer import KafkaGroupConsumer
from spanstream.consumer.broker.kafka.partition_reader import KafkaPartitionReader
from spanstream.consumer.broker.protocols import PartitionReader
from spanstream.consumer.clock import Clock, SystemClock
from spanstream.consumer.delivery.group_member import BrokerClients
from spanstream.consumer.formats.event_formats import EventFormats
from spanstream.consumer.formats.opening import open_formats
from spanstream.consumer.health import Health
from spanstream.consumer.http import HttpServer, serve_http
from spanstream.consumer.indexing.batches import BatchBuilder
from spanstream.consumer.indexing.cutting import CutText, DocumentCutter
from spanstream.consumer.indexing.document_tail import DocumentTail
from spanstream.consumer.indexing.generations import CurrentGeneration
from spanstream.consumer.indexing.late.asking import LateDocuments, LateParts
from spanstream.consumer.indexing.late.opening import OpenLateClients, open_late_clients
from spanstream.consumer.indexing.late.watch import LateWatch
from spanstream.consumer.indexing.metrics import IndexMetrics
from spanstream.consumer.indexing.parts import IndexingParts
from spanstream.consumer.indexing.rebuild import Rebuild, RebuildCounts
from spanstream.consumer.indexing.report import IndexReporter
from spanstream.consumer.indexing.service import IndexingService
from spanstream.consumer.indexing.sweeping.sweeps import Sweeps
from spanstream.consumer.indexing.upkeep import Upkeep
from spanstream.consumer.passages.index import PassageIndexes
from spanstream.consumer.passages.opening import open_encoder, open_passage_indexes
from spanstream.consumer.passages.retrieval import Embedder
from spanstream.consumer.settings import Settings
from spanstream.models.text.passages import passages_of


@dataclass(frozen=True, slots=True)
class IndexTools:
    """What passages are made with, and where they are kept.

    Attributes:
        indexes: the generations of the index.
        encoder: makes the vectors.
        cut: cuts a text into passages.
    """

    indexes: PassageIndexes
    encoder: Embedder
    cut: CutText

    def close(self) -> None:
        """Lets go of both."""
        self.encoder.close()
        self.indexes.close()


def open_index_tools(settings: Settings) -> IndexTools:
    """Opens the engine and the encoder of the settings. Raises `Stop` where one of them cannot be used."""
    indexes = open_passage_indexes(settings.index)
    return IndexTools(indexes, open_encoder(settings.index, settings.model.threads), passages_of)


@dataclass(frozen=True, slots=True)
class IndexingApplication:
    """A wired member; `service.run` does the work."""

    service: IndexingService
    health: Health
    metrics: IndexMetrics
    settings: Settings
    tools: IndexTools

    def serve_http(self) -> HttpServer | None:
        """Serves probes and metrics if a port is set; raises `Stop` if it is taken."""
        return serve_http(self.settings.http, self.health, self.metrics.registry)

    def close(self) -> None:
        """Closes what the service does not close itself."""
        self.tools.close()


def open_index_clients(settings: Settings) -> BrokerClients:
    """Opens Kafka clients in the index's group; nothing is published but offsets."""
    kafka = settings.kafka.model_copy(update={"group_id": settings.index.group_id})
    consumer = KafkaGroupConsumer(kafka)
    return BrokerClients(consumer, KafkaPartitionReader(kafka), AtLeastOncePublisher(kafka, consumer))


def open_index_reader(settings: Settings) -> PartitionReader:
    """Opens one more reader of the documents topic."""
    return KafkaPartitionReader(settings.kafka)


def build_indexing(  # noqa: PLR0913  what tests give instead
    settings: Settings,
    *,
    open_clients: Callable[[Settings], BrokerClients] = open_index_clients,
    open_reader: Callable[[Settings], PartitionReader] = open_index_reader,
    open_tools: Callable[[Settings], IndexTools] = open_index_tools,
    formats: EventFormats | None = None,
    clock: Clock | None = None,
) -> IndexingApplication:
    """Builds a member of the index's group.

    Args:
        settings: all settings of the program.
        open_clients: opens the broker's clients; tests give those of a broker in memory.
        open_reader: opens a reader for a sweep.
        open_tools: opens engine and encoder; tests give others.
        formats: reads the records, instead of what the settings say.
        clock: replaces the machine's clock.

    Raises:
        Stop: the index, the encoder or the registry cannot be used.
    """
    clock, given = clock or SystemClock(), formats
    formats = given or open_formats(settings)
    tools = open_tools(settings)
    clients = open_clients(settings)
    metrics, health = IndexMetrics(), Health(clock, stuck_seconds=settings.http.stuck_seconds)

    def late_documents() -> LateDocuments:  # on a thread of its own
        return open_late(settings, tools, given or open_formats(settings), metrics, clock)

    tail = DocumentTail(clients.documents)
    parts = IndexingParts(
        consumer=clients.consumer,
        reader=clients.documents,
        publisher=clients.publisher,
        tail=tail,
        generation=CurrentGeneration(tools.indexes),
        builder=BatchBuilder(DocumentCutter(formats, tools.cut), tools.encoder),
        encoder=tools.encoder,
        sweeps=Sweeps(clients.documents, tail, lambda: open_reader(settings), metrics, clock),
        upkeep=Upkeep(clock),
        reporter=IndexReporter(metrics, clock),
        health=health,
        clock=clock,
        late=LateWatch(late_documents) if settings.index.open_questions else None,
    )
    return IndexingApplication(IndexingService(parts, settings), health, metrics, settings, tools)


def open_late(  # noqa: PLR0913  what is shared with the member
    settings: Settings,
    tools: IndexTools,
    formats: EventFormats,
    metrics: IndexMetrics,
    clock: Clock,
    *,
    open_clients: OpenLateClients = open_late_clients,
) -> LateDocuments:
    """Opens what asks open questions again.

    Args:
        settings: all settings of the program.
        tools: the member's.
        formats: the member's.
        metrics: the member's.
        clock: the member's.
        open_clients: opens the broker's clients.
    """
    clients = open_clients(settings)
    parts = LateParts(
        documents=clients.documents,
        opened=clients.opened,
        publisher=clients.publisher,
        generation=CurrentGeneration(tools.indexes),
        encoder=tools.encoder,
        formats=formats,
        cutter=DocumentCutter(formats, tools.cut),
        metrics=metrics,
        clock=clock,
    )
    return LateDocuments(parts, settings.topics, settings.index)


def build_rebuild(
    settings: Settings,
    tools: IndexTools,
    reader: PartitionReader,
    formats: EventFormats,
    watch: Callable[[RebuildCounts], None],
) -> Rebuild:
    """Builds a rebuild of the index.

    Args:
        settings: all settings of the program.
        tools: engine and encoder.
        reader: made for this.
        formats: reads the records; waits for its own translators.
        watch: called with the counts so far.
    """
    return Rebuild(
        indexes=tools.indexes,
        reader=reader,
        topic=settings.topics.documents,
        builder=BatchBuilder(DocumentCutter(formats, tools.cut), tools.encoder),
        encoder=tools.encoder,
        clock=SystemClock(),
        watch=watch,
        batch_documents=settings.index.batch_documents,
    )
