"""Publishes records and the progress of a group without members, in one transaction a call.

    take_over ── init_transactions: the predecessor's open transaction is aborted, a decided one completed, it is fenced
    publish ──── begin ── records ── offsets ── commit
                               └────────┴─ abort      └─ outcome unknown: the next holder's `take_over` settles it

The transactional id has one holder at a time. The broker takes offsets from outside the group (KIP-447: generation -1).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

import structlog
from confluent_kafka import KafkaError, KafkaException

from spanstream.consumer.broker.kafka.error_mapping import (
    FENCED_PRODUCER,
    ClientErrors,
    Failure,
    NeededRights,
    map_error,
    on_topics,
)
from spanstream.consumer.broker.kafka.handles import new_consumer
from spanstream.consumer.broker.kafka.producer import DeadlineProducer, slice_of
from spanstream.consumer.broker.kafka.properties import (
    lookup_properties,
    make_transactional_id,
    transactional_producer_properties,
)
from spanstream.consumer.broker.kafka.queries import committed_offsets
from spanstream.consumer.broker.outgoing_chunk import OutgoingChunk
from spanstream.consumer.broker.protocols import Outgoing, Partition
from spanstream.consumer.clock import Deadline, SystemClock
from spanstream.consumer.errors import Fenced, Retryable, SpanstreamError, Stop
from spanstream.consumer.settings import KafkaSettings
from spanstream.consumer.time_limits import ABORT_SECONDS, PUBLISH_TIMEOUT_SECONDS, REQUEST_TIMEOUT_SECONDS

_log = structlog.get_logger(__name__)

_CLOCK = SystemClock()  # librdkafka waits by it


class KafkaProgressPublisher:
    """Implements `protocols.ProgressPublisher`; the settings name the group and the transactional id."""

    def __init__(self, settings: KafkaSettings) -> None:
        self._group_id = settings.group_id
        self._transactional_id = make_transactional_id(settings)
        self._properties = transactional_producer_properties(settings, self._transactional_id, PUBLISH_TIMEOUT_SECONDS)
        # It never subscribes: it only asks for the group's offsets, and names the group in a transaction.
        group_properties = lookup_properties(settings)
        self._group = new_consumer(group_properties, ClientErrors(group_properties))
        self._needed = NeededRights(
            group=f"Read on the group {settings.group_id}",
            transactional_id=f"Write on the transactional id {self._transactional_id}",
        )
        self._producer: DeadlineProducer | None = None

    def take_over(self) -> None:
        """Holds the transactional id; the predecessor's transaction is settled when this returns.

        Raises:
            Retryable: the broker did not answer in time.
            Stop: the broker refuses this client.
        """
        producer = DeadlineProducer(self._properties)
        doing = f"the announcement of {self._transactional_id}"
        try:
            producer.retry_until_done(producer.client.init_transactions, doing, _publish_deadline())
        except KafkaException as error:
            producer.discard()
            raise self._map_error(error.args[0], doing, self._needed) from error
        except SpanstreamError:
            producer.discard()
            raise
        self._producer = producer

    def committed(self, partitions: Iterable[Partition]) -> dict[Partition, int | None]:
        """Returns the group's committed offsets; waits for transactions on their way to be settled.

        Raises:
            Retryable: no answer, or not settled, in time.
            Stop: the broker refuses for good.
        """
        doing = f"a question about the offsets of {self._group_id}"
        asked, deadline = list(partitions), Deadline(_CLOCK, REQUEST_TIMEOUT_SECONDS)
        while True:
            try:
                return committed_offsets(self._group, asked, slice_of(deadline), doing, self._map_error)
            except Retryable:
                # To a user without the right the question is never answered; the refusal comes beside it, as a message.
                self._raise_refusal(doing)
                if deadline.has_passed:
                    raise

    def publish(self, records: Sequence[Outgoing], offsets: Mapping[Partition, int]) -> None:
        """Publishes all records and commits all offsets in one transaction.

        Raises:
            Retryable: whether it was committed is not known.
            Fenced: another process took over: it may have done so before the commit, or after one whose reply was lost.
            Stop: the broker refuses for good; nothing is visible.
        """
        producer, deadline = self._producer, _publish_deadline()
        if producer is None:
            raise Stop("publishing begins with taking over the transactional id")
        chunk = OutgoingChunk(tuple(records), offsets)
        committing = False
        try:
            producer.client.begin_transaction()
            producer.send(records, deadline)
            producer.flush(deadline)
            if offsets:
                producer.send_offsets(offsets, self._group.consumer_group_metadata(), deadline)
            committing = True
            producer.retry_until_done(producer.client.commit_transaction, "the commit of a transaction", deadline)
        except (KafkaException, SpanstreamError) as error:
            refused_record = producer.first_failure  # before the abort adds its own
            # A commit that only an abort can follow was not made.
            if isinstance(error, KafkaException) and error.args[0].txn_requires_abort():
                committing = False
            if not committing:
                _abort(producer)
            needed = replace(self._needed, topic=on_topics("Write", producer.unwritable_of(chunk.topics)))
            self._discard_producer()
            failure = refused_record or Failure(error.args[0], chunk.doing, needed)
            mapped = self._map_error(*failure) if isinstance(error, KafkaException) else error
            if committing and isinstance(mapped, Stop):
                # The commit may have been made, and its reply lost: the next holder's `take_over` finds the refusal.
                raise Retryable(mapped.detail) from error
            if mapped is not error:
                raise mapped from error
            raise

    def close(self) -> None:
        """Lets go of the connections."""
        self._discard_producer()
        self._group.close()

    def _discard_producer(self) -> None:
        """Lets go of the producer: its successor, or the broker's time-out, settles what it left."""
        if self._producer is not None:
            self._producer.discard()
            self._producer = None

    def _raise_refusal(self, doing: str) -> None:
        message = self._group.poll(0)
        error = None if message is None else message.error()
        if error is not None and isinstance(mapped := self._map_error(error, doing), Stop):
            raise mapped

    def _map_error(self, error: KafkaError, doing: str, needed: NeededRights | None = None) -> SpanstreamError:
        if error.code() in FENCED_PRODUCER:
            return Fenced(f"another process took over the transactional id {self._transactional_id}")
        mapped = map_error(error, doing, needed or self._needed)
        if isinstance(mapped, Fenced):
            # From outside a group there is no member whose place another could have taken.
            return Stop(mapped.detail, hint=f"is {self._group_id} another program's group?")
        return mapped


def _abort(producer: DeadlineProducer) -> None:
    deadline = Deadline(_CLOCK, ABORT_SECONDS)
    try:
        producer.retry_until_done(producer.client.abort_transaction, "the abort of a transaction", deadline)
    except (KafkaException, SpanstreamError) as error:
        _log.warning("kafka_abort_failed", detail=str(error))


def _publish_deadline() -> Deadline:
    return Deadline(_CLOCK, PUBLISH_TIMEOUT_SECONDS)
