"""Asks the broker, through any consumer handle and within a time limit; and makes records of messages."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from operator import methodcaller

from confluent_kafka import TIMESTAMP_NOT_AVAILABLE, Consumer, KafkaError, KafkaException, Message, TopicPartition

from spanstream.consumer.broker.kafka.error_mapping import ClientErrors, NeededRights, map_error
from spanstream.consumer.broker.protocols import UNREADABLE_HEADERS, Headers, Partition, Record
from spanstream.consumer.clock import Deadline, SystemClock
from spanstream.consumer.errors import Retryable, SpanstreamError, Stop

# ListOffsets takes these in the place of a timestamp (Kafka protocol). At "latest" the broker honours the consumer's
# isolation level: a read_committed one is told the last stable offset, before any open transaction.
LATEST = -1
EARLIEST = -2

_CLOCK = SystemClock()  # librdkafka waits by it
_NO_LEADER = frozenset(
    {
        KafkaError.NOT_LEADER_FOR_PARTITION,
        KafkaError.LEADER_NOT_AVAILABLE,
        # The client knows of the new leader before the broker that it asks.
        KafkaError.UNKNOWN_LEADER_EPOCH,
        KafkaError.FENCED_LEADER_EPOCH,
    }
)
_RETRY_SECONDS = 0.1
_get_headers = methodcaller("headers")


def to_record(message: Message, partition: Partition) -> Record:
    """Returns the record of a message without an error."""
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
    """Returns the headers; a stand-in where a header's name is not UTF-8, for the client does not give those out.

    confluent-kafka 2.16 gives a result and leaves an exception behind, which the interpreter notices at once only in
    calls that come from C.
    """
    try:
        headers = _get_headers(message)
    except (SystemError, UnicodeDecodeError):
        return UNREADABLE_HEADERS
    return tuple(headers) if headers else ()


def seen_end(client: Consumer, partition: Partition) -> int | None:
    """Returns where a partition ended when this client last fetched from it; None: it has not. Asks nobody."""
    try:
        _, end = client.get_watermark_offsets(TopicPartition(*partition), cached=True)
    except KafkaException:  # a partition that this client has not heard of
        return None
    return end if end >= 0 else None


def partitions_of(
    client: Consumer,
    topic: str,
    timeout_seconds: float,
    client_errors: ClientErrors,
    hear_why: Callable[[], object] = lambda: None,
) -> list[Partition]:
    """Returns the partitions of a topic, in order.

    Args:
        client: asks.
        topic: the topic's name.
        timeout_seconds: how long the answer may take.
        client_errors: of this client.
        hear_why: called where no answer came; runs the client's callbacks, if nothing else can come with them.

    Raises:
        Stop: there is no such topic, or this client may not see it.
        Retryable: no answer in time.
    """
    try:
        metadata = client.list_topics(topic, timeout_seconds).topics[topic]
    except KafkaException as error:
        hear_why()
        client_errors.raise_refusal()
        raise client_errors.no_answer(f"a question about the topic {topic}") from error
    if metadata.error is not None:
        needed = NeededRights(topic=f"Describe on the topic {topic} (Read and Write include it)")
        raise map_error(metadata.error, f"the topic {topic}", needed)
    if not metadata.partitions:
        raise Stop(f"the topic {topic} has no partitions: create it (`spanstream topics create`)")
    return [Partition(topic, number) for number in sorted(metadata.partitions)]


def edge_offsets(
    client: Consumer, partitions: Iterable[Partition], edge: int, timeout_seconds: float, client_errors: ClientErrors
) -> dict[Partition, int]:
    """Tells where partitions begin (`EARLIEST`) or end (`LATEST`) for this consumer; one request per broker.

    Raises:
        Retryable: no answer in time.
    """
    asked = [TopicPartition(topic, number, edge) for topic, number in partitions]
    if not asked:
        return {}
    answers = _offsets(client, asked, Deadline(_CLOCK, timeout_seconds), client_errors)
    edges: dict[Partition, int] = {}
    for answer in answers:
        if answer.error is not None:
            # Without a connection librdkafka calls every partition unknown.
            raise Retryable(f"the offsets of {answer.topic}[{answer.partition}] are not known: {answer.error.str()}")
        edges[Partition(answer.topic, answer.partition)] = answer.offset
    return edges


def committed_offsets(
    client: Consumer,
    partitions: Iterable[Partition],
    timeout_seconds: float,
    doing: str,
    map_failure: Callable[[KafkaError, str], SpanstreamError],
) -> dict[Partition, int | None]:
    """Returns the committed offsets of the client's group; None where nothing was committed yet.

    Args:
        client: of the group; it need not be a member.
        partitions: asked about in one request.
        timeout_seconds: how long the answer may take; transactions on their way are waited for.
        doing: names the question in the text of an error.
        map_failure: makes the error to raise.
    """
    asked = [TopicPartition(topic, number) for topic, number in partitions]
    if not asked:
        return {}
    try:
        answers = client.committed(asked, timeout_seconds)
    except KafkaException as error:
        raise map_failure(error.args[0], doing) from error
    for answer in answers:
        if answer.error is not None:
            raise map_failure(answer.error, f"{doing} of {answer.topic}[{answer.partition}]")
    return {
        Partition(answer.topic, answer.partition): answer.offset if answer.offset >= 0 else None for answer in answers
    }


def _offsets(
    client: Consumer, asked: list[TopicPartition], deadline: Deadline, client_errors: ClientErrors
) -> list[TopicPartition]:
    """Asks, and asks again while a partition has no leader: the topic was just created, or a broker moves."""
    while True:
        try:
            answers = client.offsets_for_times(asked, deadline.seconds_left)
            if deadline.has_passed or not any(answer.error and answer.error.code() in _NO_LEADER for answer in answers):
                return answers
        except KafkaException as error:
            client_errors.raise_refusal()
            if error.args[0].code() not in _NO_LEADER or deadline.has_passed:
                raise client_errors.no_answer(f"a question about the offsets of {asked[0].topic}") from error
        _CLOCK.sleep(_RETRY_SECONDS)
