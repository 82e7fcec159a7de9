"""Reads the error headers of four products into a `Letter`. The product that wrote last to a record counts.

| product | prefix | numbers | source of the names |
|---|---|---|---|
| spanstream | `dlq.` | decimal | schemas/dead_letters.py |
| Kafka Connect | `__connect.errors.` | decimal | 4.2.0, runtime.errors.DeadLetterQueueReporter (KIP-298) |
| Kafka Streams | `__streams.errors.` | decimal | 4.2.0, errors.internals.ExceptionHandlerUtils (KIP-1034) |
| Spring | `kafka_dlt-` | big-endian, 4 and 8 bytes | spring-kafka 3.3, listener.DeadLetterPublishingRecoverer |

Spring gives the dead letter a new timestamp, Connect and Streams that of the record that failed.

All text is UTF-8. Every product appends its headers to those of the record, so the last header is the latest.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Final

from spanstream.consumer.broker.protocols import UNREADABLE_HEADERS, Record
from spanstream.consumer.replay.letters.letter import UNKNOWN, UNREADABLE, Letter, LetterFormat, as_time
from spanstream.schemas.dead_letters import DLQ_MODEL, DLQ_PREFIX, from_headers
from spanstream.schemas.errors import InvalidRecord, one_line
from spanstream.schemas.foreign_headers import CONNECT_PREFIX, SPRING_PREFIX

STREAMS_PREFIX: Final = "__streams.errors."

_PREFIXES: Final = {
    DLQ_PREFIX: LetterFormat.SPANSTREAM,
    CONNECT_PREFIX: LetterFormat.CONNECT,
    STREAMS_PREFIX: LetterFormat.STREAMS,
    SPRING_PREFIX: LetterFormat.SPRING,
}
_INT32, _INT64 = 4, 8
_TOPIC_NAME: Final = re.compile(r"(?!\.{1,2}$)[a-zA-Z0-9._-]{1,249}")


class _BadHeader(ValueError):
    """A header's value does not have the form that its product writes."""


def read_letter(record: Record) -> Letter:
    """Reads a dead letter; where the headers cannot be read, `problem` says why."""
    letter, own_time = _read(record), as_time(record.timestamp_ms)
    failed_at_ms, written_ms = as_time(letter.failed_at_ms), as_time(letter.written_ms)
    return replace(
        letter,
        failed_at_ms=own_time if letter.failed_at_ms is None else failed_at_ms,
        written_ms=own_time if letter.written_ms is None else written_ms,
    )


def _read(record: Record) -> Letter:
    """Reads what the headers say; times that they do not give are None."""
    letter_format = _format_of(record)
    if record.headers == UNREADABLE_HEADERS:
        problem = "its headers cannot be read: a name is not UTF-8"
        return Letter(record, letter_format, UNREADABLE, problem, problem=problem)
    if letter_format is LetterFormat.NONE:
        return Letter(record, letter_format, UNKNOWN)
    try:
        letter = _READERS[letter_format](record)
    except InvalidRecord as error:
        problem = error.detail
    except _BadHeader as error:
        problem = str(error)
    else:
        if letter.topic is None or _TOPIC_NAME.fullmatch(letter.topic):
            return letter
        problem = "its headers name a topic that cannot be one"
    return Letter(record, letter_format, UNREADABLE, problem, problem=problem)


def _format_of(record: Record) -> LetterFormat:
    for name, _ in reversed(record.headers):
        for prefix, letter_format in _PREFIXES.items():
            if name.startswith(prefix):
                return letter_format
    return LetterFormat.NONE


def _spanstream(record: Record) -> Letter:
    letter = from_headers(record.headers)
    return Letter(
        record,
        LetterFormat.SPANSTREAM,
        reason=letter.reason,
        detail=letter.detail,
        stage=letter.stage,
        topic=letter.topic,
        partition=letter.partition,
        offset=letter.offset,
        failed_at_ms=round(letter.failed_at.timestamp() * 1000),
        written_ms=letter.timestamp_ms,
        model=_text(record, DLQ_MODEL),
        candidate=letter.candidate,
    )


def _connect(record: Record) -> Letter:
    return Letter(
        record,
        LetterFormat.CONNECT,
        reason=_text(record, CONNECT_PREFIX + "exception.class.name") or UNKNOWN,
        detail=one_line(_text(record, CONNECT_PREFIX + "exception.message") or ""),
        stage=_text(record, CONNECT_PREFIX + "stage"),
        topic=_text(record, CONNECT_PREFIX + "topic"),
        partition=_decimal(record, CONNECT_PREFIX + "partition"),
        offset=_decimal(record, CONNECT_PREFIX + "offset"),
    )


def _streams(record: Record) -> Letter:
    return Letter(
        record,
        LetterFormat.STREAMS,
        reason=_text(record, STREAMS_PREFIX + "exception") or UNKNOWN,
        detail=one_line(_text(record, STREAMS_PREFIX + "message") or ""),
        topic=_text(record, STREAMS_PREFIX + "topic"),
        partition=_decimal(record, STREAMS_PREFIX + "partition"),
        offset=_decimal(record, STREAMS_PREFIX + "offset"),
    )


def _spring(record: Record) -> Letter:
    # The listener's exception only wraps the real cause. The key's deserializer has headers of its own.
    names = ("exception-cause-fqcn", "exception-fqcn", "key-exception-fqcn")
    messages = ("exception-message", "key-exception-message")
    return Letter(
        record,
        LetterFormat.SPRING,
        reason=next((text for name in names if (text := _text(record, SPRING_PREFIX + name))), UNKNOWN),
        detail=one_line(next((text for name in messages if (text := _text(record, SPRING_PREFIX + name))), "")),
        stage=_text(record, SPRING_PREFIX + "original-consumer-group"),
        topic=_text(record, SPRING_PREFIX + "original-topic"),
        partition=_binary(record, SPRING_PREFIX + "original-partition", _INT32),
        offset=_binary(record, SPRING_PREFIX + "original-offset", _INT64),
        written_ms=_spring_time(record),
    )


def _spring_time(record: Record) -> int | None:
    """Returns the failed record's timestamp; None where it had none (-1), and for any other value that is no number."""
    try:
        return _binary(record, SPRING_PREFIX + "original-timestamp", _INT64)
    except _BadHeader:
        return None


_READERS: Final[Mapping[LetterFormat, Callable[[Record], Letter]]] = {
    LetterFormat.SPANSTREAM: _spanstream,
    LetterFormat.CONNECT: _connect,
    LetterFormat.STREAMS: _streams,
    LetterFormat.SPRING: _spring,
}


def _text(record: Record, name: str) -> str | None:
    value = record.header(name)
    try:
        return None if value is None else value.decode()
    except UnicodeDecodeError:
        raise _BadHeader(f"header {name}: it is not UTF-8") from None


def _decimal(record: Record, name: str) -> int | None:
    text = _text(record, name)
    if text is None:
        return None
    if not (text.isascii() and text.isdecimal() and len(text) <= len(str(2**63))):
        raise _BadHeader(f"header {name}: it is not a decimal number")
    return int(text)


def _binary(record: Record, name: str, size: int) -> int | None:
    value = record.header(name)
    if value is None:
        return None
    number = int.from_bytes(value, "big", signed=True)
    if len(value) != size or number < 0:
        raise _BadHeader(f"header {name}: it is not a number of {size} bytes, big-endian")
    return number
