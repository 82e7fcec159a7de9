"""Runs librdkafka's own mock cluster, a broker to try things out: a socket on the loopback, everything in memory.

It does groups (both protocols), transactions, offsets and compression well enough for one consumer. What it does
otherwise than Kafka (seen with librdkafka 2.16):

- it shows records of open and aborted transactions to everybody;
- offsets committed in a transaction are accepted and forgotten;
- it creates a topic when a producer asks for it, with 4 partitions, and answers no admin request about topics;
- it keeps the newest 5 MiB of a partition, and compacts nothing;
- a classic group's first assignment takes 3 s, a KIP-848 group's no time: prefer `group_protocol="consumer"`.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Self

from confluent_kafka import KafkaException, Producer

from spanstream.consumer.broker.kafka.error_mapping import librdkafka_log
from spanstream.consumer.broker.kafka.partition_reader import KafkaPartitionReader
from spanstream.consumer.errors import Retryable

_ANSWER_SECONDS = 10.0


class EmbeddedPartitionReader(KafkaPartitionReader):
    """Reads partitions of an embedded broker; it tells no topic ids, and none of its topics is ever replaced."""

    def topic_id(self, topic: str) -> str:
        """Returns the topic's name in the place of its id."""
        return topic


class EmbeddedBroker:
    """Runs the broker in this process for as long as the context is entered."""

    def __init__(self) -> None:
        self._host: Producer | None = None
        self._address = ""

    @property
    def bootstrap_servers(self) -> str:
        """Where it listens, host:port."""
        return self._address

    def __enter__(self) -> Self:
        self._host = Producer({"test.mock.num.brokers": 1}, logger=librdkafka_log)
        brokers = self._host.list_topics(timeout=_ANSWER_SECONDS).brokers.values()
        self._address = ",".join(f"{broker.host}:{broker.port}" for broker in brokers)
        return self

    def __exit__(self, *_: object) -> None:
        self._host = None

    def create_topics(self, names: Iterable[str]) -> dict[str, int]:
        """Creates topics; returns the number of partitions of each, which is the broker's choice.

        Raises:
            Retryable: the broker is not there.
        """
        client = Producer({"bootstrap.servers": self._address}, logger=librdkafka_log)
        try:
            return {name: len(client.list_topics(name, _ANSWER_SECONDS).topics[name].partitions) for name in names}
        except KafkaException as error:
            raise Retryable("the embedded broker does not answer; is it entered?") from error
