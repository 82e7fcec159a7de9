"""Opens what asks open questions again, from the settings."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from spanstream.consumer.broker.kafka.partition_reader import KafkaPartitionReader
from spanstream.consumer.broker.kafka.progress_publisher import KafkaProgressPublisher
from spanstream.consumer.broker.protocols import PartitionReader, ProgressPublisher
from spanstream.consumer.settings import Settings


@dataclass(frozen=True, slots=True)
class LateClients:
    """Clients of the broker.

    Attributes:
        documents: reads the documents topic.
        opened: reads the topic of open questions.
        publisher: asks, and commits how far both were read.
    """

    documents: PartitionReader
    opened: PartitionReader
    publisher: ProgressPublisher


OpenLateClients = Callable[[Settings], LateClients]


def late_group(settings: Settings) -> str:
    """Returns the group whose offsets say how far both topics were read; it has no members."""
    return f"{settings.index.group_id}.open"


def open_late_clients(settings: Settings) -> LateClients:
    """Opens Kafka clients. The transactional id is the group's name: it has one holder at a time."""
    group = late_group(settings)
    kafka = settings.kafka.model_copy(
        update={
            "group_id": group,
            "transactional_id": group,
            "group_instance_id": None,
            "auto_offset_reset": "earliest",
        }
    )
    return LateClients(KafkaPartitionReader(kafka), KafkaPartitionReader(kafka), KafkaProgressPublisher(kafka))
