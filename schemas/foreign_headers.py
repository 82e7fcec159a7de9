"""Writes a dead letter's error headers as Spring Kafka and Kafka Connect do, for tools that look for those.

| product | prefix | numbers | source of the names |
|---|---|---|---|
| Kafka Connect | `__connect.errors.` | decimal | 4.2.0, runtime.errors.DeadLetterQueueReporter (KIP-298) |
| Spring | `kafka_dlt-` | big-endian, 4 and 8 bytes | spring-kafka 3.3, listener.DeadLetterPublishingRecoverer |

What this program does not know is left out: stack traces (there are none), the kind of timestamp, a task's number. The
exception's class is `spanstream.` and the reason.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from spanstream.schemas.dead_letters import DeadLetter, Headers, Stage

CONNECT_PREFIX: Final = "__connect.errors."
SPRING_PREFIX: Final = "kafka_dlt-"

ForeignHeaders = Callable[[DeadLetter], Headers]
"""Makes another product's headers of a dead letter."""

_PROGRAM: Final = "spanstream."
_INT32, _INT64 = 4, 8
_NO_TIMESTAMP: Final = -1  # ConsumerRecord.NO_TIMESTAMP


def no_headers(_: DeadLetter) -> Headers:
    """Returns none."""
    return ()


def spring_headers(group: str) -> ForeignHeaders:
    """Returns what makes Spring's headers; `group` is the consumer group that failed on the record."""

    def headers(letter: DeadLetter) -> Headers:
        timestamp_ms = _NO_TIMESTAMP if letter.timestamp_ms is None else letter.timestamp_ms
        return (
            (SPRING_PREFIX + "exception-fqcn", (_PROGRAM + letter.reason).encode()),
            (SPRING_PREFIX + "exception-message", letter.detail.encode()),
            (SPRING_PREFIX + "original-topic", letter.topic.encode()),
            (SPRING_PREFIX + "original-partition", letter.partition.to_bytes(_INT32, "big")),
            (SPRING_PREFIX + "original-offset", letter.offset.to_bytes(_INT64, "big")),
            (SPRING_PREFIX + "original-timestamp", timestamp_ms.to_bytes(_INT64, "big", signed=True)),
            (SPRING_PREFIX + "original-consumer-group", group.encode()),
        )

    return headers


def connect_headers(group: str) -> ForeignHeaders:
    """Returns what makes Connect's headers; `group` stands where Connect names the connector."""

    def headers(letter: DeadLetter) -> Headers:
        # Connect's stages: converting a record's value, and what its task does with the record.
        stage = "VALUE_CONVERTER" if letter.stage is Stage.DECODE else "TASK_PUT"
        return (
            (CONNECT_PREFIX + "topic", letter.topic.encode()),
            (CONNECT_PREFIX + "partition", str(letter.partition).encode()),
            (CONNECT_PREFIX + "offset", str(letter.offset).encode()),
            (CONNECT_PREFIX + "connector.name", group.encode()),
            (CONNECT_PREFIX + "stage", stage.encode()),
            (CONNECT_PREFIX + "class.name", (_PROGRAM + letter.stage).encode()),
            (CONNECT_PREFIX + "exception.class.name", (_PROGRAM + letter.reason).encode()),
            (CONNECT_PREFIX + "exception.message", letter.detail.encode()),
        )

    return headers


def foreign_headers(product: str, group: str) -> ForeignHeaders:
    """Returns what makes the headers of a product: `spring`, `connect`, `all` (both); none for any other name."""
    spring, connect = spring_headers(group), connect_headers(group)
    made: dict[str, ForeignHeaders] = {
        "spring": spring,
        "connect": connect,
        "all": lambda letter: (*spring(letter), *connect(letter)),
    }
    return made.get(product, no_headers)
