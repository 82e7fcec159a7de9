"""A record of the questions or retries topic, together with what its retry headers say."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from spanstream.consumer.broker.protocols import Record
from spanstream.schemas.dead_letters import Retry
from spanstream.schemas.errors import InvalidRecord

_MAX_ATTEMPT: Final = 2**31 - 1


@dataclass(frozen=True, slots=True)
class QuestionRecord(Record):
    """A record that should hold a question.

    Attributes:
        retry: the attempts made so far and where the question first stood; None: this is the first attempt.
        headers_error: why the retry headers cannot be read; `retry` is None then.
    """

    retry: Retry | None = None
    headers_error: InvalidRecord | None = None

    @property
    def due_ms(self) -> int:
        """When it may be tried, milliseconds since the epoch; 0, at once, where no header says so."""
        return self.retry.due_ms if self.retry is not None else 0


def read_retry_headers(record: Record) -> QuestionRecord:
    """Reads the retry headers of a record; the only place that does."""
    retry: Retry | None = None
    headers_error: InvalidRecord | None = None
    try:
        retry = Retry.from_headers(record.headers)
    except InvalidRecord as error:
        headers_error = error
    return QuestionRecord(
        record.partition, record.offset, record.key, record.value, record.headers, record.timestamp_ms,
        retry, headers_error,
    )  # fmt: skip


def attempt_after(retry: Retry | None) -> int:
    """Counts attempts from 1; a header that says nonsense does not count past what the next header can hold."""
    return min(retry.attempt + 1, _MAX_ATTEMPT) if retry else 1


def origin_of(record: Record, retry: Retry | None) -> dict[str, Any]:
    """Returns where the record first stood, as the fields that retry and dead-letter headers share."""
    if retry is not None:
        return retry.model_dump(include={"topic", "partition", "offset", "timestamp_ms"})
    return {
        "topic": record.partition.topic,
        "partition": record.partition.number,
        "offset": record.offset,
        # Some clients send negative timestamps.
        "timestamp_ms": None if record.timestamp_ms is None or record.timestamp_ms < 0 else record.timestamp_ms,
    }
