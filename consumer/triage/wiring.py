"""Builds a member of the triage group from settings and a playbook: the stream's composition root."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from spanstream.consumer.clock import Clock, SystemClock
from spanstream.consumer.delivery.group_member import BrokerClients, OpenedMember, open_kafka_clients
from spanstream.consumer.delivery.lag import Lag
from spanstream.consumer.delivery.partition_counts import PartitionCounts, refuse_differing
from spanstream.consumer.delivery.rewinds import Rewinds
from spanstream.consumer.formats.event_formats import EventFormats
from spanstream.consumer.formats.opening import open_formats, open_writer
from spanstream.consumer.health import Health
from spanstream.consumer.http import HttpServer, serve_http
from spanstream.consumer.pii.hook import load_redaction
from spanstream.consumer.settings import Settings, TopicSettings
from spanstream.consumer.tracing.opening import open_tracing
from spanstream.consumer.tracing.tracing import Tracing
from spanstream.consumer.triage.intake import TriageIntake
from spanstream.consumer.triage.metrics import TriageMetrics
from spanstream.consumer.triage.outcomes_read import OutcomesRead
from spanstream.consumer.triage.parts import TriageParts
from spanstream.consumer.triage.processor import ProcessorSettings, TicketProcessor
from spanstream.consumer.triage.report import TriageReporter
from spanstream.consumer.triage.service import TriageService
from spanstream.consumer.triage.state.state_store import StateStore
from spanstream.schemas.events import Document, Question
from spanstream.schemas.foreign_headers import foreign_headers
from spanstream.schemas.playbook import Playbook
from spanstream.schemas.triage import Triage


@dataclass(frozen=True, slots=True)
class TriageApplication:
    """A wired member; `service.run` does the work."""

    service: TriageService
    health: Health
    metrics: TriageMetrics
    settings: Settings
    playbook: Playbook
    tracing: Tracing

    def serve_http(self) -> HttpServer | None:
        """Serves probes and metrics if a port is set; raises `Stop` if it is taken."""
        return serve_http(self.settings.http, self.health, self.metrics.registry)


def open_triage_clients(settings: Settings) -> BrokerClients:
    """Opens Kafka clients in the triage group."""
    kafka = settings.kafka.model_copy(update={"group_id": settings.triage.group_id})
    return open_kafka_clients(kafka)


def build_triage(  # noqa: PLR0913  tests replace these parts
    settings: Settings,
    playbook: Playbook,
    *,
    open_clients: Callable[[Settings], BrokerClients] = open_triage_clients,
    formats: EventFormats | None = None,
    clock: Clock | None = None,
    tracing: Tracing | None = None,
) -> TriageApplication:
    """Builds a member of the triage group.

    Args:
        settings: all settings of the program.
        playbook: the questions and rules.
        open_clients: opens the broker's clients; tests give those of a broker in memory.
        formats: reads the records, instead of what the settings say.
        clock: replaces the machine's clock.
        tracing: replaces the one that the settings ask for.

    Raises:
        Stop: a topic is missing, the topics' partitions differ in number, or a mapping or the registry cannot be used.
    """
    clock = clock or SystemClock()
    tracing = tracing or open_tracing(settings, settings.triage.group_id)
    formats = formats or open_formats(settings)
    clients = open_clients(settings)
    refuse_differing(clients.documents, topics_in_step(settings.topics), "the triage stream")
    member = OpenedMember(
        settings=settings,
        clients=clients,
        formats=formats,
        writer=open_writer(settings, Document, Question, Triage),
        clock=clock,
        health=Health(clock, stuck_seconds=settings.http.stuck_seconds),
    )
    metrics = TriageMetrics()
    service = TriageService(_parts(member, playbook, metrics, tracing), settings)
    return TriageApplication(service, member.health, metrics, settings, playbook, tracing)


def _parts(member: OpenedMember, playbook: Playbook, metrics: TriageMetrics, tracing: Tracing) -> TriageParts:
    settings, clients, clock = member.settings, member.clients, member.clock
    reader = clients.documents  # here it reads the state
    partition_counts = member.partition_counts(topics_in_step(settings.topics))
    processor = TicketProcessor(playbook, _processor_settings(member, partition_counts), clock, tracing)
    store = StateStore(reader, keep_seconds=settings.triage.keep_seconds, clock=clock)
    intake = TriageIntake(
        store=store,
        outcomes_read=OutcomesRead(reader, (settings.topics.answers, settings.topics.dead_letters), clock),
        processor=processor,
        playbook=playbook,
        circuit=member.circuit(),
        settings=settings,
        clock=clock,
        tracing=tracing,
    )
    return TriageParts(
        consumer=clients.consumer,
        partition_counts=partition_counts,
        start_offsets=member.start_offsets(settings.topics.triage_state),
        rewinds=Rewinds(metrics.rewinds.inc),
        publisher=member.paced_publisher(lambda kind: metrics.publish_failures.labels(kind).inc()),
        store=store,
        intake=intake,
        writer=member.writer,
        reporter=TriageReporter(metrics, store, Lag(metrics.lag, clients.consumer, reader, clock)),
        health=member.health,
        clock=clock,
    )


def _processor_settings(member: OpenedMember, partition_counts: PartitionCounts) -> ProcessorSettings:
    settings = member.settings
    return ProcessorSettings(
        topics=settings.topics,
        formats=member.formats,
        writer=member.writer,
        source=settings.event_source,
        partitions=lambda: partition_counts.shared,
        keep_seconds=settings.triage.keep_seconds,
        redact=load_redaction(settings.redaction.hook),
        foreign=foreign_headers(settings.output.dead_letter_headers, settings.triage.group_id),
    )


def topics_in_step(topics: TopicSettings) -> tuple[str, ...]:
    """Returns the topics whose partitions of one number belong together: what it reads, and what it asks."""
    return (*topics.consumed_by_triage, topics.questions, topics.documents)
