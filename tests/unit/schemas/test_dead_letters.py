from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spanstream.schemas.dead_letters import (
    DLQ_HEADERS,
    RETRY_HEADERS,
    DeadLetter,
    Retry,
    Stage,
    from_headers,
    own_headers,
    to_headers,
)
from spanstream.schemas.errors import InvalidRecord, Reason
from tests.support.events import event_strategies

LETTER = DeadLetter(
    reason=Reason.SPAN_MISMATCH,
    detail="the tokens say one thing, the text another",
    stage=Stage.VALIDATE,
    topic="qa.questions",
    partition=3,
    offset=12345678901,
    timestamp_ms=1_767_312_000_123,
    attempt=2,
    failed_at=datetime(2026, 1, 2, 3, 4, 5, 678_000, tzinfo=UTC),
    candidate={"text": "in Ghent", "char_start": 4, "char_end": 12},
)
RETRY = Retry(
    attempt=1,
    due_ms=1_767_312_030_123,
    reason=Reason.DOCUMENT_MISSING,
    detail="document d is not there yet",
    topic="qa.questions",
    partition=3,
    offset=7,
    timestamp_ms=1_767_312_000_123,
)
REQUIRED_DLQ = [name for name in DLQ_HEADERS.values() if name not in {"dlq.timestamp", "dlq.candidate"}]
REQUIRED_RETRY = [name for name in RETRY_HEADERS.values() if name != "retry.timestamp"]
counts = st.integers(0, 2**31 - 1)
offsets = st.integers(0, 2**63 - 1)
patient = settings(deadline=None)
json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | event_strategies.texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(event_strategies.texts, inner, max_size=3),
    max_leaves=8,
)
letters = st.builds(
    DeadLetter,
    reason=st.sampled_from(Reason),
    detail=st.text(max_size=400),
    stage=st.sampled_from(Stage),
    topic=event_strategies.names,
    partition=counts,
    offset=offsets,
    timestamp_ms=st.none() | offsets,
    attempt=st.integers(1, 2**31 - 1),
    failed_at=event_strategies.times,
    candidate=st.none() | st.dictionaries(event_strategies.texts, json_values, max_size=4),
)
retries = st.builds(
    Retry,
    attempt=st.integers(1, 2**31 - 1),
    due_ms=offsets,
    reason=st.sampled_from(Reason),
    detail=st.text(max_size=400),
    topic=event_strategies.names,
    partition=counts,
    offset=offsets,
    timestamp_ms=st.none() | offsets,
)


def replaced(headers: tuple[tuple[str, bytes | None], ...], name: str, value: bytes | None) -> list[Any]:
    return [(header, value if header == name else old) for header, old in headers]


@patient
@given(letters)
def test_a_dead_letter_survives_its_headers(letter: DeadLetter) -> None:
    assert from_headers(to_headers(letter, ())) == letter


@patient
@given(retries)
def test_a_retry_survives_its_headers(retry: Retry) -> None:
    assert Retry.from_headers(retry.to_headers(())) == retry


def test_headers_are_readable_text() -> None:
    assert dict(to_headers(LETTER, ())) == {
        "dlq.reason": b"span_mismatch",
        "dlq.detail": b"the tokens say one thing, the text another",
        "dlq.stage": b"validate",
        "dlq.topic": b"qa.questions",
        "dlq.partition": b"3",
        "dlq.offset": b"12345678901",
        "dlq.timestamp": b"1767312000123",
        "dlq.attempt": b"2",
        "dlq.failed_at": b"2026-01-02T03:04:05.678Z",
        "dlq.candidate": b'{"text":"in Ghent","char_start":4,"char_end":12}',
    }
    assert dict(RETRY.to_headers(())) == {
        "retry.attempt": b"1",
        "retry.due": b"1767312030123",
        "retry.reason": b"document_missing",
        "retry.detail": b"document d is not there yet",
        "retry.topic": b"qa.questions",
        "retry.partition": b"3",
        "retry.offset": b"7",
        "retry.timestamp": b"1767312000123",
    }


OWN = (("traceparent", b"00-1"), ("b", None), ("a", b"\xff"), ("b", b""), ("dlqx", b"1"), ("x.dlq.reason", b"2"))


def test_a_records_own_headers_are_kept_in_order_byte_for_byte() -> None:
    assert to_headers(LETTER, OWN)[: len(OWN)] == OWN
    assert RETRY.to_headers(OWN)[: len(OWN)] == OWN
    assert own_headers(to_headers(LETTER, OWN)) == OWN


def test_earlier_headers_of_ours_are_replaced_not_stacked() -> None:
    again = RETRY.to_headers((*OWN, ("dlq.unknown", b"\xff"), ("retry.old", None)))
    for _ in range(3):
        again = RETRY.to_headers(to_headers(LETTER, again))
    assert again == RETRY.to_headers(OWN)
    assert to_headers(LETTER, again) == to_headers(LETTER, OWN)


def test_without_a_timestamp_or_candidate_there_is_no_such_header() -> None:
    bare = LETTER.model_copy(update={"timestamp_ms": None, "candidate": None})
    headers = to_headers(bare, ())
    assert {"dlq.timestamp", "dlq.candidate"}.isdisjoint(dict(headers))
    assert from_headers(headers) == bare


@pytest.mark.parametrize("name", REQUIRED_DLQ)
def test_a_dead_letter_without_a_required_header_is_invalid(name: str) -> None:
    headers = [header for header in to_headers(LETTER, OWN) if header[0] != name]
    with pytest.raises(InvalidRecord, match=rf"header {name}: it is missing") as caught:
        from_headers(headers)
    assert caught.value.reason == Reason.INVALID_EVENT


@pytest.mark.parametrize("name", REQUIRED_RETRY)
def test_a_retry_with_only_some_of_its_headers_is_invalid(name: str) -> None:
    with pytest.raises(InvalidRecord, match=rf"header {name}: it is missing"):
        Retry.from_headers([header for header in RETRY.to_headers(OWN) if header[0] != name])


@pytest.mark.parametrize("name", DLQ_HEADERS.values())
def test_a_dead_letter_header_that_is_not_utf8_is_undecodable(name: str) -> None:
    with pytest.raises(InvalidRecord, match=rf"header {name}: it is not UTF-8") as caught:
        from_headers(replaced(to_headers(LETTER, ()), name, b"1\xff"))
    assert caught.value.reason == Reason.UNDECODABLE


@pytest.mark.parametrize("name", RETRY_HEADERS.values())
def test_a_retry_header_without_a_value_is_invalid(name: str) -> None:
    with pytest.raises(InvalidRecord, match=rf"header {name}: it has no value"):
        Retry.from_headers(replaced(RETRY.to_headers(()), name, None))


@pytest.mark.parametrize(
    "wrong", [b"", b"x", b"-1", b"+1", b" 1", b"1_0", b"1.0", "\u0661".encode(), b"9" * 19, b"9" * 5_000]
)
@pytest.mark.parametrize("name", ["partition", "offset", "timestamp", "attempt"])
def test_a_number_in_a_header_is_plain_decimal_within_its_range(name: str, wrong: bytes) -> None:
    with pytest.raises(InvalidRecord, match=rf"header dlq\.{name}: ") as caught:
        from_headers(replaced(to_headers(LETTER, ()), f"dlq.{name}", wrong))
    assert caught.value.reason == Reason.INVALID_EVENT
    with pytest.raises(InvalidRecord, match=rf"header retry\.{name}: "):
        Retry.from_headers(replaced(RETRY.to_headers(()), f"retry.{name}", wrong))


@pytest.mark.parametrize(
    ("name", "wrong", "reason"),
    [
        ("dlq.reason", b"bad_luck", Reason.INVALID_EVENT),
        ("dlq.reason", b"", Reason.INVALID_EVENT),
        ("dlq.stage", b"DECODE", Reason.INVALID_EVENT),
        ("dlq.topic", b"", Reason.INVALID_EVENT),
        ("dlq.attempt", b"0", Reason.INVALID_EVENT),
        ("dlq.partition", b"2147483648", Reason.INVALID_EVENT),
        ("dlq.offset", b"9223372036854775808", Reason.INVALID_EVENT),
        ("dlq.failed_at", b"yesterday", Reason.INVALID_EVENT),
        ("dlq.failed_at", b"2026-01-02T03:04:05+00:00", Reason.INVALID_EVENT),
        ("dlq.candidate", b"[]", Reason.INVALID_EVENT),
        ("dlq.candidate", b"null", Reason.INVALID_EVENT),
        ("dlq.candidate", b"{", Reason.UNDECODABLE),
        ("dlq.candidate", b'{"a":NaN}', Reason.UNDECODABLE),
        ("dlq.candidate", b"[" * 10_000, Reason.UNDECODABLE),
    ],
)
def test_a_wrong_header_is_refused_in_one_line_that_names_it(name: str, wrong: bytes, reason: Reason) -> None:
    with pytest.raises(InvalidRecord) as caught:
        from_headers(replaced(to_headers(LETTER, ()), name, wrong))
    assert caught.value.reason == reason
    assert caught.value.detail.startswith(f"header {name}: ")
    assert caught.value.__context__ is None or caught.value.__suppress_context__


@patient
@given(st.dictionaries(st.sampled_from([*DLQ_HEADERS.values(), *RETRY_HEADERS.values()]), st.none() | st.binary()))
def test_any_headers_are_read_or_an_invalid_record(damage: dict[str, bytes | None]) -> None:
    headers = [*to_headers(LETTER, ()), *RETRY.to_headers(()), *damage.items()]
    for read in (from_headers, Retry.from_headers):
        try:
            read(headers)
        except InvalidRecord as error:
            assert error.detail.startswith("header ")  # noqa: PT017  there may be no error


def test_a_record_without_retry_headers_was_not_retried() -> None:
    assert Retry.from_headers(OWN) is None
    assert Retry.from_headers(to_headers(LETTER, OWN)) is None
    assert Retry.from_headers([]) is None


def test_the_last_of_equal_headers_counts() -> None:
    assert from_headers([("dlq.attempt", b"9"), *to_headers(LETTER, ())]).attempt == 2
    assert from_headers([*to_headers(LETTER, ()), ("dlq.attempt", b"9")]).attempt == 9


def test_an_unknown_header_of_ours_is_left_alone() -> None:
    assert from_headers([*to_headers(LETTER, ()), ("dlq.later", b"\xff")]) == LETTER


def test_a_dead_letter_can_be_written_whatever_the_detail() -> None:
    letter = LETTER.model_copy(update={"detail": "a\r\nb\x00\ud800 " + "x" * 1_000})
    assert letter.detail.startswith("a b \N{REPLACEMENT CHARACTER} xxx")
    assert (len(letter.detail), letter.detail[-1]) == (300, "\N{HORIZONTAL ELLIPSIS}")
    assert from_headers(to_headers(letter, ())) == letter


def test_a_candidate_with_scores_that_are_no_numbers_can_be_written() -> None:
    letter = LETTER.model_copy(update={"candidate": {"score": float("nan"), "logits": (float("inf"), 1)}})
    assert letter.candidate == {"score": None, "logits": [None, 1]}
    assert from_headers(to_headers(letter, ())) == letter


def test_a_failure_in_another_zone_is_written_in_utc() -> None:
    local = datetime(2026, 1, 2, 3, 4, 5, 678_901, tzinfo=timezone(timedelta(hours=-5)))
    headers = dict(to_headers(LETTER.model_copy(update={"failed_at": local}), ()))
    assert headers["dlq.failed_at"] == b"2026-01-02T08:04:05.678Z"


def test_the_names_of_the_headers_are_those_of_the_contract() -> None:
    assert {*Reason} == {
        "undecodable",
        "invalid_event",
        "too_large",
        "document_missing",
        "document_changed",
        "span_mismatch",
        "inference_failed",
    }
    assert set(DLQ_HEADERS) == set(DeadLetter.model_fields)
    assert set(RETRY_HEADERS) == set(Retry.model_fields)
