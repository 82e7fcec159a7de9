"""Questions that any consumer handle can put to the broker, each within a time limit; and messages made records."""

from __future__ import annotations

from operator import methodcaller
from typing import TYPE_CHECKING

from confluent_kafka import TIMESTAMP_NOT_AVAILABLE, Consumer, KafkaError, KafkaException, Message, TopicPartition

from spanstream.consumer.broker.kafka.errors import ClientErrors, verdict
from spanstream.consumer.broker.protocols import UNREADABLE_HEADERS, Headers, Partition, Record
from spanstream.consumer.clock import Deadline, SystemClock
from spanstream.consumer.errors import Retryable, Stop

if TYPE_CHECKING:
    from collections.abc import Iterable

# ListOffsets takes these in the place of a timestamp (Kafka protocol). At "latest" the broker honours the consumer's
# isolation level: a read_committed one is told the last stable offset, before any open transaction.
LATEST = -1
EARLIEST = -2

_CLOCK = SystemClock()  # librdkafka waits by it
_NO_LEADER = frozenset({KafkaError.NOT_LEADER_FOR_PARTITION, KafkaError.LEADER_NOT_AVAILABLE})
_AGAIN_SECONDS = 0.1
_get_headers = methodcaller("headers")


def to_record(message: Message, partition: Partition) -> Record:
    """The record of a message without an error."""
    kind, timestamp_ms = message.timestamp()
    return Record(
        partition,
        message.offset() or 0,
        message.key(),
        message.value(),
        _headers(message),
        None if kind == TIMESTAMP_NOT_AVAILABLE else timestamp_ms,
    )


def _headers(message: Message) -> Headers:
    """The headers; a stand-in for those of which a name is not UTF-8, for the client does not give them out.

    confluent-kafka 2.16 gives a result and leaves an exception behind, which the interpreter notices at once only in
    calls that come from C.
    """
    try:
        headers = _get_headers(message)
    except (SystemError, UnicodeDecodeError):
        return UNREADABLE_HEADERS
    return tuple(headers) if headers else ()


def partitions_of(client: Consumer, topic: str, timeout_seconds: float, heard: ClientErrors) -> list[Partition]:
    """The partitions of a topic, in order.

    Raises:
        Stop: there is no such topic, or this client may not see it.
        Retryable: no answer in time.
    """
    try:
        found = client.list_topics(topic, timeout_seconds).topics[topic]
    except KafkaException as exc:
        heard.check()
        raise heard.silence(f"a question about the topic {topic}") from exc
    if found.error is not None:
        raise verdict(found.error, f"the topic {topic}")
    if not found.partitions:
        raise Stop(f"the topic {topic} has no partitions: create it (`spanstream topics create`)")
    return [Partition(topic, number) for number in sorted(found.partitions)]


def edge_offsets(
    client: Consumer, partitions: Iterable[Partition], edge: int, timeout_seconds: float, heard: ClientErrors
) -> dict[Partition, int]:
    """Where partitions begin (`EARLIEST`) or end (`LATEST`) for this consumer; one request per broker.

    Raises:
        Retryable: no answer in time.
    """
    asked = [TopicPartition(topic, number, edge) for topic, number in partitions]
    if not asked:
        return {}
    answers = _offsets(client, asked, Deadline(_CLOCK, timeout_seconds), heard)
    edges: dict[Partition, int] = {}
    for answer in answers:
        if answer.error is not None:
            # Without a connection librdkafka calls every partition unknown.
            raise Retryable(f"the offsets of {answer.topic}[{answer.partition}] are not known: {answer.error.str()}")
        edges[Partition(answer.topic, answer.partition)] = answer.offset
    return edges


def _offsets(
    client: Consumer, asked: list[TopicPartition], deadline: Deadline, heard: ClientErrors
) -> list[TopicPartition]:
    """Asked again while a partition has no leader yet: of a topic that was just created, or a broker that moves."""
    while True:
        try:
            return client.offsets_for_times(asked, deadline.seconds_left)
        except KafkaException as exc:
            heard.check()
            if exc.args[0].code() not in _NO_LEADER or deadline.has_passed:
                raise heard.silence(f"a question about the offsets of {asked[0].topic}") from exc
            _CLOCK.sleep(_AGAIN_SECONDS)
