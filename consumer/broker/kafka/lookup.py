"""Looks up single records, and where partitions begin and end, beside a reader that follows them."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager

import structlog
from confluent_kafka import KafkaError, TopicPartition

from spanstream.consumer.broker.kafka.error_mapping import ClientErrors, NeededRights, map_error
from spanstream.consumer.broker.kafka.handles import new_consumer
from spanstream.consumer.broker.kafka.properties import Properties
from spanstream.consumer.broker.kafka.queries import edge_offsets, to_record
from spanstream.consumer.broker.protocols import Partition, Record
from spanstream.consumer.errors import Retryable, Stop

_log = structlog.get_logger(__name__)

# librdkafka's names.
_EOF = KafkaError._PARTITION_EOF  # noqa: SLF001
_GONE = frozenset({KafkaError._AUTO_OFFSET_RESET, KafkaError.OFFSET_OUT_OF_RANGE})  # noqa: SLF001


class Lookup:
    """A second consumer handle, for single records and for questions about offsets.

    A broker answers a connection's requests in order: behind a fetch that waits for records, such a question would
    wait as long. A handle that got no answer is replaced: with librdkafka 2.16, one may never connect again to a broker
    that was restarted, while others of the same process do.
    """

    def __init__(self, properties: Properties, request_timeout_seconds: float) -> None:
        self._properties = properties
        self._seconds = request_timeout_seconds
        self._client_errors = ClientErrors(properties)
        self._consumer = new_consumer(properties, self._client_errors)

    def edges(self, partitions: Iterable[Partition], edge: int) -> dict[Partition, int]:
        """Tells where partitions begin or end, as `edge_offsets` does."""
        with self._replaced_without_answer():
            return edge_offsets(self._consumer, partitions, edge, self._seconds, self._client_errors)

    def read_at(self, partition: Partition, offset: int, timeout_seconds: float) -> Record | None:
        """Returns the one record at this offset; None where the topic no longer holds it.

        Raises:
            Retryable: nothing came in time.
            Stop: the broker refuses this client for good.
        """
        with self._replaced_without_answer():
            return self._read_at(partition, offset, timeout_seconds)

    def close(self) -> None:
        """Lets go of the connections."""
        self._consumer.close()

    @contextmanager
    def _replaced_without_answer(self) -> Iterator[None]:
        try:
            yield
        except Retryable:
            self.close()
            self._consumer = new_consumer(self._properties, self._client_errors)
            raise

    def _read_at(self, partition: Partition, offset: int, timeout_seconds: float) -> Record | None:
        deadline = time.monotonic() + timeout_seconds
        self._consumer.assign([TopicPartition(partition.topic, partition.number, offset)])
        try:
            while (remaining := deadline - time.monotonic()) > 0:
                message = self._consumer.poll(remaining)
                self._client_errors.raise_refusal()
                if message is None or (message.topic(), message.partition()) != partition:
                    continue
                error = message.error()
                if error is None:
                    return to_record(message, partition) if message.offset() == offset else None
                if error.code() == _EOF or error.code() in _GONE:
                    return None
                log_or_raise(error, f"to read {partition} at {offset}", partition.topic)
        finally:
            self._consumer.unassign()
        raise self._client_errors.no_answer(f"a read of {partition} at {offset}")


def log_or_raise(error: KafkaError, doing: str, topic: str) -> None:
    """Logs what may mend itself, raises the rest."""
    mapped = map_error(error, doing, NeededRights(topic=f"Read on the topic {topic}"))
    if not isinstance(mapped, Retryable):
        raise Stop(mapped.detail, hint=mapped.hint)
    _log.warning("kafka_reader_error", code=error.name(), detail=error.str())
