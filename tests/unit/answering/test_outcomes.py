"""One record out for each record in: what answers, retries and dead letters say."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spanstream.consumer.answering.outcomes import Outcomes
from spanstream.consumer.settings import RetrySettings
from spanstream.models.reader import Answer
from spanstream.models.spans.quotes import Quote
from spanstream.schemas import events
from spanstream.schemas.cloudevents import answer_id
from spanstream.schemas.codec import decode_answer, decode_question
from spanstream.schemas.dead_letters import Reason, Retry, Stage, from_headers
from spanstream.schemas.errors import DETAIL_CHARS
from spanstream.schemas.events import Question
from spanstream.schemas.limits import Limits
from tests.support.events.asked import TOPICS, asked, retried
from tests.support.memory.fake_time import FakeClock
from tests.support.model.fake_reader import MANIFEST, fake_reader

SHA = "a" * 64
SURE = Answer("where from ?", Quote("platform", 4, 12), 0.8, 0.5, -3.0, 2, 5, "int8")


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def outcomes(clock: FakeClock) -> Outcomes:
    settings = RetrySettings(delay_seconds=5.0, max_attempts=3)
    return Outcomes(TOPICS, settings, MANIFEST, source="spanstream/test", clock=clock)


def question(**fields: Any) -> Question:
    return decode_question(asked(**fields).value or b"", Limits())


def answered(outcomes: Outcomes, reading: Answer = SURE, **fields: Any) -> events.Answer:
    settled = outcomes.answer(asked(**fields), question(**fields), SHA, reading)
    assert settled.outgoing.topic == TOPICS.answers
    assert settled.reason is None
    answer = decode_answer(settled.outgoing.value or b"")
    assert settled.outcome == answer.status
    return answer


def test_places_in_utf_16_units_are_there_only_where_the_reader_gave_them(outcomes: Outcomes) -> None:
    record, asked_for = asked(), replace(SURE, candidate=Quote("platform", 4, 12, 6, 14))
    plain, both = (
        json.loads(outcomes.answer(record, question(), SHA, reading).outgoing.value or b"")
        for reading in (SURE, asked_for)
    )
    for name in ("answer", "candidate"):
        assert plain[name] == {"text": "platform", "char_start": 4, "char_end": 12}
        assert both[name] == {**plain[name], "utf16_start": 6, "utf16_end": 14}


def test_an_answer_says_all_there_is_to_say(outcomes: Outcomes, clock: FakeClock) -> None:
    answer = answered(outcomes, metadata={"customer": "7"})
    assert answer.status == "answered"
    assert answer.answer == answer.candidate
    assert answer.answer is not None
    assert (answer.answer.text, answer.answer.char_start, answer.answer.char_end) == ("platform", 4, 12)
    assert (answer.document_id, answer.document_sha256) == ("d", SHA)
    assert (answer.windows.total, answer.windows.read) == (5, 2)
    assert answer.model.model_dump() == {
        "name": "letters",
        "version": "1.2",
        "precision": "int8",
        "calibration": "letters-1",
    }
    assert answer.metadata == {"customer": "7"}
    assert int(answer.answered_at.timestamp() * 1000) == clock.now_ms()


def test_an_answer_is_keyed_as_its_question_with_an_id_of_its_own(outcomes: Outcomes) -> None:
    record = asked(headers=(("traceparent", b"00-1-2-01"), ("other", b"x")))
    headers = dict(outcomes.answer(record, question(), SHA, SURE).outgoing.headers)
    assert outcomes.answer(record, question(), SHA, SURE).outgoing.key == b"d"
    assert headers["ce_id"] == answer_id("q").encode()
    assert headers["ce_source"] == b"spanstream/test"
    assert headers["traceparent"] == b"00-1-2-01"
    assert "other" not in headers


def test_no_answer_is_larger_than_a_broker_takes_whatever_it_copies(outcomes: Outcomes) -> None:
    large = [
        asked(headers=(("traceparent", b"0" * 2_000_000),)),
        replace(asked(), key=b"k" * 2_000_000),
    ]
    first, second = (outcomes.answer(record, question(), SHA, SURE) for record in large)
    assert first.outcome == "answered"
    assert first.outgoing.size < 1_000_000
    assert (second.outcome, second.reason) == ("dead_letter", Reason.TOO_LARGE)


def test_a_confidence_below_the_threshold_is_no_answer_but_keeps_the_candidate(outcomes: Outcomes) -> None:
    answer = answered(outcomes, replace(SURE, confidence=0.49))
    assert answer.status == "no_answer"
    assert answer.answer is None
    assert answer.candidate is not None
    assert answered(outcomes, replace(SURE, confidence=0.5)).status == "answered"


@pytest.mark.parametrize(
    ("min_confidence", "confidence", "status"),
    [(0.9, 0.8, "no_answer"), (0.9, 0.9, "answered"), (0.0, 0.1, "answered"), (0.0, 0.0, "answered")],
)
def test_the_questions_own_least_confidence_wins(
    outcomes: Outcomes, min_confidence: float, confidence: float, status: str
) -> None:
    answer = answered(outcomes, replace(SURE, confidence=confidence), min_confidence=min_confidence)
    assert answer.status == status


def test_a_blank_document_has_no_answer_however_little_is_asked_for(outcomes: Outcomes) -> None:
    reader = fake_reader()
    reading = reader.read(" \n\u200b", ["where from ?"])[0]
    answer = answered(outcomes, reading, min_confidence=0.0)
    assert answer.status == "no_answer"
    assert answer.candidate is None
    assert answer.null_score_diff is None
    assert (answer.windows.total, answer.windows.read) == (0, 0)
    assert answer.confidence < 1.0


def test_an_answer_too_large_for_a_topic_is_a_dead_letter_and_does_not_stop_the_consumer(outcomes: Outcomes) -> None:
    word = "x" * 600_000
    reading = replace(SURE, candidate=Quote(word, 0, len(word)))
    settled = outcomes.answer(asked(), question(), SHA, reading)
    assert settled.reason is Reason.TOO_LARGE
    assert settled.outgoing.value == asked().value


def test_a_first_retry_is_due_after_the_delay_and_knows_where_it_stood(outcomes: Outcomes, clock: FakeClock) -> None:
    record = asked(at=(3, 42), headers=(("own", b"1"), ("traceparent", b"t")))
    settled = outcomes.retry(record, Reason.DOCUMENT_MISSING, "not here")
    assert (settled.outgoing.topic, settled.outcome, settled.reason) == (TOPICS.retries, "retried", None)
    assert (settled.outgoing.key, settled.outgoing.value) == (record.key, record.value)
    assert settled.outgoing.headers[:2] == record.headers
    retry = Retry.from_headers(settled.outgoing.headers)
    assert retry == Retry(
        attempt=1,
        due_ms=clock.now_ms() + 5000,
        reason=Reason.DOCUMENT_MISSING,
        detail="not here",
        topic=TOPICS.questions,
        partition=3,
        offset=42,
        timestamp_ms=1_000,
    )


def test_retries_are_counted_and_keep_their_origin_until_there_were_enough(outcomes: Outcomes) -> None:
    second = outcomes.retry(retried(0, attempt=1, at=(0, 99)), Reason.DOCUMENT_CHANGED, "still not").outgoing
    retry = Retry.from_headers(second.headers)
    assert retry is not None
    assert (retry.attempt, retry.partition, retry.offset, retry.timestamp_ms) == (2, 1, 7, 500)
    last = outcomes.retry(retried(0, attempt=2, at=(0, 100)), Reason.DOCUMENT_MISSING, "still not")
    assert last.reason is Reason.DOCUMENT_MISSING
    letter = from_headers(last.outgoing.headers)
    assert (letter.attempt, letter.topic, letter.partition, letter.offset) == (3, TOPICS.questions, 1, 7)
    assert letter.stage is Stage.RESOLVE
    assert letter.detail == "still not; tried 3 times"
    assert not any(name.startswith("retry.") for name, _ in last.outgoing.headers)


def test_one_attempt_in_all_means_no_retry(clock: FakeClock) -> None:
    outcomes = Outcomes(TOPICS, RetrySettings(max_attempts=1), MANIFEST, source="s", clock=clock)
    assert outcomes.retry(asked(), Reason.DOCUMENT_MISSING, "no").outcome == "dead_letter"


def test_a_dead_letter_is_the_record_byte_for_byte_with_its_own_headers(outcomes: Outcomes, clock: FakeClock) -> None:
    record = replace(asked(at=(2, 5), headers=(("own", None), ("own", b"2"))), key=b"\xff", value=b"\x00\xff")
    settled = outcomes.dead_letter(record, Reason.SPAN_MISMATCH, "it is not", Stage.VALIDATE, {"char_start": 3})
    assert settled.outgoing.topic == TOPICS.dead_letters
    assert (settled.outgoing.key, settled.outgoing.value) == (b"\xff", b"\x00\xff")
    assert settled.outgoing.headers[:2] == record.headers
    letter = from_headers(settled.outgoing.headers)
    assert (letter.reason, letter.stage, letter.attempt) == (Reason.SPAN_MISMATCH, Stage.VALIDATE, 1)
    assert (letter.topic, letter.partition, letter.offset, letter.timestamp_ms) == (TOPICS.questions, 2, 5, 1_000)
    assert letter.candidate == {"char_start": 3}
    assert int(letter.failed_at.timestamp() * 1000) == clock.now_ms()


@given(
    attempt=st.integers(1, 2**31 - 1),
    timestamp_ms=st.none() | st.integers(-(2**63), 2**63 - 1),
    headers=st.lists(st.tuples(st.sampled_from(["retry.attempt", "retry.due", "own"]), st.none() | st.binary())),
    detail=st.text(max_size=DETAIL_CHARS * 2),
)
def test_no_record_however_strange_keeps_a_retry_or_dead_letter_from_being_written(
    attempt: int, timestamp_ms: int | None, headers: list[tuple[str, bytes | None]], detail: str
) -> None:
    outcomes = Outcomes(TOPICS, RetrySettings(max_attempts=10**9), MANIFEST, source="s", clock=FakeClock())
    for record in (retried(0, attempt=attempt), asked(headers=tuple(headers))):
        strange = replace(record, timestamp_ms=timestamp_ms)
        letter = from_headers(outcomes.dead_letter(strange, Reason.TOO_LARGE, detail, Stage.DECODE).outgoing.headers)
        assert letter.reason is Reason.TOO_LARGE
        assert outcomes.retry(strange, Reason.DOCUMENT_MISSING, detail).outgoing.value == record.value
