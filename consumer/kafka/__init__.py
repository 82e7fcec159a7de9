"""The real broker: `consumer.broker`'s protocols over librdkafka. Only this package imports `confluent_kafka`."""

from consumer.kafka.config import GroupProtocol, KafkaConfig
from consumer.kafka.embedded_broker import EmbeddedBroker
from consumer.kafka.group_consumer import KafkaGroupConsumer
from consumer.kafka.partition_reader import KafkaPartitionReader
from consumer.kafka.progress_publisher import KafkaProgressPublisher
from consumer.kafka.publisher import AtLeastOncePublisher, KafkaPublisher, open_publisher
from consumer.kafka.topic_admin import TopicAdmin, TopicSpec

__all__ = [
    "AtLeastOncePublisher",
    "EmbeddedBroker",
    "GroupProtocol",
    "KafkaConfig",
    "KafkaGroupConsumer",
    "KafkaPartitionReader",
    "KafkaProgressPublisher",
    "KafkaPublisher",
    "TopicAdmin",
    "TopicSpec",
    "open_publisher",
]
