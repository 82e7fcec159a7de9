"""A dead letter of any known product, in one shape, and whether it was dealt with."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final, NamedTuple

from spanstream.consumer.broker.protocols import Partition, Record

_YEAR_1: Final = -62_135_596_800_000
_YEAR_10000: Final = 253_402_300_800_000

UNREADABLE: Final = "(unreadable)"
"""The reason of a dead letter whose headers cannot be read."""
UNKNOWN: Final = "(no reason)"
"""The reason of a record that carries no error headers of a known product."""


class LetterFormat(StrEnum):
    """The product that wrote a dead letter."""

    SPANSTREAM = "spanstream"
    CONNECT = "connect"
    STREAMS = "streams"
    SPRING = "spring"
    NONE = "none"


class LetterState(StrEnum):
    """Whether a dead letter has been dealt with."""

    OPEN = "open"
    REPLAYED = "replayed"
    PARKED = "parked"


@dataclass(frozen=True, slots=True)
class Letter:
    """A record of a dead-letter topic, and what its headers say.

    Attributes:
        record: the dead letter itself; `record.partition` and `record.offset` are its place.
        format: the product that wrote it.
        reason: ours are `spanstream.schemas.errors.Reason`; the others' are the exception's class name.
        detail: one line for a person; empty where there is none.
        stage: where it failed, in the product's own words.
        topic: where the record was read from; None where the headers do not say.
        partition: its partition there.
        offset: its offset there.
        failed_at_ms: milliseconds since the epoch; the dead letter's own timestamp where no header gives a time; None
            where that is no time.
        written_ms: the same of when the record was written that failed.
        model: name and version of the model that ran, ours only.
        candidate: the span that failed validation, ours only.
        problem: why the headers cannot be read; None where they can.
    """

    record: Record
    format: LetterFormat
    reason: str
    detail: str = ""
    stage: str | None = None
    topic: str | None = None
    partition: int | None = None
    offset: int | None = None
    failed_at_ms: int | None = None
    written_ms: int | None = None
    model: str | None = None
    candidate: Mapping[str, Any] | None = None
    problem: str | None = None

    @property
    def place(self) -> str:
        """The dead letter's own position, as `TOPIC/PARTITION/OFFSET`."""
        return place_of(self.record.partition, self.record.offset)

    @property
    def origin(self) -> str | None:
        """The position the record was read from, as far as the headers say."""
        parts = [self.topic, *(str(part) for part in (self.partition, self.offset) if part is not None)]
        return None if self.topic is None else "/".join(str(part) for part in parts)


class SeenLetter(NamedTuple):
    """A dead letter, how often its record was sent again, and whether it is settled."""

    letter: Letter
    attempts: int
    state: LetterState


def as_time(milliseconds: int | None) -> int | None:
    """Returns milliseconds since the epoch if they are a time of the years 1 to 9999.

    None for any other number: some producers write microseconds, or what comes to their mind.
    """
    return None if milliseconds is None or not _YEAR_1 <= milliseconds < _YEAR_10000 else milliseconds


def place_of(partition: Partition, offset: int) -> str:
    """Returns a record's position as one word, the way it is written in headers, manifests and on the screen."""
    return f"{partition.topic}/{partition.number}/{offset}"


def identity_of(topic: str, key: bytes | None, value: bytes | None) -> str:
    """Returns SHA-256 over topic, key and value, which stays the same when a record fails again with other headers.

    Each part follows its own length (8 bytes, big-endian; all ones for null), so different records never hash the same
    input.
    """
    digest = hashlib.sha256()
    for part in (topic.encode(), key, value):
        digest.update(b"\xff" * 8 if part is None else len(part).to_bytes(8, "big"))
        digest.update(part or b"")
    return digest.hexdigest()


def sha256_of_bytes(data: bytes | None) -> str | None:
    """Returns the SHA-256 in hexadecimal; None for null, which is not the same as empty."""
    return None if data is None else hashlib.sha256(data).hexdigest()
