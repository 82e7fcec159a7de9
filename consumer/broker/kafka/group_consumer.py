"""Consumes as a member of a consumer group, over librdkafka."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import structlog
from confluent_kafka import Consumer, KafkaError, KafkaException, Message, TopicPartition

from spanstream.consumer.broker.kafka.error_mapping import UNKNOWN_TOPIC, ClientErrors, NeededRights, map_error
from spanstream.consumer.broker.kafka.handles import checked_call, new_consumer
from spanstream.consumer.broker.kafka.properties import member_properties
from spanstream.consumer.broker.kafka.queries import (
    LATEST,
    committed_offsets,
    edge_offsets,
    partitions_of,
    seen_end,
    to_record,
)
from spanstream.consumer.broker.protocols import Partition, RebalanceListener, Record
from spanstream.consumer.errors import Fenced, Retryable, SpanstreamError, Stop
from spanstream.consumer.settings import KafkaSettings
from spanstream.consumer.time_limits import REQUEST_TIMEOUT_SECONDS

_log = structlog.get_logger(__name__)

_SHORTEST_LOOK_SECONDS = 0.05
# One poll returns no more records once it has so many bytes: librdkafka fetches on while its queue is emptied.
_POLL_BYTES = 4 << 20
_UNSEEN_TOPIC_SECONDS = 2.0


class KafkaGroupConsumer:
    """Implements `protocols.GroupConsumer`; not thread-safe, as its callbacks run on the polling thread.

    Messages are taken one at a time: a rebalance then falls between two of them, and what was taken before it can be
    told from what comes after. (librdkafka's batch call may run a callback in the middle of its batch.) It costs a
    few microseconds a record.
    """

    def __init__(self, settings: KafkaSettings, *, request_timeout_seconds: float = REQUEST_TIMEOUT_SECONDS) -> None:
        self._group_id = settings.group_id
        self._needed = NeededRights(group=f"Read on the group {settings.group_id}")
        self._request_timeout_seconds = request_timeout_seconds
        self._incremental = settings.group_protocol == "consumer"
        properties = member_properties(settings)
        self._client_errors = ClientErrors(properties)
        self._listener: RebalanceListener | None = None
        self._next_offsets: dict[Partition, int | None] = {}  # of the owned partitions
        self._taken: list[Record] = []  # by the poll that is running
        self._unseen: dict[str, float] = {}  # topics, and since when they are looked for
        self._generation: Any = None  # of the latest assignment; classic only
        self._closed = False
        self._consumer = new_consumer(properties, self._client_errors)

    def subscribe(self, topics: Sequence[str], listener: RebalanceListener) -> None:
        """Joins the group; the assignment comes in a later `poll`."""
        self._listener = listener
        self._unseen = dict.fromkeys(topics, time.monotonic())
        self._consumer.subscribe(
            list(topics), on_assign=self._on_assign, on_revoke=self._on_revoke, on_lost=self._on_lost
        )

    def poll(self, max_records: int, timeout_seconds: float) -> list[Record]:
        """Returns up to `max_records`; waits at most the timeout for the first one, or until a partition ended.

        Raises:
            Stop: the broker refuses this client for good (authentication, authorization, unknown topic).
        """
        wait, taken_bytes = timeout_seconds, 0
        while len(self._taken) < max_records and taken_bytes < _POLL_BYTES:
            message = self._next_message(wait)
            if message is None:
                break
            taken_bytes += self._take(message)
            wait = 0
        self._client_errors.raise_refusal()
        self._look_for_topics(timeout_seconds)
        taken, self._taken = self._taken, []
        return taken

    def pause(self, partitions: Iterable[Partition]) -> None:
        """Stops fetching from these; what is not owned is passed over."""
        owned = self._owned(partitions)
        if owned:
            self._consumer.pause(owned)

    def resume(self, partitions: Iterable[Partition]) -> None:
        """Fetches again, from the record after the last one that `poll` returned."""
        owned = self._owned(partitions)
        if owned:
            self._consumer.resume(owned)

    def position(self, partition: Partition) -> int | None:
        """Returns the next offset `poll` would return, past transaction markers where the end was reached."""
        return self._next_offsets.get(partition)

    def seen_end(self, partition: Partition) -> int | None:
        """Returns where the partition ended when it was last fetched from; None: not known."""
        return seen_end(self._consumer, partition) if partition in self._next_offsets else None

    def end_offsets(self, topic: str) -> dict[Partition, int]:
        """Tells where each partition ends now, before any open transaction.

        Raises:
            Retryable: the broker did not answer in time.
            Stop: there is no such topic.
        """
        timeout = self._request_timeout_seconds
        partitions = partitions_of(self._consumer, topic, timeout, self._client_errors)
        return edge_offsets(self._consumer, partitions, LATEST, timeout, self._client_errors)

    def close(self) -> None:
        """Leaves the group (`on_revoked` runs first). Calling it again does nothing."""
        if not self._closed:
            try:
                checked_call(self._consumer.close)
            except KafkaException as error:
                _log.warning("kafka_close_failed", detail=str(error))
            self._closed = True

    def committed(self, partitions: Iterable[Partition], timeout_seconds: float) -> dict[Partition, int | None]:
        """Returns the group's committed offsets; waits for transactions on their way to be settled.

        Raises:
            Retryable: no answer, or not settled, in time.
            Stop: the broker refuses for good.
        """
        doing = "a question about committed offsets"
        if self._closed:
            raise Retryable(f"{doing} needs a member of the group {self._group_id}, and this one has left")
        return committed_offsets(self._consumer, partitions, timeout_seconds, doing, self._map_question_error)

    # What a publisher needs of the member whose offsets it commits.

    def group_metadata(self, partitions: Iterable[Partition]) -> Any:  # noqa: ANN401  librdkafka's, without a type
        """Returns group, generation and member under which these partitions are owned, for a transaction (KIP-447).

        Under the classic protocol it is the one of the assignment, not of this moment: librdkafka may have forgotten
        the name of a member that was expelled, and is not told of it before the next poll. Under KIP-848 the epoch
        moves on in the background and has to be the present one; the name stays.

        Raises:
            Fenced: this member does not own all of them.
        """
        self._check_owner(partitions)
        return self._consumer.consumer_group_metadata() if self._incremental else self._generation

    def commit(self, offsets: Mapping[Partition, int]) -> None:
        """Commits now, outside any transaction.

        librdkafka takes no timeout here: a coordinator that is gone would hold it for the session timeout. So the
        coordinator is asked something first, with the timeout; one that dies right after holds it that long.

        Raises:
            Fenced: the partitions are no longer this member's.
            Retryable: no answer in time.
            Stop: the broker refuses for good.
        """
        self._check_owner(offsets)
        self.committed(offsets, self._request_timeout_seconds)
        positions = [TopicPartition(topic, number, offset) for (topic, number), offset in offsets.items()]
        try:
            answers = self._consumer.commit(offsets=positions, asynchronous=False)
        except KafkaException as error:
            raise map_error(error.args[0], "the commit of offsets", self._needed) from error
        for answer in answers:
            if answer.error is not None:
                doing = f"the commit of an offset of {answer.topic}[{answer.partition}]"
                raise map_error(answer.error, doing, self._needed)

    def _check_owner(self, partitions: Iterable[Partition]) -> None:
        for partition in partitions:
            if self._closed or partition not in self._next_offsets:
                raise Fenced(f"this member of the group {self._group_id} does not own {partition}")

    def _next_message(self, timeout_seconds: float) -> Message | None:
        try:
            return checked_call(self._consumer.poll, timeout_seconds)
        except KafkaException as error:
            raise self._unusable(error.args[0]) from error

    def _unusable(self, error: KafkaError) -> Stop:
        detail = f"this group member cannot go on: {error.str()}"
        return Stop(detail, hint="is its group_instance_id used by another process?")

    def _take(self, message: Message) -> int:
        """Takes a record, or notes what else came; returns the bytes of the record, 0 where it is none."""
        error = message.error()
        if error is not None and error.code() != KafkaError._PARTITION_EOF:  # noqa: SLF001  librdkafka's name
            self._handle_error(message, error)
            return 0
        partition = Partition(message.topic() or "", message.partition() or 0)
        if partition not in self._next_offsets:
            return 0
        if error is not None:
            self._next_offsets[partition] = message.offset()
            return 0
        record = to_record(message, partition)
        self._next_offsets[partition] = record.next_offset
        self._taken.append(record)
        return record.size

    def _handle_error(self, message: Message, error: KafkaError) -> None:
        if error.fatal() or error.code() == KafkaError._FATAL:  # noqa: SLF001  librdkafka's name
            raise self._unusable(error)
        topic = message.topic()
        if error.code() in UNKNOWN_TOPIC and topic:
            self._unseen.setdefault(topic, time.monotonic())
            return
        needed = replace(self._needed, topic=f"Read on the topic {topic}") if topic else self._needed
        mapped = map_error(error, f"to feed this member of the group {self._group_id}", needed)
        if isinstance(mapped, Stop):
            raise mapped
        _log.warning("kafka_consumer_error", code=error.name(), detail=error.str())

    def _look_for_topics(self, timeout_seconds: float) -> None:
        """Asks for one of the topics that were not seen yet, because under KIP-848 a missing topic is not reported.

        A broker that has just started, or a topic that was just created, gets a moment.
        """
        topic = next(iter(self._unseen), None)
        if topic is None:
            return
        try:
            partitions_of(self._consumer, topic, max(timeout_seconds, _SHORTEST_LOOK_SECONDS), self._client_errors)
        except Retryable:
            return
        except Stop:
            if time.monotonic() - self._unseen[topic] > _UNSEEN_TOPIC_SECONDS:
                raise
        else:
            del self._unseen[topic]

    def _owned(self, partitions: Iterable[Partition]) -> list[TopicPartition]:
        return [TopicPartition(topic, number) for topic, number in partitions if (topic, number) in self._next_offsets]

    def _on_assign(self, consumer: Consumer, assignment: list[TopicPartition]) -> None:
        if self._incremental:
            consumer.incremental_assign(assignment)
        else:
            consumer.assign(assignment)
            self._generation = consumer.consumer_group_metadata()
        partitions = [Partition(tp.topic, tp.partition) for tp in assignment]
        self._next_offsets.update(dict.fromkeys(partitions))
        if partitions and self._listener is not None:
            consumer.resume(assignment)  # a pause does not outlive the assignment that it was made in
            self._listener.on_assigned(partitions)

    def _on_revoke(self, consumer: Consumer, assignment: list[TopicPartition]) -> None:
        self._release(consumer, assignment, lost=False)

    def _on_lost(self, consumer: Consumer, assignment: list[TopicPartition]) -> None:
        self._release(consumer, assignment, lost=True)

    def _release(self, consumer: Consumer, assignment: list[TopicPartition], *, lost: bool) -> None:
        gone = [Partition(tp.topic, tp.partition) for tp in assignment]
        # Not returned yet, so nobody has worked on them: the next owner gets them.
        self._taken = [record for record in self._taken if record.partition not in gone]
        try:
            if gone and self._listener is not None:
                (self._listener.on_lost if lost else self._listener.on_revoked)(gone)
        finally:
            for partition in gone:
                self._next_offsets.pop(partition, None)
            if self._incremental:
                consumer.incremental_unassign(assignment)
            else:
                consumer.unassign()

    def _map_question_error(self, kafka_error: KafkaError, doing: str) -> SpanstreamError:
        """Maps `Fenced` to `Retryable`, as nothing was published: a poll tells an expelled member what it lost."""
        error = map_error(kafka_error, doing, self._needed)
        return Retryable(str(error)) if isinstance(error, Fenced) else error
