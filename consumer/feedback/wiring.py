"""Builds a member of the feedback group from the settings: its composition root."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from spanstream.consumer.answering.documents import Documents
from spanstream.consumer.broker.kafka.partition_reader import KafkaPartitionReader
from spanstream.consumer.broker.protocols import PartitionReader
from spanstream.consumer.clock import Clock, SystemClock
from spanstream.consumer.delivery.circuit import Circuit
from spanstream.consumer.delivery.group_clients import BrokerClients, open_kafka_clients
from spanstream.consumer.delivery.lag import Lag
from spanstream.consumer.delivery.paced_publisher import PacedPublisher
from spanstream.consumer.delivery.partition_counts import PartitionCounts, refuse_differing
from spanstream.consumer.delivery.rewinds import Rewinds
from spanstream.consumer.feedback.changed_documents import ChangedDocuments
from spanstream.consumer.feedback.followed_documents import FollowedDocuments
from spanstream.consumer.feedback.intake import FeedbackIntake
from spanstream.consumer.feedback.known_labels import KnownLabels
from spanstream.consumer.feedback.metrics import FeedbackMetrics
from spanstream.consumer.feedback.parts import FeedbackParts
from spanstream.consumer.feedback.processor import FeedbackProcessor
from spanstream.consumer.feedback.promise_watch import PromiseWatch
from spanstream.consumer.feedback.report import FeedbackReporter
from spanstream.consumer.feedback.service import FeedbackService
from spanstream.consumer.formats.event_formats import EventFormats
from spanstream.consumer.formats.opening import open_formats, open_label_writer
from spanstream.consumer.health import Health
from spanstream.consumer.http import HttpServer, serve_http
from spanstream.consumer.settings import Settings
from spanstream.models.labelling.promises import allowed_share, promised_percent
from spanstream.schemas.foreign_headers import foreign_headers


@dataclass(frozen=True, slots=True)
class FeedbackApplication:
    """A wired member; `service.run` does the work."""

    service: FeedbackService
    health: Health
    metrics: FeedbackMetrics
    settings: Settings

    def serve_http(self) -> HttpServer | None:
        """Serves probes and metrics if a port is set; raises `Stop` if it is taken."""
        return serve_http(self.settings.http, self.health, self.metrics.registry)


OpenClients = Callable[[Settings], tuple[BrokerClients, PartitionReader]]
"""Opens the broker's clients of a group member, and a reader of labels."""


def open_feedback_clients(settings: Settings) -> tuple[BrokerClients, PartitionReader]:
    """Opens Kafka clients in the feedback group."""
    kafka = settings.kafka.model_copy(update={"group_id": settings.feedback.group_id})
    return open_kafka_clients(kafka), KafkaPartitionReader(kafka)


def build_feedback(
    settings: Settings,
    *,
    open_clients: OpenClients = open_feedback_clients,
    formats: EventFormats | None = None,
    clock: Clock | None = None,
) -> FeedbackApplication:
    """Builds a member of the feedback group.

    Args:
        settings: all settings of the program.
        open_clients: opens the broker's clients; tests give those of a broker in memory.
        formats: reads the records, instead of what the settings say.
        clock: replaces the machine's clock.

    Raises:
        Stop: a topic is missing, the topics' partitions differ in number, or the registry cannot be used.
    """
    clock, topics = clock or SystemClock(), settings.topics
    formats = formats or open_formats(settings)
    clients, label_reader = open_clients(settings)
    in_step = (topics.documents, *topics.consumed_by_feedback)
    refuse_differing(clients.documents, in_step, "feedback")
    metrics, changed = FeedbackMetrics(), ChangedDocuments()
    health = Health(clock, stuck_seconds=settings.http.stuck_seconds)
    labels = KnownLabels(label_reader, formats)
    documents = _documents(settings, formats, clients.documents, changed, clock)
    writer = open_label_writer(settings)
    processor = FeedbackProcessor(
        documents=documents,
        labels=labels,
        topics=topics,
        formats=formats,
        writer=writer,
        source=settings.event_source,
        clock=clock,
        foreign=foreign_headers(settings.output.dead_letter_headers, settings.feedback.group_id),
    )
    intake = FeedbackIntake(
        documents=documents,
        changed=changed,
        labels=labels,
        processor=processor,
        circuit=Circuit(**settings.circuit.model_dump()),
        settings=settings,
        clock=clock,
    )
    parts = FeedbackParts(
        consumer=clients.consumer,
        partition_counts=PartitionCounts(clients.documents, in_step, clock),
        start_offsets=clients.start_offsets(settings.kafka, topics.labels),
        rewinds=Rewinds(metrics.rewinds.inc),
        publisher=PacedPublisher(
            clients.publisher, lambda kind: metrics.publish_failures.labels(kind).inc(), health=health, clock=clock
        ),
        documents=FollowedDocuments(documents, clients.documents, topics.documents),
        labels=labels,
        processor=processor,
        intake=intake,
        writer=writer,
        reporter=FeedbackReporter(
            metrics,
            labels,
            Lag(metrics.lag, clients.consumer, label_reader, clock),
            PromiseWatch(metrics.promises, labels, allowed_share(promised_percent(settings.model.threshold)), clock),
        ),
        health=health,
        clock=clock,
    )
    return FeedbackApplication(FeedbackService(parts, settings), health, metrics, settings)


def _documents(
    settings: Settings, formats: EventFormats, reader: PartitionReader, changed: ChangedDocuments, clock: Clock
) -> Documents:
    return Documents(
        reader,
        settings.topics.documents,
        formats=formats,
        memory_bytes=settings.documents.memory_bytes,
        read_seconds=settings.documents.read_seconds,
        circuit=Circuit(window=1, min_records=1, max_share=1.0),  # never opens: nothing is judged here
        clock=clock,
        asked=changed,
    )
