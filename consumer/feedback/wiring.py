"""Builds a member of the feedback group from the settings: its composition root."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from spanstream.consumer.answering.documents import Documents
from spanstream.consumer.broker.kafka.partition_reader import KafkaPartitionReader
from spanstream.consumer.broker.protocols import PartitionReader
from spanstream.consumer.clock import Clock, SystemClock
from spanstream.consumer.delivery.circuit import Circuit
from spanstream.consumer.delivery.group_member import BrokerClients, OpenedMember, open_kafka_clients
from spanstream.consumer.delivery.lag import Lag
from spanstream.consumer.delivery.partition_counts import refuse_differing
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
from spanstream.consumer.settings import Settings, TopicSettings
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
    clock = clock or SystemClock()
    formats = formats or open_formats(settings)
    clients, label_reader = open_clients(settings)
    refuse_differing(clients.documents, _topics_in_step(settings.topics), "feedback")
    member = OpenedMember(
        settings=settings,
        clients=clients,
        formats=formats,
        writer=open_label_writer(settings),
        clock=clock,
        health=Health(clock, stuck_seconds=settings.http.stuck_seconds),
    )
    metrics = FeedbackMetrics()
    service = FeedbackService(_parts(member, label_reader, metrics), settings)
    return FeedbackApplication(service, member.health, metrics, settings)


def _topics_in_step(topics: TopicSettings) -> tuple[str, ...]:
    return (topics.documents, *topics.consumed_by_feedback)


def _parts(member: OpenedMember, label_reader: PartitionReader, metrics: FeedbackMetrics) -> FeedbackParts:
    settings, clients, clock = member.settings, member.clients, member.clock
    topics, changed = settings.topics, ChangedDocuments()
    labels = KnownLabels(label_reader, member.formats)
    documents = _documents(member, changed)
    processor = _processor(member, documents, labels)
    intake = FeedbackIntake(
        documents=documents,
        changed=changed,
        labels=labels,
        processor=processor,
        circuit=member.circuit(),
        settings=settings,
        clock=clock,
    )
    return FeedbackParts(
        consumer=clients.consumer,
        partition_counts=member.partition_counts(_topics_in_step(topics)),
        start_offsets=member.start_offsets(topics.labels),
        rewinds=Rewinds(metrics.rewinds.inc),
        publisher=member.paced_publisher(lambda kind: metrics.publish_failures.labels(kind).inc()),
        documents=FollowedDocuments(documents, clients.documents, topics.documents),
        labels=labels,
        processor=processor,
        intake=intake,
        writer=member.writer,
        reporter=FeedbackReporter(
            metrics,
            labels,
            Lag(metrics.lag, clients.consumer, label_reader, clock),
            PromiseWatch(metrics.promises, labels, allowed_share(promised_percent(settings.model.threshold)), clock),
        ),
        health=member.health,
        clock=clock,
    )


def _processor(member: OpenedMember, documents: Documents, labels: KnownLabels) -> FeedbackProcessor:
    settings = member.settings
    return FeedbackProcessor(
        documents=documents,
        labels=labels,
        topics=settings.topics,
        formats=member.formats,
        writer=member.writer,
        source=settings.event_source,
        clock=member.clock,
        foreign=foreign_headers(settings.output.dead_letter_headers, settings.feedback.group_id),
    )


def _documents(member: OpenedMember, changed: ChangedDocuments) -> Documents:
    settings = member.settings
    return Documents(
        member.clients.documents,
        settings.topics.documents,
        formats=member.formats,
        memory_bytes=settings.documents.memory_bytes,
        read_seconds=settings.documents.read_seconds,
        circuit=Circuit(window=1, min_records=1, max_share=1.0),  # never opens: nothing is judged here
        clock=member.clock,
        asked=changed,
    )
