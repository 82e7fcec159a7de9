"""Mutates records: the JSON of their values, their bytes, their keys, headers and timestamps."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import replace
from typing import Final

from spanstream.consumer.broker.protocols import UNREADABLE_HEADERS, Headers, Record
from tests.fuzzing.json_values import mutate_tree, tree_of, written
from tests.fuzzing.texts import odd_text

_ODD_BYTES: Final = (
    b"", b"\x00", b"\xff", b"\xed\xa0\x80", b"\xef\xbb\xbf", b"\xc0\x80", b"\xf4\x90\x80\x80", b"{", b"}", b'"',
    b"\\", b"\\u",
    b"null", b"[]", b"0", b" " * 300, b"\x00\x00\x00\x07", b"\x7f" * 8, b"\xff" * 8, b"9" * 19, b"9" * 20, b"-1",
)  # fmt: skip
_ODD_NAMES: Final = (
    "", "dlq.", "dlq.reason", "dlq.topic", "dlq.candidate", "dlq.unknown", "retry.", "retry.attempt", "retry.due",
    "replay.attempt",
    "replay.timestamp", "replay.source", "traceparent", "ce_id", "__connect.errors.", "__connect.errors.topic",
    "__streams.errors.topic",
    "__streams.errors.offset", "kafka_dlt-", "kafka_dlt-original-topic", "kafka_dlt-original-timestamp", "own",
    "n" * 300,
)  # fmt: skip
_ODD_TIMES: Final = (
    None, -1, 0, 1, -(2**63), 2**63 - 1, 1_790_000_000_000_000, 1_790_000_000_000_000_000, 253_402_300_799_999,
    253_402_300_800_000,
    -62_135_596_800_000, -62_135_596_800_001,
)  # fmt: skip


def mutated(draw: random.Random, record: Record) -> Record:
    """Returns the record with one to four mutations."""
    for _ in range(draw.choice((1, 1, 1, 2, 2, 3, 4))):
        record = draw.choices(_MUTATIONS, _WEIGHTS)[0](draw, record)
    return record


def _json(draw: random.Random, record: Record) -> Record:
    try:
        tree = tree_of(record.value or b"")
    except (ValueError, RecursionError):
        return _bytes(draw, record)
    for _ in range(draw.randint(1, 2)):
        tree = mutate_tree(draw, tree)
    try:
        return replace(record, value=written(tree).encode())
    except (UnicodeEncodeError, RecursionError):
        return record


def _bytes(draw: random.Random, record: Record) -> Record:
    return replace(record, value=_mutated_bytes(draw, record.value))


def _key(draw: random.Random, record: Record) -> Record:
    odd = (None, b"", odd_text(draw).encode(), (record.key or b"") + b"\x00", b"k" * 5_000)
    return replace(record, key=draw.choice((*odd, _mutated_bytes(draw, record.key))))


def _timestamp(draw: random.Random, record: Record) -> Record:
    return replace(record, timestamp_ms=draw.choice(_ODD_TIMES))


def _headers(draw: random.Random, record: Record) -> Record:
    headers = list(record.headers)
    kind = draw.randrange(7)
    place = draw.randrange(len(headers)) if headers else 0
    if kind == 0:
        return replace(record, headers=UNREADABLE_HEADERS)
    if kind == 1:
        draw.shuffle(headers)
    elif kind == 2 and headers:
        del headers[place]
    elif kind == 3 and headers:
        headers[place] = (draw.choice(_ODD_NAMES), headers[place][1])
    elif kind == 4:
        headers += [(draw.choice(_ODD_NAMES), draw.choice(_ODD_BYTES)) for _ in range(draw.choice((1, 3, 100)))]
    elif headers:
        headers[place] = (headers[place][0], _header_value(draw, headers))
    return replace(record, headers=tuple(headers))


def _header_value(draw: random.Random, headers: list[tuple[str, bytes | None]]) -> bytes | None:
    other: Headers = (draw.choice(headers),)
    return draw.choice((None, draw.choice(_ODD_BYTES), odd_text(draw).encode(), other[0][1]))


def _mutated_bytes(draw: random.Random, value: bytes | None) -> bytes | None:
    if value is None:
        return draw.choice(_ODD_BYTES)
    start = draw.randint(0, len(value))
    end = min(len(value), start + draw.choice((0, 1, 1, 8, 100_000)))
    between = draw.choice((draw.choice(_ODD_BYTES), b"", value[start:end] * 2, bytes([draw.randrange(256)])))
    return draw.choice((value[:start] + between + value[end:], value[:start] + between + value[end:], None))


_MUTATIONS: Final[tuple[Callable[[random.Random, Record], Record], ...]] = (_json, _bytes, _key, _headers, _timestamp)
_WEIGHTS: Final = (10, 2, 2, 4, 1)
