"""What people say of answers: what may stand in it, what it is about, and how a redelivery is known."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import jsonschema  # type: ignore[import-untyped]
import pytest
from hypothesis import given
from pydantic import ValidationError

from spanstream.schemas.answer_parts import Span
from spanstream.schemas.codec import decode_feedback, decode_label, encode
from spanstream.schemas.errors import InvalidRecord, Reason
from spanstream.schemas.feedback import Feedback, TicketField, ticket_of
from spanstream.schemas.generate import event_schema
from spanstream.schemas.limits import Limits
from tests.support.events.event_strategies import feedbacks

LIMITS = Limits()
SPAN = Span(text="FXP-4107", char_start=36, char_end=44)
GIVEN: dict[str, Any] = {
    "question_id": "q",
    "document_id": "d",
    "document_sha256": "0" * 64,
    "question": "Which error?",
    "verdict": "corrected",
    "span": SPAN,
    "given_at": datetime(2026, 1, 31, 12, tzinfo=UTC),
}
FIELD = TicketField(ticket_id="T-1", name="error")


@given(feedback=feedbacks())
def test_feedback_is_read_as_it_was_written(feedback: Feedback) -> None:
    assert decode_feedback(encode(feedback), LIMITS) == feedback
    assert decode_label(encode(feedback.identified())) == feedback.identified()


@given(feedback=feedbacks())
def test_what_the_model_takes_the_json_schema_takes(feedback: Feedback) -> None:
    jsonschema.validate(json.loads(encode(feedback)), event_schema(Feedback))


REFUSED: dict[str, dict[str, Any]] = {
    "a document and a context": {"context": "some text"},
    "neither a document nor a context": {"document_id": None},
    "a document without its version": {"document_sha256": None},
    "nothing that it is about": {"question_id": None},
    "a correction without a span": {"span": None},
    "no answer with a span": {"verdict": "no_answer"},
    "unsure with a span": {"verdict": "unsure"},
    "a blank question": {"question": " \u200b"},
    "another verdict": {"verdict": "wrong"},
    "another source": {"source": "robot"},
    "a time without a zone": {"given_at": datetime(2026, 1, 31, 12)},  # noqa: DTZ001  that is the point
}


@pytest.mark.parametrize("name", REFUSED)
def test_feedback_that_does_not_say_one_thing_is_refused(name: str) -> None:
    with pytest.raises(ValidationError):
        Feedback(**(GIVEN | REFUSED[name]))
    written = json.loads(encode(Feedback(**GIVEN))) | {
        field: value for field, value in REFUSED[name].items() if field not in {"given_at", "question"}
    }
    if written != json.loads(encode(Feedback(**GIVEN))):
        with pytest.raises(jsonschema.ValidationError):
            jsonschema.validate(written, event_schema(Feedback))


def test_a_source_that_is_null_or_not_said_is_a_person() -> None:
    line = json.loads(encode(Feedback(**GIVEN)))
    assert decode_feedback(json.dumps({**line, "source": None}).encode(), LIMITS).source == "person"
    del line["source"]
    assert decode_feedback(json.dumps(line).encode(), LIMITS).source == "person"


def test_the_same_feedback_has_the_same_id_and_another_verdict_another() -> None:
    first, again = Feedback(**GIVEN).identified(), Feedback(**GIVEN).identified()
    other = Feedback(**(GIVEN | {"verdict": "unsure", "span": None})).identified()
    assert first.feedback_id == again.feedback_id != other.feedback_id
    assert Feedback(**GIVEN, feedback_id="mine").identified().feedback_id == "mine"


def test_a_label_is_named_by_its_question_or_by_the_field_of_its_ticket() -> None:
    of_question, of_field = Feedback(**GIVEN), Feedback(**GIVEN, field=FIELD)
    assert (of_question.label_key, of_field.label_key) == ("q", "T-1\terror")
    assert (ticket_of(of_question.label_key), ticket_of(of_field.label_key)) == (None, "T-1")
    assert of_question.record_key == of_field.record_key == "d"
    inline = Feedback(**(GIVEN | {"document_id": None, "context": "some text"}))
    assert inline.record_key == "q"


def test_texts_and_who_gave_it_are_not_shown_where_feedback_is_logged() -> None:
    shown = repr(Feedback(**GIVEN, by="Ann Example", metadata={"note": "secret"}))
    assert not any(text in shown for text in ("Which", "FXP", "Ann", "secret"))


def test_what_is_past_a_limit_is_too_large() -> None:
    with pytest.raises(InvalidRecord) as refusal:
        decode_feedback(encode(Feedback(**GIVEN, by="x" * 1001)), LIMITS)
    assert refusal.value.reason is Reason.TOO_LARGE
