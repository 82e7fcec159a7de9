"""Questions that any consumer handle can put to the broker, each within a time limit; and messages made records."""

from __future__ import annotations

from typing import TYPE_CHECKING

from confluent_kafka import TIMESTAMP_NOT_AVAILABLE, Consumer, KafkaException, Message, TopicPartition

from consumer.broker import Partition, Record
from consumer.errors import Retryable, Stop
from consumer.kafka.verdicts import ClientErrors, verdict

if TYPE_CHECKING:
    from collections.abc import Iterable

# ListOffsets takes these in the place of a timestamp (Kafka protocol). At "latest" the broker honours the consumer's
# isolation level: a read_committed one is told the last stable offset, before any open transaction.
LATEST = -1
EARLIEST = -2


def to_record(message: Message, partition: Partition) -> Record:
    """The record of a message without an error."""
    kind, timestamp_ms = message.timestamp()
    headers = message.headers()
    return Record(
        partition,
        message.offset() or 0,
        message.key(),
        message.value(),
        tuple(headers) if headers else (),  # type: ignore[arg-type] # what was read is a list of (str, bytes | None)
        None if kind == TIMESTAMP_NOT_AVAILABLE else timestamp_ms,
    )


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
    try:
        answers = client.offsets_for_times(asked, timeout_seconds)
    except KafkaException as exc:
        heard.check()
        raise heard.silence(f"a question about the offsets of {asked[0].topic}") from exc
    edges: dict[Partition, int] = {}
    for answer in answers:
        if answer.error is not None:
            # Without a connection librdkafka calls every partition unknown.
            raise Retryable(f"the offsets of {answer.topic}[{answer.partition}] are not known: {answer.error.str()}")
        edges[Partition(answer.topic, answer.partition)] = answer.offset
    return edges
