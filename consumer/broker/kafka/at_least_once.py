"""Publishes records and commits the consumed offsets without transactions: at least once."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from confluent_kafka import KafkaException

from spanstream.consumer.broker.kafka.error_mapping import Failure, NeededRights, map_error, on_topics
from spanstream.consumer.broker.kafka.group_consumer import KafkaGroupConsumer
from spanstream.consumer.broker.kafka.producer import DeadlineProducer
from spanstream.consumer.broker.kafka.properties import producer_properties
from spanstream.consumer.broker.protocols import Outgoing, Partition
from spanstream.consumer.clock import Deadline, SystemClock
from spanstream.consumer.errors import SpanstreamError, Stop
from spanstream.consumer.settings import KafkaSettings
from spanstream.consumer.time_limits import PUBLISH_TIMEOUT_SECONDS

_CLOCK = SystemClock()  # librdkafka waits by it


class AtLeastOncePublisher:
    """Implements `protocols.Publisher` without transactions: records first, then the offsets.

    What fails in between is published again by whoever reads the input again; readers see the failed attempt too.

    Args:
        settings: of Kafka.
        member: the group member whose offsets are committed; None: there are no offsets to commit.
        publish_timeout_seconds: how long the records of one `publish` may take before it raises `Retryable`.
    """

    def __init__(
        self,
        settings: KafkaSettings,
        member: KafkaGroupConsumer | None = None,
        *,
        publish_timeout_seconds: float = PUBLISH_TIMEOUT_SECONDS,
    ) -> None:
        self._properties = producer_properties(settings, publish_timeout_seconds)
        self._publish_timeout_seconds = publish_timeout_seconds
        self._member = member
        self._producer: DeadlineProducer | None = None
        self._one_by_one: frozenset[str] = frozenset()  # topics that refused a batch, until a publish succeeds

    def prepare(self) -> None:
        """Does nothing: without transactions a predecessor left nothing open."""

    def publish(
        self, records: Sequence[Outgoing], offsets: Mapping[Partition, int], timeout_seconds: float = math.inf
    ) -> None:
        """Publishes all records, then commits all offsets.

        Raises:
            Retryable: not done; some of it may be visible, and will be again.
            Fenced: the offsets are another member's to commit now; the records are visible.
            TooLarge: a topic takes no record of this size; others may be visible.
            Stop: the broker refuses for good.
        """
        deadline = Deadline(_CLOCK, min(timeout_seconds, self._publish_timeout_seconds))
        if records:
            self._send(records, deadline)
        if not offsets:
            return
        if self._member is None:
            raise Stop("offsets were to be committed by a publisher that belongs to no group member")
        self._member.commit(offsets)

    def close(self) -> None:
        """Lets go of the connections, and of what was not sent."""
        if self._producer is not None:
            self._producer.discard()
            self._producer = None

    def _send(self, records: Sequence[Outgoing], deadline: Deadline) -> None:
        if self._producer is None:
            self._producer = DeadlineProducer(self._properties)
        try:
            self._producer.send(records, deadline, one_by_one=self._one_by_one)
            self._producer.flush(deadline)
        except KafkaException as error:
            # Without Write on any topic the broker refuses to number the producer, and calls it a right on the cluster.
            needed = NeededRights(cluster=on_topics("Write", {record.topic for record in records}))
            failure = self._producer.first_failure or Failure(error.args[0], "publishing", needed)
            refused_for_size = self._producer.refused_for_size
            self.close()
            if refused_for_size - self._one_by_one:
                self._one_by_one |= refused_for_size
                self._send(records, deadline)
                return
            raise map_error(*failure) from error
        except SpanstreamError:
            self.close()
            raise
        self._one_by_one = frozenset()
