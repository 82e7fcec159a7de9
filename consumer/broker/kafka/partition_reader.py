"""Reads partitions outside any group, over librdkafka: forwards from an offset, or one record at an offset."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager

import structlog
from confluent_kafka import OFFSET_BEGINNING, Consumer, KafkaError, KafkaException, Message, TopicPartition

from spanstream.consumer.broker.kafka.error_mapping import ClientErrors
from spanstream.consumer.broker.kafka.handles import checked_call, new_consumer
from spanstream.consumer.broker.kafka.lookup import Lookup, log_or_raise
from spanstream.consumer.broker.kafka.properties import Properties, follower_properties, lookup_properties
from spanstream.consumer.broker.kafka.queries import EARLIEST, LATEST, partitions_of, seen_end, to_record
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
        self._next_offsets: dict[Partition, int | None] = {}  # of the followed partitions
        self._topic_ids: dict[str, str] = {}  # of the topics that were asked about
        self._admin: TopicAdmin | None = None
        self._lookup: Lookup | None = None
        self._uncommitted_reader: Lookup | None = None
        self._consumer, self._client_errors = self._new_follower()

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
        with self._admin_client() as admin:
            topic_id = admin.topic_id(topic)
        if not topic_id:
            raise Retryable(f"there is no topic {topic} now")
        if topic_id != self._topic_ids.setdefault(topic, topic_id):
            self._topic_ids[topic] = topic_id
            self._connect_anew()
        return topic_id

    def tombstone_seconds(self, topic: str) -> float:
        """Tells how long the topic keeps a tombstone at the least.

        Raises:
            Retryable: no answer in time.
            Stop: there is no such topic, it does not say, or this client may not see its configuration.
        """
        with self._admin_client() as admin:
            spec = admin.describe([topic]).get(topic)
        if spec is None or "delete.retention.ms" not in spec.config:
            raise Stop(f"no topic {topic} with a delete.retention.ms")
        return int(spec.config["delete.retention.ms"]) / 1000

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
        self._consumer, self._client_errors = self._new_follower()
        followed, self._next_offsets = self._next_offsets, {}
        self.follow(followed)

    def _new_follower(self) -> tuple[Consumer, ClientErrors]:
        """Makes the consumer that follows, with errors of its own: one that is replaced says that its topic is gone."""
        properties = follower_properties(self._settings, uncommitted=self._uncommitted)
        client_errors = ClientErrors(properties)
        return new_consumer(properties, client_errors), client_errors

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

    @contextmanager
    def _admin_client(self) -> Iterator[TopicAdmin]:
        """Gives the admin client, made when it is first needed; one that gets no answer is replaced."""
        if self._admin is None:
            self._admin = TopicAdmin(self._settings, request_timeout_seconds=self._request_timeout_seconds)
        try:
            yield self._admin
        except Retryable:
            self._admin = None
            raise

    def _lookup_reader(self) -> Lookup:
        """Returns the second handle, made when it is first needed."""
        if self._lookup is None:
            self._lookup = self._new_lookup(lookup_properties(self._settings, uncommitted=self._uncommitted))
        return self._lookup

    def _new_lookup(self, properties: Properties) -> Lookup:
        return Lookup(properties, self._request_timeout_seconds)

    def _take(self, message: Message) -> Record | None:
        error = message.error()
        if error is not None and error.code() != _EOF:
            if error.code() not in _IGNORED:
                log_or_raise(error, f"to read {message.topic()}", message.topic() or "")
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
