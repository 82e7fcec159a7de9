"""The composition root of the triage stream: settings and a playbook -> a member of its group, wired."""

from __future__ import annotations

import socket
from collections.abc import Callable
from dataclasses import dataclass, replace

from spanstream.consumer.answering.wiring import BrokerClients, kafka_config
from spanstream.consumer.broker.kafka.group_consumer import KafkaGroupConsumer
from spanstream.consumer.broker.kafka.partition_reader import KafkaPartitionReader
from spanstream.consumer.broker.kafka.publisher import open_publisher
from spanstream.consumer.broker.protocols import PartitionReader
from spanstream.consumer.clock import Clock, SystemClock
from spanstream.consumer.delivery.circuit import Circuit
from spanstream.consumer.delivery.paced_publisher import PacedPublisher
from spanstream.consumer.errors import Stop
from spanstream.consumer.health import Health
from spanstream.consumer.http import HttpServer, serve_http
from spanstream.consumer.settings import Settings, TopicSettings
from spanstream.consumer.triage.inbox import Inbox
from spanstream.consumer.triage.metrics import TriageMetrics
from spanstream.consumer.triage.processor import Deployment, TicketProcessor
from spanstream.consumer.triage.service import TriageParts, TriageService
from spanstream.consumer.triage.store import StateStore
from spanstream.schemas.playbook import Playbook


@dataclass(frozen=True, slots=True)
class TriageApplication:
    """A wired member; `service.run` does the work."""

    service: TriageService
    health: Health
    metrics: TriageMetrics
    settings: Settings
    playbook: Playbook

    def serve_http(self) -> HttpServer | None:
        """Probes and metrics, if a port is set. Raises `Stop` if it is taken."""
        return serve_http(self.settings.http, self.health, self.metrics.registry)


def triage_ends(settings: Settings) -> BrokerClients:
    """A real member's ends, in the triage group."""
    config = replace(kafka_config(settings), group_id=settings.triage.group_id)
    consumer = KafkaGroupConsumer(config)
    return BrokerClients(consumer, KafkaPartitionReader(config), open_publisher(config, consumer))


def build_triage(
    settings: Settings,
    playbook: Playbook,
    *,
    ends: Callable[[Settings], BrokerClients] = triage_ends,
    clock: Clock | None = None,
) -> TriageApplication:
    """A wired member of the triage group.

    Args:
        settings: everything there is to know.
        playbook: what to ask, and what follows.
        ends: makes the broker's ends; another one runs the same member on another broker.
        clock: another one than the machine's.

    Raises:
        Stop: a topic is missing, or the topics' partitions differ in number.
    """
    clock = clock or SystemClock()
    at_broker = ends(settings)
    reader = at_broker.documents  # here it reads the state
    deployment = Deployment(
        topics=settings.topics,
        limits=settings.limits,
        source=f"spanstream/{settings.triage.group_id}@{socket.gethostname()}",
        partitions=partitions_of(reader, settings.topics),
        keep_seconds=settings.triage.keep_seconds,
    )
    metrics = TriageMetrics()
    health = Health(clock, stuck_seconds=settings.http.stuck_seconds)
    store = StateStore(reader, settings.topics.triage_state)
    inbox = Inbox(
        store=store,
        desk=TicketProcessor(playbook, deployment, clock),
        playbook=playbook,
        circuit=Circuit(**settings.circuit.model_dump()),
        settings=settings,
        clock=clock,
    )
    parts = TriageParts(
        consumer=at_broker.consumer,
        attempts=PacedPublisher(at_broker.publisher, lambda kind: metrics.publish_failures.labels(kind).inc(), clock),
        store=store,
        inbox=inbox,
        metrics=metrics,
        health=health,
        clock=clock,
    )
    return TriageApplication(TriageService(parts, settings), health, metrics, settings, playbook)


def partitions_of(reader: PartitionReader, topics: TopicSettings) -> int:
    """How many partitions the topics have that have to have as many: a ticket's answers must be its owner's.

    Raises:
        Stop: they differ, or one does not exist.
        Retryable: no answer in time.
    """
    counts = {
        name: len(reader.partitions(name)) for name in (*topics.consumed_by_triage, topics.questions, topics.documents)
    }
    if len(set(counts.values())) > 1:
        said = ", ".join(f"{name} {count}" for name, count in counts.items())
        raise Stop(f"the triage stream needs topics with the same number of partitions, but they have: {said}")
    return counts[topics.tickets]
