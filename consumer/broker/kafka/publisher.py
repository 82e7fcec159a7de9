"""Publishes records together with the consumed offsets, one transaction a call.

    publish ── begin ── records ── offsets ── commit ── done
                  │        │          │         │
                  └────────┴──────────┴─ abort  └─ outcome unknown ── next publish: commit again
                              │                                            │ the producer is beyond use
                     Retryable, Fenced, Stop                               └ new producer, ask the group

**When the outcome of a commit is not known** (the broker died, or its answer was lost) nothing may be published again
before it is. The chunk is kept as unsettled and `Retryable` is raised; the next call first settles it:

- the producer still lives: its commit is called again, which librdkafka continues rather than repeats. A broker that
  comes back either finds the commit in its transaction log and says so, or takes it now.
- the producer failed for good: a new one with the same transactional id makes the broker finish or abort what the old
  one left (`init_transactions`), and then the group's committed offsets tell which it was, because they are part of the
  transaction. A chunk without offsets leaves no such trace: that one case is a `Stop`, and a person looks.

A process that dies before the outcome is known needs none of this: whoever owns the partitions next starts from the
committed offsets.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace

import structlog
from confluent_kafka import KafkaError, KafkaException

from spanstream.consumer.broker.kafka.at_least_once import AtLeastOncePublisher
from spanstream.consumer.broker.kafka.error_mapping import FENCED_PRODUCER, Failure, NeededRights, map_error, on_topics
from spanstream.consumer.broker.kafka.group_consumer import KafkaGroupConsumer
from spanstream.consumer.broker.kafka.producer import DeadlineProducer, slice_of
from spanstream.consumer.broker.kafka.properties import (
    make_transactional_id,
    transactional_producer_properties,
)
from spanstream.consumer.broker.outgoing_chunk import OutgoingChunk
from spanstream.consumer.broker.protocols import Outgoing, Partition, Publisher
from spanstream.consumer.clock import Deadline, SystemClock
from spanstream.consumer.errors import Fenced, Retryable, SpanstreamError, Stop
from spanstream.consumer.settings import KafkaSettings
from spanstream.consumer.time_limits import ABORT_SECONDS, CLOSE_SECONDS, PUBLISH_TIMEOUT_SECONDS

_log = structlog.get_logger(__name__)

_CLOCK = SystemClock()  # librdkafka waits by the machine's clock, so a test cannot replace it
# A producer fenced once is bad luck; so many times without a commit in between is two processes with the same id.
_FENCED_PRODUCER_LIMIT = 5


def open_publisher(
    settings: KafkaSettings,
    member: KafkaGroupConsumer | None = None,
    *,
    publish_timeout_seconds: float = PUBLISH_TIMEOUT_SECONDS,
) -> Publisher:
    """Returns the publisher that `settings.transactions` asks for; without a `member` it takes no offsets."""
    kind = KafkaPublisher if settings.transactions else AtLeastOncePublisher
    return kind(settings, member, publish_timeout_seconds=publish_timeout_seconds)


class KafkaPublisher:
    """Implements `protocols.Publisher`, one transaction a call. For the thread that polls the member.

    Args:
        settings: of Kafka.
        member: the group member whose offsets are committed; None: there are no offsets to commit.
        publish_timeout_seconds: how long one `publish` may take before it raises `Retryable`.
    """

    def __init__(
        self,
        settings: KafkaSettings,
        member: KafkaGroupConsumer | None = None,
        *,
        publish_timeout_seconds: float = PUBLISH_TIMEOUT_SECONDS,
    ) -> None:
        self._settings = settings
        self._publish_timeout_seconds = publish_timeout_seconds
        self._member = member
        transactional_id = make_transactional_id(settings)
        self._properties = transactional_producer_properties(settings, transactional_id, publish_timeout_seconds)
        self._needed = NeededRights(
            group=f"Read on the group {settings.group_id}",
            transactional_id=f"Write on the transactional id {transactional_id}",
        )
        self._producer: DeadlineProducer | None = None
        self._unsettled: OutgoingChunk | None = None  # its outcome is not known
        self._committing: DeadlineProducer | None = None  # the producer that can still finish it
        self._decided = Deadline(_CLOCK, 0)  # by then the broker has aborted what no commit reached
        self._fenced_in_a_row = 0
        self._one_by_one: frozenset[str] = frozenset()  # topics that refused a batch, until a publish succeeds

    def prepare(self) -> None:
        """Announces the transactional id; what a predecessor with the same id left open is aborted now.

        Called before partitions are read: the predecessor's open transaction holds back the committed offsets.

        Raises:
            Retryable: the broker did not answer in time.
            Stop: the broker refuses this client.
        """
        self._ready_producer(Deadline(_CLOCK, self._publish_timeout_seconds))

    def publish(
        self, records: Sequence[Outgoing], offsets: Mapping[Partition, int], timeout_seconds: float = math.inf
    ) -> None:
        """Publishes all records and commits all offsets in one transaction.

        Raises:
            Retryable: not done, or its outcome is not known yet: call again with the same arguments, and the chunk
                is published once.
            Fenced: the group moved on; nothing is visible, and nothing will be.
            TooLarge: a topic takes no record of this size; nothing is visible.
            Stop: the broker refuses for good.
        """
        deadline = Deadline(_CLOCK, min(timeout_seconds, self._publish_timeout_seconds))
        chunk = OutgoingChunk(tuple(records), dict(offsets))
        unsettled = self._unsettled
        if unsettled is not None and self._settle(unsettled, deadline) and chunk.repeats(unsettled):
            return
        producer = self._ready_producer(deadline)
        try:
            producer.client.begin_transaction()
            producer.send(chunk.records, deadline, one_by_one=self._one_by_one)
            producer.flush(deadline)
            self._send_offsets(producer, chunk.offsets, deadline)
        except (KafkaException, SpanstreamError) as error:
            raise self._abort_failed(producer, chunk, error) from error
        self._unsettled, self._committing = chunk, producer
        self._decided = Deadline(_CLOCK, self._settings.transaction_timeout_seconds)
        if not self._settle(chunk, deadline):
            raise Retryable("Kafka aborted the transaction of this chunk")

    def close(self) -> None:
        """Settles what is unsettled if that is quick, and lets go."""
        if self._unsettled is not None:
            try:
                self._settle(self._unsettled, Deadline(_CLOCK, CLOSE_SECONDS))
            except SpanstreamError as error:
                _log.warning("kafka_commit_outcome_unknown_at_close", detail=str(error))
        self._discard_producer()

    def _ready_producer(self, deadline: Deadline) -> DeadlineProducer:
        """Returns the producer; a new one has announced its transactional id."""
        if self._producer is not None:
            return self._producer
        producer = DeadlineProducer(self._properties)
        doing = "the announcement of a transactional producer"
        try:
            producer.retry_until_done(producer.client.init_transactions, doing, deadline)
        except KafkaException as error:
            raise self._map_error(Failure(error.args[0], doing, self._needed)) from error
        self._producer = producer
        return producer

    def _send_offsets(self, producer: DeadlineProducer, offsets: Mapping[Partition, int], deadline: Deadline) -> None:
        if not offsets:
            return
        if self._member is None:
            raise Stop("offsets were to be committed by a publisher that belongs to no group member")
        producer.send_offsets(offsets, self._member.group_metadata(offsets), deadline)

    def _settle(self, chunk: OutgoingChunk, deadline: Deadline) -> bool:
        """Brings the chunk's commit to its end: True where it is committed, False where it is aborted.

        Raises:
            Retryable: not known by the deadline; the chunk stays unsettled.
            Fenced, Stop: as `publish`.
        """
        committed = self._commit(chunk, deadline) if self._committing is not None else None
        if committed is None:
            committed = self._was_committed(chunk, deadline)
        self._unsettled = None
        if committed:
            self._fenced_in_a_row = 0
            self._one_by_one = frozenset()
        return committed

    def _commit(self, chunk: OutgoingChunk, deadline: Deadline) -> bool | None:
        """Commits; returns True once done, None where the producer failed for good: the outcome is not known then."""
        producer = self._ready_producer(deadline)
        try:
            producer.retry_until_done(producer.client.commit_transaction, "the commit of a transaction", deadline)
        except Retryable:
            if self._decided.has_passed and self._member is not None and chunk.offsets:
                # This producer may have lost all brokers for good. A new one and the group's offsets will tell what
                # became of the chunk.
                self._committing = None
                self._discard_producer()
            raise
        except KafkaException as error:
            kafka_error = error.args[0]
            _log.warning("kafka_commit_failed", code=kafka_error.name(), detail=kafka_error.str())
            self._committing = None
            if kafka_error.txn_requires_abort():
                self._unsettled = None
                raise self._abort_failed(producer, chunk, error) from error
            self._discard_producer()
            return None
        self._committing = None
        return True

    def _was_committed(self, chunk: OutgoingChunk, deadline: Deadline) -> bool:
        """Asks the group for the chunk's offsets; a new producer first makes the broker end the old transaction."""
        self._ready_producer(deadline)
        if self._member is None or not chunk.offsets:
            self._unsettled = None
            raise Stop(f"whether {len(chunk.records)} records were published is not known: look into their topics")
        committed = self._member.committed(chunk.offsets, slice_of(deadline))
        # Of a partition that nothing is committed of, not even 0 is.
        done = [
            (at := committed[partition]) is not None and at >= offset for partition, offset in chunk.offsets.items()
        ]
        if any(done) and not all(done):
            self._unsettled = None
            raise Fenced("another member has committed offsets of this chunk's partitions")
        return all(done)

    def _abort_failed(
        self, producer: DeadlineProducer, chunk: OutgoingChunk, error: KafkaException | SpanstreamError
    ) -> SpanstreamError:
        """Aborts the chunk's transaction; returns the shell's error for what went wrong."""
        refused_record = producer.first_failure  # before the abort adds its own
        refused_for_size = producer.refused_for_size
        fatal = self._abort(producer)
        if isinstance(error, SpanstreamError):
            outcome = error
        elif refused_for_size - self._one_by_one:
            self._one_by_one |= refused_for_size
            return Retryable(f"{chunk.doing}: a batch is too large for its topic, its records are sent one by one")
        else:
            needed = replace(self._needed, topic=on_topics("Write", producer.unwritable_of(chunk.topics)))
            failures = [Failure(error.args[0], chunk.doing, needed)]
            if refused_record is not None:
                failures.insert(0, refused_record)
            if fatal is not None:
                failures.append(Failure(fatal, chunk.doing, needed))
            outcome = self._map_first_cause(failures, is_fatal=fatal is not None)
        if isinstance(outcome, Retryable):
            # This producer may have lost all brokers for good (see "metadata.recovery.strategy" in properties.py).
            self._discard_producer()
        return outcome

    def _map_first_cause(self, failures: Sequence[Failure], *, is_fatal: bool) -> SpanstreamError:
        """Chooses among all that failed: a refusal, else what ended the producer (the last), else what came first."""
        refusals = (mapped for failure in failures if isinstance(mapped := map_error(*failure), Stop))
        return next(refusals, None) or self._map_error(failures[-1 if is_fatal else 0])

    def _abort(self, producer: DeadlineProducer) -> KafkaError | None:
        """Aborts; discards a producer that cannot, and returns the reason where that is a fatal error."""
        deadline = Deadline(_CLOCK, min(ABORT_SECONDS, self._publish_timeout_seconds))
        try:
            producer.retry_until_done(producer.client.abort_transaction, "the abort of a transaction", deadline)
        except (KafkaException, SpanstreamError) as error:
            _log.warning("kafka_abort_failed", detail=str(error))
            self._discard_producer()  # the next producer's init_transactions aborts it
            return error.args[0] if isinstance(error, KafkaException) and error.args[0].fatal() else None
        return None

    def _map_error(self, failure: Failure) -> SpanstreamError:
        if failure.error.code() in FENCED_PRODUCER:
            self._fenced_in_a_row += 1
            if self._fenced_in_a_row >= _FENCED_PRODUCER_LIMIT:
                name = self._properties["transactional.id"]
                return Stop(f"another process keeps taking the transactional id {name}: give each process its own")
        return map_error(*failure)

    def _discard_producer(self) -> None:
        if self._producer is not None:
            self._producer.discard()
            self._producer = None
