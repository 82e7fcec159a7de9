"""Records and the progress of a group without members, one transaction a call, under a transactional id of one holder.

    take_over ── init_transactions: the predecessor's open transaction is aborted, a decided one completed, it is fenced
    publish ──── begin ── records ── offsets ── commit
                               └────────┴─ abort      └─ outcome unknown: the next holder's `take_over` settles it

The broker takes offsets from outside the group (KIP-447: generation -1).
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from confluent_kafka import KafkaError, KafkaException, TopicPartition

from spanstream.consumer.broker.kafka.errors import FENCED_PRODUCER, ClientErrors, verdict
from spanstream.consumer.broker.kafka.handles import new_consumer
from spanstream.consumer.broker.kafka.producer import DeadlineProducer
from spanstream.consumer.broker.protocols import Partition
from spanstream.consumer.clock import Deadline, SystemClock
from spanstream.consumer.errors import Fenced, SpanstreamError, Stop

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from spanstream.consumer.broker.kafka.config import KafkaConfig
    from spanstream.consumer.broker.protocols import Outgoing

_log = logging.getLogger(__name__)

_CLOCK = SystemClock()  # librdkafka waits by it
_ABORT_SECONDS = 5.0


class KafkaProgressPublisher:
    """Implements `protocols.ProgressPublisher`; `config` names the group and the transactional id."""

    def __init__(self, config: KafkaConfig) -> None:
        self._config = config
        self._name = config.make_transactional_id()
        # It never subscribes: it only asks for the group's offsets, and names the group in a transaction.
        self._group = new_consumer(config.lookup(), ClientErrors(config.bootstrap_servers))
        self._outbox: DeadlineProducer | None = None

    def take_over(self) -> None:
        """Hold the transactional id; the predecessor's transaction is settled when this returns.

        Raises:
            Retryable: the broker did not answer in time.
            Stop: the broker refuses this client.
        """
        outbox = DeadlineProducer(self._config.transactional_producer(self._name))
        doing = f"the announcement of {self._name}"
        try:
            outbox.insist(outbox.producer.init_transactions, doing, self._deadline())
        except KafkaException as exc:
            outbox.discard()
            raise self._judged(exc.args[0], doing) from exc
        except SpanstreamError:
            outbox.discard()
            raise
        self._outbox = outbox

    def committed(self, partitions: Iterable[Partition]) -> dict[Partition, int | None]:
        """The group's committed offsets; waits for transactions on their way to be settled.

        Raises:
            Retryable: no answer, or not settled, in time.
            Stop: the broker refuses for good.
        """
        asked = [TopicPartition(topic, number) for topic, number in partitions]
        if not asked:
            return {}
        doing = f"a question about the offsets of {self._config.group_id}"
        try:
            answers = self._group.committed(asked, self._config.request_timeout_seconds)
        except KafkaException as exc:
            raise self._judged(exc.args[0], doing) from exc
        for answer in answers:
            if answer.error is not None:
                raise self._judged(answer.error, doing)
        return {Partition(a.topic, a.partition): a.offset if a.offset >= 0 else None for a in answers}

    def publish(self, records: Sequence[Outgoing], offsets: Mapping[Partition, int]) -> None:
        """All records and all offsets in one transaction.

        Raises:
            Retryable: whether it was committed is not known.
            Fenced: another process took over; nothing is visible, and nothing will be.
            Stop: the broker refuses for good; nothing is visible.
        """
        outbox, deadline = self._outbox, self._deadline()
        if outbox is None:
            raise Stop("publishing begins with taking over the transactional id")
        doing = "publishing to " + ", ".join(sorted({record.topic for record in records}) or ["no topic"])
        committing = False
        try:
            outbox.producer.begin_transaction()
            outbox.send(records, deadline)
            outbox.flush(deadline)
            self._send_offsets(outbox, offsets, deadline)
            committing = True
            outbox.insist(outbox.producer.commit_transaction, "the commit of a transaction", deadline)
        except (KafkaException, SpanstreamError) as exc:
            error, what = outbox.first_failure or (exc.args[0], doing)
            if not committing:
                self._abort(outbox)
            self._drop()
            if isinstance(exc, KafkaException):
                raise self._judged(error, what) from exc
            raise

    def close(self) -> None:
        """Let go of the connections."""
        self._drop()
        self._group.close()

    def _drop(self) -> None:
        """Let go of the producer: its successor, or the broker's time-out, settles what it left."""
        if self._outbox is not None:
            self._outbox.discard()
            self._outbox = None

    def _send_offsets(self, outbox: DeadlineProducer, offsets: Mapping[Partition, int], deadline: Deadline) -> None:
        if not offsets:
            return
        positions = [TopicPartition(topic, number, offset) for (topic, number), offset in offsets.items()]
        metadata = self._group.consumer_group_metadata()

        def send(seconds: float) -> None:
            outbox.producer.send_offsets_to_transaction(positions, metadata, seconds)

        outbox.insist(send, "the offsets of a transaction", deadline)

    def _abort(self, outbox: DeadlineProducer) -> None:
        try:
            outbox.insist(
                outbox.producer.abort_transaction, "the abort of a transaction", Deadline(_CLOCK, _ABORT_SECONDS)
            )
        except (KafkaException, SpanstreamError) as exc:
            _log.warning("kafka_abort_failed detail=%s", exc)

    def _judged(self, error: KafkaError, doing: str) -> SpanstreamError:
        if error.code() in FENCED_PRODUCER:
            return Fenced(f"another process took over the transactional id {self._name}")
        found = verdict(error, doing)
        # From outside a group there is no member whose place another could have taken.
        return (
            Stop(found.detail, hint=f"is {self._config.group_id} another program's group?")
            if isinstance(found, Fenced)
            else found
        )

    def _deadline(self) -> Deadline:
        return Deadline(_CLOCK, self._config.publish_timeout_seconds)
