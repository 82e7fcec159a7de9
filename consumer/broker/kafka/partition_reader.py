"""Reads partitions outside any group, over librdkafka: forwards from an offset, or one record at an offset."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager

import structlog
from confluent_kafka import OFFSET_BEGINNING, KafkaError, KafkaException, Message, TopicPartition

from spanstream.consumer.broker.kafka.error_mapping import ClientErrors, NeededRights, map_error
from spanstream.consumer.broker.kafka.handles import checked_call, new_consumer
from spanstream.consumer.broker.kafka.properties import Properties, follower_properties, lookup_properties
from spanstream.consumer.broker.kafka.queries import EARLIEST, LATEST, edge_offsets, partitions_of, seen_end, to_record
from spanstream.consumer.broker.kafka.topic_admin import TopicAdmin
from spanstream.consumer.broker.protocols import Partition, Record
from spanstream.consumer.errors import Retryable, Stop
from spanstream.consumer.settings import KafkaSettings
from spanstream.consumer.time_limits import REQUEST_TIMEOUT_SECONDS

_log = structlog.get_logger(__name__)

# Longest wait for what only makes the start quicker.
_LEARN_SECONDS = 1.0

# librdkafka looks for the coordinator of the group it was told to name; a reader has no use for it.
_IGNORED = frozenset({KafkaError.GROUP_AUTHORIZATION_FAILED})
_GONE = frozenset({KafkaError._AUTO_OFFSET_RESET, KafkaError.OFFSET_OUT_OF_RANGE})  # noqa: SLF001  librdkafka's name
_EOF = KafkaError._PARTITION_EOF  # noqa: SLF001  librdkafka's name


class KafkaPartitionReader:
    """Implements `spanstream.consumer.broker.protocols.PartitionReader`; not thread-safe.

    Args:
        settings: of Kafka.
        uncommitted: read the records of open and aborted transactions too, whatever the protocol says.
        request_timeout_seconds: how long an answer of the broker may take.
    """

    def __init__(
        self,
        settings: KafkaSettings,
        *,
        uncommitted: bool = False,
        request_timeout_seconds: float = REQUEST_TIMEOUT_SECONDS,
    ) -> None:
        self._settings = settings
        self._uncommitted = uncommitted
        self._request_timeout_seconds = request_timeout_seconds
        properties = follower_properties(settings, uncommitted=uncommitted)
        self._client_errors = ClientErrors(properties)
        self._next_offsets: dict[Partition, int | None] = {}  # of the followed partitions
        self._topic_ids: dict[str, str] = {}  # of the topics that were asked about
        self._admin: TopicAdmin | None = None
        self._lookup: _Lookup | None = None
        self._uncommitted_reader: _Lookup | None = None
        self._consumer = new_consumer(properties, self._client_errors)

    def partitions(self, topic: str) -> list[Partition]:
        """Returns the topic's partitions, in order.

        Raises:
            Stop: the topic does not exist.
            Retryable: no answer in time; what asked is replaced, because it may never connect again.
        """
        try:
            return partitions_of(
                self._consumer, topic, self._request_timeout_seconds, self._client_errors, self._run_callbacks
            )
        except Retryable:
            self._connect_anew()
            raise

    def follow(self, positions: Mapping[Partition, int | None]) -> None:
        """Reads exactly these from now on: each new one from its offset (None: its beginning); known ones go on."""
        gone = [partition for partition in self._next_offsets if partition not in positions]
        new = {partition: offset for partition, offset in positions.items() if partition not in self._next_offsets}
        if gone:
            self._consumer.incremental_unassign([TopicPartition(topic, number) for topic, number in gone])
        if new:
            self._learn_about({partition.topic for partition in new})
            self._consumer.incremental_assign(
                [
                    TopicPartition(topic, number, OFFSET_BEGINNING if offset is None else offset)
                    for (topic, number), offset in new.items()
                ]
            )
        for partition in gone:
            del self._next_offsets[partition]
        self._next_offsets.update(new)

    def poll(self, max_records: int, timeout_seconds: float) -> list[Record]:
        """Returns up to `max_records`; waits at most the timeout for the first one, or until a partition ended.

        Raises:
            Stop: the broker refuses this client for good.
        """
        # librdkafka would wait the whole timeout for a full batch: wait for one, then take what is there.
        try:
            messages = checked_call(self._consumer.consume, 1, timeout_seconds)
            if messages and max_records > 1:
                messages += checked_call(self._consumer.consume, max_records - 1, 0)
        except KafkaException as error:
            raise Stop(f"this reader cannot go on: {error.args[0].str()}") from error
        self._client_errors.raise_refusal()
        return [record for message in messages if (record := self._take(message)) is not None]

    def position(self, partition: Partition) -> int | None:
        """Returns the next offset to be read, past transaction markers at the end; None: nothing read yet."""
        return self._next_offsets.get(partition)

    def seen_end(self, partition: Partition) -> int | None:
        """Returns where the partition ended when it was last fetched from; None: not known."""
        return seen_end(self._consumer, partition) if partition in self._next_offsets else None

    def topic_id(self, topic: str) -> str:
        """Tells which topic has this name now: another one after it was deleted and created anew.

        Raises:
            Retryable: no answer in time, or there is no such topic now.
            Stop: this client may not see it.
        """
        if self._admin is None:
            self._admin = TopicAdmin(self._settings, request_timeout_seconds=self._request_timeout_seconds)
        try:
            topic_id = self._admin.topic_id(topic)
        except Retryable:
            self._admin = None
            raise
        if not topic_id:
            raise Retryable(f"there is no topic {topic} now")
        if topic_id != self._topic_ids.setdefault(topic, topic_id):
            self._topic_ids[topic] = topic_id
            self._connect_anew()
        return topic_id

    def begin_offsets(self, partitions: Iterable[Partition]) -> dict[Partition, int]:
        """Tells where each partition begins now.

        Raises:
            Retryable: no answer in time.
        """
        return self._lookup_reader().edges(partitions, EARLIEST)

    def end_offsets(self, partitions: Iterable[Partition]) -> dict[Partition, int]:
        """Tells where each partition ends now, before any open transaction.

        Raises:
            Retryable: no answer in time.
        """
        return self._lookup_reader().edges(partitions, LATEST)

    def written_offsets(self, partitions: Iterable[Partition]) -> dict[Partition, int]:
        """Tells where each partition ends now, behind any open transaction.

        Raises:
            Retryable: no answer in time.
        """
        if self._uncommitted_reader is None:
            self._uncommitted_reader = self._new_lookup(lookup_properties(self._settings, uncommitted=True))
        return self._uncommitted_reader.edges(partitions, LATEST)

    def read_at(self, partition: Partition, offset: int, timeout_seconds: float) -> Record | None:
        """Returns the one record at this offset; None where the topic no longer holds it. `follow` is not disturbed.

        Raises:
            Retryable: nothing came in time.
            Stop: the broker refuses this client for good.
        """
        return self._lookup_reader().read_at(partition, offset, timeout_seconds)

    def close(self) -> None:
        """Lets go of the connections."""
        self._consumer.close()
        for handle in (self._lookup, self._uncommitted_reader):
            if handle is not None:
                handle.close()
        self._lookup = self._uncommitted_reader = self._admin = None

    def _connect_anew(self) -> None:
        """Replaces all handles: they knew another topic of the same name, or got no answer. What is followed goes on.

        With librdkafka 2.16 they cannot read the new one where the old one's leader had changed: leader epochs begin
        at 0 again, and lower ones are taken for outdated.
        """
        self.close()
        properties = follower_properties(self._settings, uncommitted=self._uncommitted)
        self._consumer = new_consumer(properties, self._client_errors)
        followed, self._next_offsets = self._next_offsets, {}
        self.follow(followed)

    def _run_callbacks(self) -> None:
        """Runs what librdkafka has to tell; not where a record might come with it."""
        if not self._next_offsets:
            checked_call(self._consumer.poll, 0)

    def _learn_about(self, topics: set[str]) -> None:
        """Asks where the topics are: left to itself, librdkafka asks half a second after they are assigned."""
        for topic in topics - {partition.topic for partition in self._next_offsets}:
            try:
                self._consumer.list_topics(topic, _LEARN_SECONDS)
            except KafkaException as error:
                _log.warning("kafka_metadata_late", topic=topic, detail=error.args[0].str())

    def _lookup_reader(self) -> _Lookup:
        """Returns the second handle, made when it is first needed."""
        if self._lookup is None:
            self._lookup = self._new_lookup(lookup_properties(self._settings, uncommitted=self._uncommitted))
        return self._lookup

    def _new_lookup(self, properties: Properties) -> _Lookup:
        return _Lookup(properties, self._request_timeout_seconds)

    def _take(self, message: Message) -> Record | None:
        error = message.error()
        if error is not None and error.code() != _EOF:
            if error.code() not in _IGNORED:
                _log_or_raise(error, f"to read {message.topic()}", message.topic() or "")
            return None
        partition = Partition(message.topic() or "", message.partition() or 0)
        if partition not in self._next_offsets:
            return None
        if error is not None:
            self._next_offsets[partition] = message.offset()
            return None
        record = to_record(message, partition)
        self._next_offsets[partition] = record.next_offset
        return record


class _Lookup:
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
        with self._replaced_without_answer():
            return edge_offsets(self._consumer, partitions, edge, self._seconds, self._client_errors)

    def read_at(self, partition: Partition, offset: int, timeout_seconds: float) -> Record | None:
        with self._replaced_without_answer():
            return self._read_at(partition, offset, timeout_seconds)

    def close(self) -> None:
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
                _log_or_raise(error, f"to read {partition} at {offset}", partition.topic)
        finally:
            self._consumer.unassign()
        raise self._client_errors.no_answer(f"a read of {partition} at {offset}")


def _log_or_raise(error: KafkaError, doing: str, topic: str) -> None:
    """Logs what may mend itself, raises the rest."""
    mapped = map_error(error, doing, NeededRights(topic=f"Read on the topic {topic}"))
    if not isinstance(mapped, Retryable):
        raise Stop(mapped.detail, hint=mapped.hint)
    _log.warning("kafka_reader_error", code=error.name(), detail=error.str())
