"""Opens the clients of a group's member, and makes the parts that the loops of all groups have alike."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from spanstream.consumer.broker.kafka.group_consumer import KafkaGroupConsumer
from spanstream.consumer.broker.kafka.partition_reader import KafkaPartitionReader
from spanstream.consumer.broker.kafka.publisher import open_publisher
from spanstream.consumer.broker.protocols import GroupConsumer, PartitionReader, Publisher
from spanstream.consumer.clock import Clock
from spanstream.consumer.delivery.circuit import Circuit
from spanstream.consumer.delivery.paced_publisher import PacedPublisher
from spanstream.consumer.delivery.partition_counts import PartitionCounts
from spanstream.consumer.delivery.start_offsets import StartOffsets
from spanstream.consumer.formats.event_formats import EventFormats
from spanstream.consumer.formats.event_writer import EventWriter
from spanstream.consumer.health import Health
from spanstream.consumer.settings import KafkaSettings, Settings


@dataclass(frozen=True, slots=True)
class BrokerClients:
    """The clients that a group member has at its broker; `shadow_publisher` only where a second model is tried."""

    consumer: GroupConsumer
    documents: PartitionReader
    publisher: Publisher
    shadow_publisher: Publisher | None = None


def open_kafka_clients(settings: KafkaSettings) -> BrokerClients:
    """Opens the Kafka clients of a member of the settings' group."""
    consumer = KafkaGroupConsumer(settings)
    return BrokerClients(consumer, KafkaPartitionReader(settings), open_publisher(settings, consumer))


@dataclass(frozen=True, slots=True)
class OpenedMember:
    """What is opened once, and shared by the parts of one member's loop."""

    settings: Settings
    clients: BrokerClients
    formats: EventFormats
    writer: EventWriter
    clock: Clock
    health: Health

    def circuit(self) -> Circuit:
        """Returns a circuit as the settings say."""
        return Circuit(**self.settings.circuit.model_dump())

    def partition_counts(self, topics: Sequence[str]) -> PartitionCounts:
        """Returns what watches how many partitions topics have."""
        return PartitionCounts(self.clients.documents, topics, self.clock)

    def start_offsets(self, followed_topic: str) -> StartOffsets:
        """Returns what asks for the group's offsets; the followed topic is read from its beginning."""
        reset = self.settings.kafka.auto_offset_reset
        return StartOffsets(
            self.clients.consumer, self.clients.documents, auto_offset_reset=reset, followed_topic=followed_topic
        )

    def paced_publisher(self, on_failure: Callable[[str], None]) -> PacedPublisher:
        """Returns what publishes, with a pause after each failure, of whose kind it tells."""
        return PacedPublisher(self.clients.publisher, on_failure, health=self.health, clock=self.clock)
