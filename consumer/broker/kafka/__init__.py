"""The real broker: the protocols over librdkafka. Only this package imports `confluent_kafka`."""

from spanstream.consumer.broker.kafka.config import GroupProtocol, KafkaConfig
from spanstream.consumer.broker.kafka.embedded_broker import EmbeddedBroker
from spanstream.consumer.broker.kafka.group_consumer import KafkaGroupConsumer
from spanstream.consumer.broker.kafka.partition_reader import KafkaPartitionReader
from spanstream.consumer.broker.kafka.progress_publisher import KafkaProgressPublisher
from spanstream.consumer.broker.kafka.publisher import AtLeastOncePublisher, KafkaPublisher, open_publisher
from spanstream.consumer.broker.kafka.topic_admin import TopicAdmin, TopicSpec

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
