"""Headers that the products' own classes wrote (tests/support/foreign_dead_letters makes them), and damaged ones."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spanstream.consumer.answering.outcomes import Outcomes
from spanstream.consumer.broker.protocols import Headers, Partition, Record
from spanstream.consumer.replay.letters.formats import read_letter
from spanstream.consumer.replay.letters.letter import UNKNOWN, UNREADABLE, LetterFormat, LetterState
from spanstream.consumer.replay.letters.selection import Selection
from spanstream.consumer.replay.planning.headers import HeaderPolicy
from spanstream.consumer.settings import RetrySettings
from spanstream.schemas.dead_letters import Reason, Stage
from spanstream.schemas.foreign_headers import foreign_headers
from tests.support.events.asked import TOPICS, asked
from tests.support.events.dead_letters import dead_letter
from tests.support.memory.fake_time import FakeClock
from tests.support.model.fake_reader import MANIFEST

FOLDER = Path(__file__).parent / "records"
MESSAGE = "no such colour: blåu"


def headers_of(product: str) -> Headers:
    written = json.loads((FOLDER / f"{product}.json").read_text(encoding="utf-8"))
    return tuple((name, None if value is None else bytes.fromhex(value)) for name, value in written)


def record(headers: Headers) -> Record:
    return Record(Partition("dead", 0), 5, b"k", b"v", headers, 1_780_000_000_000)


@pytest.mark.parametrize(
    ("product", "reason", "stage"),
    [("connect", "org.apache.kafka.connect.errors.DataException", "VALUE_CONVERTER"),
     ("streams", "java.lang.IllegalStateException", None),
     ("spring", "java.lang.IllegalArgumentException", "billing")],
)  # fmt: skip
def test_what_another_product_wrote_is_read(product: str, reason: str, stage: str | None) -> None:
    letter = read_letter(record(headers_of(product)))
    assert letter.format == product
    assert letter.problem is None
    assert (letter.reason, letter.stage) == (reason, stage)
    assert MESSAGE in letter.detail
    assert (letter.topic, letter.partition, letter.offset) == ("orders", 3, 9_876_543_210)
    assert letter.origin == "orders/3/9876543210"


def test_an_exception_without_a_message_has_no_detail() -> None:
    letter = read_letter(record(headers_of("streams-null-message")))
    assert (letter.problem, letter.detail) == (None, "")


@pytest.mark.parametrize("product", ["connect", "streams", "spring"])
def test_of_another_products_headers_only_the_records_own_travel(product: str) -> None:
    assert HeaderPolicy().carried(headers_of(product)) == (("own", b"1"),)


def test_ours_is_read() -> None:
    sent = dead_letter("dead", "q7", origin="qa.questions", origin_partition=2, origin_offset=9, minutes=1)
    letter = read_letter(record((*sent.headers, ("dlq.model", b"minilm 1.0"))))
    assert (letter.format, letter.reason, letter.detail) == (LetterFormat.SPANSTREAM, "document_missing", "about q7")
    assert (letter.origin, letter.model, letter.stage) == ("qa.questions/2/9", "minilm 1.0", "resolve")
    assert letter.failed_at_ms == 1_769_860_860_000


@pytest.mark.parametrize("product", ["spring", "connect"])
@pytest.mark.parametrize("reason", Reason)
def test_ours_in_another_products_headers_is_read_as_theirs_is(product: str, reason: Reason) -> None:
    outcomes = Outcomes(
        TOPICS, RetrySettings(), MANIFEST, source="s", clock=FakeClock(), foreign=foreign_headers(product, "answers")
    )
    failed = asked(headers=(("own", b"1"),), question="SECRET")
    sent = outcomes.dead_letter(failed, reason, "what was wrong", Stage.RESOLVE).outgoing
    both = read_letter(record(sent.headers))
    assert (both.format, both.reason) == (LetterFormat.SPANSTREAM, reason)
    assert HeaderPolicy().carried(sent.headers) == (("own", b"1"),)
    letter = read_letter(record(tuple(header for header in sent.headers if not header[0].startswith("dlq."))))
    assert (letter.format, letter.problem, letter.detail) == (LetterFormat(product), None, "what was wrong")
    assert (letter.topic, letter.partition, letter.offset) == (both.topic, both.partition, both.offset)
    assert Selection(reasons=(reason,)).matches(letter, 0, LetterState.OPEN)
    assert not any(b"SECRET" in (value or b"") for _, value in sent.headers)
    if product == "spring":
        assert letter.written_ms == both.written_ms


def test_who_wrote_last_is_believed() -> None:
    ours = dead_letter("dead", "q").headers
    assert read_letter(record((*headers_of("connect"), *ours))).format is LetterFormat.SPANSTREAM
    assert read_letter(record((*ours, *headers_of("spring")))).format is LetterFormat.SPRING


def test_a_record_without_error_headers_is_a_letter_too() -> None:
    letter = read_letter(record((("own", b"1"),)))
    assert (letter.format, letter.reason, letter.topic) == (LetterFormat.NONE, UNKNOWN, None)


@pytest.mark.parametrize(
    ("product", "name", "value"),
    [("connect", "__connect.errors.topic", b"\xff"), ("connect", "__connect.errors.offset", b"-1"),
     ("connect", "__connect.errors.partition", b""), ("streams", "__streams.errors.exception", b"\xc3"),
     ("streams", "__streams.errors.offset", "\N{ARABIC-INDIC DIGIT ONE}".encode()),
     ("spring", "kafka_dlt-original-partition", b"\x00\x00\x03"), ("spring", "kafka_dlt-original-offset", b"\xff" * 8),
     ("spring", "kafka_dlt-original-topic", b"\xff")],
)  # fmt: skip
def test_a_header_that_cannot_be_read_is_named(product: str, name: str, value: bytes) -> None:
    letter = read_letter(record((*headers_of(product), (name, value))))
    assert letter.reason == UNREADABLE
    assert letter.problem is not None
    assert name in letter.problem
    assert letter.topic is None


def test_our_header_that_is_not_utf8_is_named() -> None:
    letter = read_letter(record((*dead_letter("dead", "q").headers, ("dlq.topic", b"\xff"))))
    assert (letter.reason, letter.problem) == (UNREADABLE, "header dlq.topic: it is not UTF-8")


names = st.sampled_from(["dlq.reason", "__connect.errors.offset", "kafka_dlt-original-offset", "__streams.errors.x"])


@given(st.lists(st.tuples(names | st.text(max_size=5), st.none() | st.binary(max_size=10)), max_size=6).map(tuple))
def test_no_headers_however_strange_keep_a_dead_letter_from_being_looked_at(headers: Headers) -> None:
    letter = read_letter(record(headers))
    assert letter.reason
    assert "\n" not in letter.detail
