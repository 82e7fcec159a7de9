"""Opens the Kafka clients of a consumer on an embedded broker."""

from __future__ import annotations

from spanstream.consumer.broker.kafka.embedded_broker import EmbeddedPartitionReader
from spanstream.consumer.broker.kafka.group_consumer import KafkaGroupConsumer
from spanstream.consumer.broker.kafka.publisher import open_publisher
from spanstream.consumer.delivery.group_member import BrokerClients
from spanstream.consumer.settings import Settings


def open_embedded_clients(settings: Settings) -> BrokerClients:
    """Opens the clients of a group member; all but the reader of documents are those that `run` has."""
    kafka = settings.kafka
    consumer = KafkaGroupConsumer(kafka)
    return BrokerClients(consumer, EmbeddedPartitionReader(kafka), open_publisher(kafka, consumer))
