"""Produces records with librdkafka; learns everything that went wrong, and never waits past a deadline."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from typing import Any

from confluent_kafka import KafkaError, KafkaException, Message, TopicPartition

from spanstream.consumer.broker.kafka.error_mapping import ClientErrors, Failure, NeededRights, map_error, on_topics
from spanstream.consumer.broker.kafka.handles import checked_call, checked_call_in_time, new_producer
from spanstream.consumer.broker.kafka.properties import Properties
from spanstream.consumer.broker.protocols import Outgoing, Partition
from spanstream.consumer.clock import Deadline
from spanstream.consumer.errors import TooLarge

# No call into librdkafka is longer than this (seconds): between two of them its errors are looked at, and an
# interrupt from the keyboard gets through.
_SLICE_SECONDS = 1.0
# What librdkafka says of records that it dropped because a transaction was aborted.
_PURGED = frozenset({KafkaError._PURGE_QUEUE, KafkaError._PURGE_INFLIGHT})  # noqa: SLF001  librdkafka's names


def slice_of(deadline: Deadline) -> float:
    """Returns the seconds that the next single wait may take."""
    return min(deadline.seconds_left, _SLICE_SECONDS)


class DeadlineProducer:
    """One producer, for one thread; after a transaction that failed for good it is of no more use (`discard`)."""

    def __init__(self, properties: Properties) -> None:
        self._client_errors = ClientErrors(properties)
        # What the broker said of the first record since `send` that it refused.
        self.first_failure: Failure | None = None
        # The topics of which it refused a batch since `send` for its size.
        self.refused_for_size: frozenset[str] = frozenset()
        self.client = new_producer(properties, self._client_errors, self._on_delivery)

    def send(
        self, records: Sequence[Outgoing], deadline: Deadline, *, one_by_one: Collection[str] = frozenset()
    ) -> None:
        """Hands the records to librdkafka.

        Args:
            records: the records.
            deadline: until when its queue may be full.
            one_by_one: of these topics, first, wait for the broker's answer to each record: it refuses whole batches,
                and does not say for which record.

        Raises:
            Retryable: its queue stayed full until the deadline.
            TooLarge: a record is larger than the client's own limit, or, one by one, than its topic's.
            KafkaException: the producer or its transaction has failed.
        """
        self.first_failure = None
        self.refused_for_size = frozenset()
        for record in sorted(records, key=lambda record: record.topic not in one_by_one):
            try:
                while not self._accepts(record):
                    checked_call(self.client.poll, slice_of(deadline))
                    if deadline.has_passed:
                        raise self._client_errors.no_answer(f"the publishing of {len(records)} records")
                if record.topic in one_by_one:
                    self.flush(deadline)
            except KafkaException as error:
                if error.args[0].code() != KafkaError.MSG_SIZE_TOO_LARGE:
                    raise
                refusal = map_error(error.args[0], f"a record of {record.size} bytes for {record.topic}")
                raise TooLarge(refusal.detail, hint=refusal.hint, record=record) from error
        checked_call(self.client.poll, 0)

    def flush(self, deadline: Deadline) -> None:
        """Waits until the broker has every record.

        Raises:
            Retryable: not all of them in time.
            Stop: the broker refuses this client.
            KafkaException: it refused a record: `first_failure` has the topic.
        """
        while self._has_unsent(deadline) and self.first_failure is None:
            self._client_errors.raise_refusal()
            if deadline.has_passed:
                raise self._client_errors.no_answer(f"the publishing of {len(self.client)} records")
        if self.first_failure is not None:
            raise KafkaException(self.first_failure.error)

    def retry_until_done(self, call: Callable[[float], None], doing: str, deadline: Deadline) -> None:
        """Calls one of librdkafka's resumable transaction operations, again and again until it is done.

        Raises:
            Retryable: not done by the deadline; the operation goes on by itself and can be called again.
            Stop: the broker refuses this client.
            KafkaException: it failed, for this transaction or for this producer.
        """
        while True:
            try:
                checked_call_in_time(call, slice_of(deadline))
            except KafkaException as error:
                checked_call(self.client.poll, 0)  # runs the callbacks: the reason may be among them
                self._client_errors.raise_refusal()
                kafka_error = error.args[0]
                if not kafka_error.retriable() or kafka_error.txn_requires_abort():
                    raise
                if deadline.has_passed:
                    raise self._client_errors.no_answer(doing) from error
            else:
                return

    def send_offsets(self, offsets: Mapping[Partition, int], group_metadata: Any, deadline: Deadline) -> None:  # noqa: ANN401  librdkafka's, without a type
        """Makes the offsets part of the transaction that has begun.

        Raises:
            Retryable, Stop, KafkaException: as `retry_until_done`.
        """
        positions = [TopicPartition(topic, number, offset) for (topic, number), offset in offsets.items()]

        def send(seconds: float) -> None:
            self.client.send_offsets_to_transaction(positions, group_metadata, seconds)

        self.retry_until_done(send, "the offsets of a transaction", deadline)

    def unwritable_of(self, topics: Iterable[str]) -> set[str]:
        """Returns those of the topics that the broker did not let a transaction write to; all where it did not say."""
        return self._client_errors.unwritable & set(topics) or set(topics)

    def discard(self) -> None:
        """Drops what was not sent and lets go of the connections; the broker is not told."""
        self.client.purge()
        with contextlib.suppress(KafkaException):
            checked_call(self.client.poll, 0)

    def _has_unsent(self, deadline: Deadline) -> bool:
        try:
            return checked_call(self.client.flush, slice_of(deadline)) > 0
        except KafkaException as error:
            with contextlib.suppress(KafkaException):
                checked_call(self.client.poll, 0)  # a fatal error is told before the delivery that it comes from
            raise KafkaException(self._client_errors.fatal or error.args[0]) from error

    def _accepts(self, record: Outgoing) -> bool:
        try:
            self.client.produce(
                record.topic,
                value=record.value,
                key=record.key,
                headers=list(record.headers),
                partition=-1 if record.partition is None else record.partition,
            )
        except BufferError:
            return False
        except KafkaException as error:
            if error.args[0].code() == KafkaError.TOPIC_AUTHORIZATION_FAILED:
                self._keep_first(error.args[0], record.topic)
            raise
        return True

    def _on_delivery(self, error: KafkaError | None, message: Message) -> None:
        if error is not None and error.code() not in _PURGED:
            self._keep_first(error, message.topic() or "")
            if error.code() == KafkaError.MSG_SIZE_TOO_LARGE:
                self.refused_for_size |= {message.topic() or ""}

    def _keep_first(self, error: KafkaError, topic: str) -> None:
        if self.first_failure is None:
            needed = NeededRights(topic=on_topics("Write", [topic]))
            self.first_failure = Failure(error, f"publishing to {topic}", needed)
