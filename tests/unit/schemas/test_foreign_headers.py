"""Error headers in the names and encodings of other products, compared with what the products' own classes wrote."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest

from spanstream.schemas.dead_letters import DeadLetter, Headers, Reason, Stage
from spanstream.schemas.foreign_headers import foreign_headers

RECORDS = Path(__file__).parents[1] / "replay" / "records"
LETTER = DeadLetter(
    reason=Reason.DOCUMENT_MISSING,
    detail="no document 'd-7'; tried 12 times",
    stage=Stage.RESOLVE,
    topic="orders",
    partition=3,
    offset=9_876_543_210,
    timestamp_ms=1_767_312_000_123,
    attempt=12,
    failed_at=datetime(2026, 1, 2, tzinfo=UTC),
)
# What only the products know: our own text takes their place, or nothing.
SAYS = ("exception-fqcn", "exception-message", "consumer-group", "name", "stage", "exception.message")


def written_by(product: str) -> dict[str, bytes]:
    """What Spring Kafka's and Kafka Connect's classes wrote of the same place."""
    return {name: bytes.fromhex(value) for name, value in json.loads((RECORDS / f"{product}.json").read_bytes())}


def headers(product: str, letter: DeadLetter = LETTER) -> Headers:
    return foreign_headers(product, "billing")(letter)


@pytest.mark.parametrize("product", ["spring", "connect"])
def test_the_names_are_the_products_and_the_place_is_written_as_they_write_it(product: str) -> None:
    theirs = written_by(product)
    for name, value in headers(product):
        assert name in theirs
        if not name.endswith(SAYS):
            assert value == theirs[name], name


def test_they_say_why_and_who() -> None:
    spring, connect = dict(headers("spring")), dict(headers("connect"))
    assert spring["kafka_dlt-exception-fqcn"] == b"spanstream.document_missing"
    assert spring["kafka_dlt-exception-message"] == LETTER.detail.encode()
    assert spring["kafka_dlt-original-consumer-group"] == b"billing"
    assert connect["__connect.errors.exception.class.name"] == b"spanstream.document_missing"
    assert connect["__connect.errors.exception.message"] == LETTER.detail.encode()
    assert (connect["__connect.errors.stage"], connect["__connect.errors.connector.name"]) == (b"TASK_PUT", b"billing")


def test_a_record_without_a_time_has_the_clients_number_for_none() -> None:
    timeless = LETTER.model_copy(update={"timestamp_ms": None})
    assert dict(headers("spring", timeless))["kafka_dlt-original-timestamp"] == b"\xff" * 8


def test_by_default_there_are_none() -> None:
    assert headers("own") == ()
    assert headers("all") == (*headers("spring"), *headers("connect"))
