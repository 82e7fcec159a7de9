"""Retry headers are read once, when a record comes in; what they say travels with it."""

from __future__ import annotations

from spanstream.consumer.answering.question_record import read_retry_headers
from spanstream.consumer.broker.protocols import Headers, Partition, Record
from spanstream.schemas.dead_letters import Reason
from tests.support.events.asked import TOPICS, retried

PLACE = Partition(TOPICS.retries, 0)


def record_with(headers: Headers) -> Record:
    return Record(PLACE, 3, b"key", b"value", headers, 5)


def test_everything_of_the_record_is_kept() -> None:
    headers = (("own", b"1"),)
    record = read_retry_headers(record_with(headers))
    assert (record.partition, record.offset, record.key, record.value) == (PLACE, 3, b"key", b"value")
    assert (record.headers, record.timestamp_ms) == (headers, 5)
    assert (record.retry, record.headers_error, record.due_ms) == (None, None, 0)


def test_a_retry_knows_its_attempt_and_when_it_is_due() -> None:
    record = retried(9_000, attempt=2)
    assert record.retry is not None
    assert (record.retry.attempt, record.due_ms, record.headers_error) == (2, 9_000, None)


def test_headers_that_cannot_be_read_are_an_error_that_is_kept_for_decoding() -> None:
    record = read_retry_headers(record_with((("retry.attempt", b"many"),)))
    assert record.headers_error is not None
    assert record.headers_error.reason is Reason.INVALID_EVENT
    assert (record.retry, record.due_ms) == (None, 0)
