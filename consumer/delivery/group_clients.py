"""Opens the clients that a member of a group has at its broker."""

from __future__ import annotations

from dataclasses import dataclass

from spanstream.consumer.broker.kafka.group_consumer import KafkaGroupConsumer
from spanstream.consumer.broker.kafka.partition_reader import KafkaPartitionReader
from spanstream.consumer.broker.kafka.publisher import open_publisher
from spanstream.consumer.broker.protocols import GroupConsumer, PartitionReader, Publisher
from spanstream.consumer.delivery.start_offsets import StartOffsets
from spanstream.consumer.settings import KafkaSettings


@dataclass(frozen=True, slots=True)
class BrokerClients:
    """The clients that a group member has at its broker; `shadow_publisher` only where a second model is tried."""

    consumer: GroupConsumer
    documents: PartitionReader
    publisher: Publisher
    shadow_publisher: Publisher | None = None

    def start_offsets(self, settings: KafkaSettings, followed_topic: str) -> StartOffsets:
        """Returns what asks for the group's offsets; the followed topic is read from its beginning."""
        return StartOffsets(
            self.consumer,
            self.documents,
            auto_offset_reset=settings.auto_offset_reset,
            followed_topic=followed_topic,
        )


def open_kafka_clients(settings: KafkaSettings) -> BrokerClients:
    """Opens the Kafka clients of a member of the settings' group."""
    consumer = KafkaGroupConsumer(settings)
    return BrokerClients(consumer, KafkaPartitionReader(settings), open_publisher(settings, consumer))
