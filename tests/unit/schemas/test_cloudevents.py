from __future__ import annotations

import uuid
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given, settings

from spanstream.schemas.cloudevents import ANSWER_NAMESPACE, answer_headers, answer_id, event_headers
from spanstream.schemas.events import Answer, Document, Question
from tests.support.events import event_strategies

TIME = datetime(2026, 1, 2, 3, 4, 5, 678_901, tzinfo=UTC)
DOCUMENT = Document(document_id="d", text="t")


def test_the_id_of_an_answer_is_for_ever_the_same() -> None:
    # Literals: another namespace or algorithm would make a redelivery look new.
    assert str(ANSWER_NAMESPACE) == "f3ab0c7b-f698-4522-b046-d64ea0f5ab9d"
    assert answer_id("q-1") == "0d6dd93c-e82f-563c-9e04-1131c73566f0"
    assert answer_id("frage/über/日本") == "a781c6d8-3fa6-5cf4-9663-8bf9dc9bca70"


def test_other_questions_have_other_answer_ids() -> None:
    assert len({answer_id(f"q-{number}") for number in range(1_000)}) == 1_000
    assert uuid.UUID(answer_id("q")).version == 5


@settings(deadline=None)
@given(event_strategies.answers())
def test_an_answers_headers_are_a_cloud_event_in_binary_mode(answer: Answer) -> None:
    headers = answer_headers(answer, "/spanstream/prod", None)
    assert len(dict(headers)) == len(headers)
    time = dict(headers).pop("ce_time").decode()
    assert dict(headers) == {
        "ce_specversion": b"1.0",
        "ce_id": answer_id(answer.question_id).encode(),
        "ce_type": b"dev.spanstream.answer.v1",
        "ce_source": b"/spanstream/prod",
        "ce_time": time.encode(),
        "content-type": b"application/json",
    }
    assert datetime.fromisoformat(time) == answer.answered_at


def test_the_traceparent_is_passed_on_byte_for_byte() -> None:
    headers = event_headers(DOCUMENT, "1", "/s", TIME, b"00-\xff-01")
    assert headers[-1] == ("traceparent", b"00-\xff-01")
    assert "traceparent" not in dict(event_headers(DOCUMENT, "1", "/s", TIME))


def test_a_traceparent_that_is_too_long_to_be_one_is_left_out() -> None:
    assert "traceparent" not in dict(event_headers(DOCUMENT, "1", "/s", TIME, b"0" * 2_000_000))


def test_each_event_has_its_type() -> None:
    question = Question(question_id="q", question="who?", document_id="d")
    assert dict(event_headers(DOCUMENT, "1", "/s", TIME))["ce_type"] == b"dev.spanstream.document.v1"
    assert dict(event_headers(question, "1", "/s", TIME))["ce_type"] == b"dev.spanstream.question.v1"


def test_the_time_is_written_in_utc() -> None:
    local = TIME.astimezone(timezone(timedelta(hours=9)))
    assert dict(event_headers(DOCUMENT, "1", "/s", local))["ce_time"] == b"2026-01-02T03:04:05.678Z"


def test_a_time_without_a_zone_is_refused() -> None:
    with pytest.raises(ValueError, match="time zone"):
        event_headers(DOCUMENT, "1", "/s", TIME.replace(tzinfo=None))


@pytest.mark.parametrize(("event_id", "source"), [("", "/s"), ("1", "")])
def test_an_event_needs_an_id_and_a_source(event_id: str, source: str) -> None:
    with pytest.raises(ValueError, match="an id and a source"):
        event_headers(DOCUMENT, event_id, source, TIME)
