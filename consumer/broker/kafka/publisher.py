"""Publishing with the consumed offsets, over librdkafka: one transaction a call, or at least once without any.

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

import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING

from confluent_kafka import KafkaError, KafkaException, TopicPartition

from spanstream.consumer.broker.kafka.errors import FENCED_PRODUCER, verdict
from spanstream.consumer.broker.kafka.producer import DeadlineProducer, slice_of
from spanstream.consumer.clock import Deadline, SystemClock
from spanstream.consumer.errors import Fenced, Retryable, SpanstreamError, Stop

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from spanstream.consumer.broker.kafka.config import KafkaConfig
    from spanstream.consumer.broker.kafka.group_consumer import KafkaGroupConsumer
    from spanstream.consumer.broker.protocols import Outgoing, Partition, Publisher

_log = logging.getLogger(__name__)

_CLOCK = SystemClock()  # librdkafka waits by it, whatever a test would like
_ABORT_SECONDS = 5.0
_CLOSE_SECONDS = 5.0
# A producer fenced once is bad luck; so many times without a commit in between is two processes with the same id.
_FENCED_PRODUCER_LIMIT = 5


@dataclass(frozen=True, slots=True)
class _Chunk:
    """What one call of `publish` was given."""

    records: tuple[Outgoing, ...]
    offsets: Mapping[Partition, int]

    @property
    def doing(self) -> str:
        """For a message to a person."""
        topics = ", ".join(sorted({record.topic for record in self.records}))
        return f"publishing to {topics}" if topics else "a commit of offsets"

    def repeats(self, other: _Chunk) -> bool:
        """The same input, by its offsets (a caller may have made the output anew); without any, the same output."""
        return self.offsets == other.offsets if self.offsets or other.offsets else self.records == other.records


def open_publisher(config: KafkaConfig, member: KafkaGroupConsumer | None = None) -> Publisher:
    """The publisher that `config.transactions` asks for; without a `member` it takes no offsets."""
    return KafkaPublisher(config, member) if config.transactions else AtLeastOncePublisher(config, member)


class KafkaPublisher:
    """Implements `protocols.Publisher`, one transaction a call. For the thread that polls the member."""

    def __init__(self, config: KafkaConfig, member: KafkaGroupConsumer | None = None) -> None:
        self._config = config
        self._member = member
        self._properties = config.transactional_producer(config.make_transactional_id())
        self._outbox: DeadlineProducer | None = None
        self._unsettled: _Chunk | None = None  # its outcome is not known
        self._committing: DeadlineProducer | None = None  # the producer that can still finish it
        self._decided = Deadline(_CLOCK, 0)  # by then the broker has aborted what it did not hear of
        self._fenced_in_a_row = 0

    def prepare(self) -> None:
        """Announce the transactional id; what a predecessor with the same id left open is aborted now.

        Worth calling before subscribing: the predecessor's open transaction holds back the committed offsets.

        Raises:
            Retryable: the broker did not answer in time.
            Stop: the broker refuses this client.
        """
        self._ready(Deadline(_CLOCK, self._config.publish_timeout_seconds))

    def publish(self, records: Sequence[Outgoing], offsets: Mapping[Partition, int]) -> None:
        """All records and all offsets in one transaction.

        Raises:
            Retryable: not done, or its outcome is not known yet: call again with the same arguments, and the chunk
                is published once.
            Fenced: the group moved on; nothing is visible, and nothing will be.
            Stop: the broker refuses for good.
        """
        deadline = Deadline(_CLOCK, self._config.publish_timeout_seconds)
        chunk = _Chunk(tuple(records), dict(offsets))
        unsettled = self._unsettled
        if unsettled is not None and self._settle(unsettled, deadline) and chunk.repeats(unsettled):
            return
        outbox = self._ready(deadline)
        try:
            outbox.producer.begin_transaction()
            outbox.send(chunk.records, deadline)
            outbox.flush(deadline)
            self._send_offsets(outbox, chunk.offsets, deadline)
        except (KafkaException, SpanstreamError) as exc:
            raise self._abandoned(outbox, chunk, exc) from exc
        self._unsettled, self._committing = chunk, outbox
        self._decided = Deadline(_CLOCK, self._config.transaction_timeout_seconds)
        if not self._settle(chunk, deadline):
            raise Retryable("Kafka aborted the transaction of this chunk")

    def close(self) -> None:
        """Settle what is unsettled if that is quick, and let go."""
        if self._unsettled is not None:
            try:
                self._settle(self._unsettled, Deadline(_CLOCK, _CLOSE_SECONDS))
            except SpanstreamError as exc:
                _log.warning("kafka_commit_outcome_unknown_at_close detail=%s", exc)
        self._drop()

    def _ready(self, deadline: Deadline) -> DeadlineProducer:
        if self._outbox is not None:
            return self._outbox
        outbox = DeadlineProducer(self._properties)
        try:
            outbox.insist(outbox.producer.init_transactions, "the announcement of a transactional producer", deadline)
        except KafkaException as exc:
            raise self._judged(exc.args[0], "the announcement of a transactional producer") from exc
        self._outbox = outbox
        return outbox

    def _send_offsets(self, outbox: DeadlineProducer, offsets: Mapping[Partition, int], deadline: Deadline) -> None:
        if not offsets:
            return
        if self._member is None:
            raise Stop("offsets were to be committed by a publisher that belongs to no group member")
        positions = [TopicPartition(topic, number, offset) for (topic, number), offset in offsets.items()]
        metadata = self._member.group_metadata(offsets)

        def send(seconds: float) -> None:
            outbox.producer.send_offsets_to_transaction(positions, metadata, seconds)

        outbox.insist(send, "the offsets of a transaction", deadline)

    def _settle(self, chunk: _Chunk, deadline: Deadline) -> bool:
        """Bring the chunk's commit to its end: True where it is committed, False where it is aborted.

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
        return committed

    def _commit(self, chunk: _Chunk, deadline: Deadline) -> bool | None:
        """True: committed. None: the producer failed for good, and the broker may have done either."""
        outbox = self._ready(deadline)
        try:
            outbox.insist(outbox.producer.commit_transaction, "the commit of a transaction", deadline)
        except Retryable:
            if self._decided.has_passed and self._member is not None and chunk.offsets:
                # As in `_abandoned`; a successor and the group's offsets will tell what became of it.
                self._committing = None
                self._drop()
            raise
        except KafkaException as exc:
            error = exc.args[0]
            _log.warning("kafka_commit_failed code=%s detail=%s", error.name(), error.str())
            self._committing = None
            if error.txn_requires_abort():
                self._unsettled = None
                raise self._abandoned(outbox, chunk, exc) from exc
            self._drop()
            return None
        self._committing = None
        return True

    def _was_committed(self, chunk: _Chunk, deadline: Deadline) -> bool:
        """What the group says. The new producer comes first: it makes the broker decide what the old one left."""
        self._ready(deadline)
        if self._member is None or not chunk.offsets:
            self._unsettled = None
            raise Stop(f"whether {len(chunk.records)} records were published is not known: look into their topics")
        found = self._member.committed(chunk.offsets, slice_of(deadline))
        done = [(found[partition] or 0) >= offset for partition, offset in chunk.offsets.items()]
        if any(done) and not all(done):
            self._unsettled = None
            raise Fenced("another member has committed offsets of this chunk's partitions")
        return all(done)

    def _abandoned(
        self, outbox: DeadlineProducer, chunk: _Chunk, exc: KafkaException | SpanstreamError
    ) -> SpanstreamError:
        """Abort, and say what the failure means."""
        first = outbox.first_failure  # before the abort adds its own
        fatal = self._abort(outbox)
        found = exc if isinstance(exc, SpanstreamError) else self._meaning(exc, chunk, first, fatal)
        if isinstance(found, Retryable):
            # It may have lost all brokers for good (see "metadata.recovery.strategy"): the next try is a new one's.
            self._drop()
        return found

    def _meaning(
        self,
        exc: KafkaException,
        chunk: _Chunk,
        first: tuple[KafkaError, str] | None,
        fatal: KafkaError | None,
    ) -> SpanstreamError:
        """Of all that failed, a refusal first, then what ended the producer, then what came first."""
        failures = [(exc.args[0], chunk.doing)]
        if first is not None:
            failures.insert(0, first)
        if fatal is not None:
            failures.append((fatal, chunk.doing))
        refusals = (found for failure in failures if isinstance(found := verdict(*failure), Stop))
        return next(refusals, None) or self._judged(*failures[-1 if fatal is not None else 0])

    def _abort(self, outbox: DeadlineProducer) -> KafkaError | None:
        """Abort; a producer that cannot is dropped, and where it is beyond use, the reason returned."""
        deadline = Deadline(_CLOCK, min(_ABORT_SECONDS, self._config.publish_timeout_seconds))
        try:
            outbox.insist(outbox.producer.abort_transaction, "the abort of a transaction", deadline)
        except (KafkaException, SpanstreamError) as exc:
            _log.warning("kafka_abort_failed detail=%s", exc)
            self._drop()  # the next producer's init_transactions aborts it
            return exc.args[0] if isinstance(exc, KafkaException) and exc.args[0].fatal() else None
        return None

    def _judged(self, error: KafkaError, doing: str) -> SpanstreamError:
        if error.code() in FENCED_PRODUCER:
            self._fenced_in_a_row += 1
            if self._fenced_in_a_row >= _FENCED_PRODUCER_LIMIT:
                name = self._properties["transactional.id"]
                return Stop(f"another process keeps taking the transactional id {name}: give each process its own")
        return verdict(error, doing)

    def _drop(self) -> None:
        if self._outbox is not None:
            self._outbox.discard()
            self._outbox = None


class AtLeastOncePublisher:
    """Implements `protocols.Publisher` without transactions: records first, then the offsets.

    What fails in between is published again by whoever reads the input again; readers see the failed attempt too.
    """

    def __init__(self, config: KafkaConfig, member: KafkaGroupConsumer | None = None) -> None:
        self._config = config
        self._member = member
        self._outbox: DeadlineProducer | None = None

    def publish(self, records: Sequence[Outgoing], offsets: Mapping[Partition, int]) -> None:
        """All records, and then all offsets.

        Raises:
            Retryable: not done; some of it may be visible, and will be again.
            Fenced: the offsets are another member's to commit now; the records are visible.
            Stop: the broker refuses for good.
        """
        deadline = Deadline(_CLOCK, self._config.publish_timeout_seconds)
        if self._outbox is None:
            self._outbox = DeadlineProducer(self._config.producer())
        try:
            self._outbox.send(records, deadline)
            self._outbox.flush(deadline)
        except KafkaException as exc:
            error, doing = self._outbox.first_failure or (exc.args[0], "publishing")
            self.close()
            raise verdict(error, doing) from exc
        except SpanstreamError:
            self.close()
            raise
        if not offsets:
            return
        if self._member is None:
            raise Stop("offsets were to be committed by a publisher that belongs to no group member")
        self._member.commit(offsets, self._config.request_timeout_seconds)

    def close(self) -> None:
        """Let go of the connections, and of what was not sent."""
        if self._outbox is not None:
            self._outbox.discard()
            self._outbox = None
