"""Implements the broker's protocols over librdkafka. Only this package imports `confluent_kafka`."""

from __future__ import annotations

from spanstream.consumer.broker.kafka.at_least_once import AtLeastOncePublisher
from spanstream.consumer.broker.kafka.embedded_broker import EmbeddedBroker
from spanstream.consumer.broker.kafka.group_consumer import KafkaGroupConsumer
from spanstream.consumer.broker.kafka.partition_reader import KafkaPartitionReader
from spanstream.consumer.broker.kafka.progress_publisher import KafkaProgressPublisher
from spanstream.consumer.broker.kafka.publisher import KafkaPublisher, open_publisher
from spanstream.consumer.broker.kafka.topic_admin import TopicAdmin

__all__ = [
    "AtLeastOncePublisher",
    "EmbeddedBroker",
    "KafkaGroupConsumer",
    "KafkaPartitionReader",
    "KafkaProgressPublisher",
    "KafkaPublisher",
    "TopicAdmin",
    "open_publisher",
]
