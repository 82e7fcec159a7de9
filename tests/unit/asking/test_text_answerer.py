"""Questions about a text without Kafka: the answers are the stream's events, and the limits are the records'."""

from __future__ import annotations

import json

import pytest

from spanstream.consumer.asking.text_answerer import TextAnswerer
from spanstream.consumer.clock import SystemClock
from spanstream.models.text.tokenization import sha256_of
from spanstream.schemas.codec import decode_answer, decode_request, encode
from spanstream.schemas.errors import InvalidRecord
from spanstream.schemas.limits import Limits
from spanstream.schemas.requests import AnswersRequest
from tests.support.model.fake_reader import LetterSession, fake_reader

TEXT = "the export stops with error one two three"


def test_each_question_gets_the_event_that_the_stream_would_publish() -> None:
    reader = fake_reader()
    request = AnswersRequest(document_id="a.txt", text=TEXT, questions=["which error ?", "where ?"])
    answers = list(TextAnswerer(reader, SystemClock()).answers(request))
    assert [answer.question_id for answer in answers] == ["1", "2"]
    assert [answer.metadata for answer in answers] == [{"question": "which error ?"}, {"question": "where ?"}]
    readings = reader.read(TEXT, ["which error ?", "where ?"])
    for answer, reading in zip(answers, readings, strict=True):
        assert decode_answer(encode(answer)) == answer
        assert answer.document_id == "a.txt"
        assert answer.document_sha256 == sha256_of(TEXT)
        assert (answer.confidence, answer.status == "answered") == (reading.confidence, reading.quote is not None)
        assert answer.candidate is not None
        assert TEXT[answer.candidate.char_start : answer.candidate.char_end] == answer.candidate.text


def test_a_request_for_several_answers_gets_them_to_each_of_its_questions() -> None:
    reader, questions = fake_reader(), ["which error ?", "where ?"]
    request = AnswersRequest(text=TEXT, questions=questions, max_answers=3)
    answers = list(TextAnswerer(reader, SystemClock()).answers(request))
    for answer, reading in zip(answers, reader.read(TEXT, questions, max_answers=3), strict=True):
        assert decode_answer(encode(answer)) == answer
        assert [other.span.text for other in answer.alternatives] == [one.quote.text for one in reading.alternatives]
        assert len(answer.alternatives) == 2


def test_a_text_without_an_id_is_a_context_that_is_brought_along() -> None:
    request = AnswersRequest(text=TEXT, questions=["which error ?"], min_confidence=0.0)
    (answer,) = TextAnswerer(fake_reader(), SystemClock()).answers(request)
    assert answer.document_id is None
    assert answer.status == "answered"
    request = AnswersRequest(text="", questions=["which error ?"])
    (answer,) = TextAnswerer(fake_reader(), SystemClock()).answers(request)
    assert (answer.status, answer.windows.total) == ("no_answer", 0)


def test_who_takes_no_further_answer_saves_the_work_for_it() -> None:
    session = LetterSession()
    request = AnswersRequest(text=" ".join([TEXT] * 50), questions=["which error ?"] * 40)
    answers = TextAnswerer(fake_reader(session), SystemClock()).answers(request)
    assert session.batches == 0
    next(answers)
    begun = session.batches
    assert begun > 0
    assert len(list(answers)) == 39
    assert session.batches > 10 * begun


@pytest.mark.parametrize(
    ("fields", "reason", "detail"),
    [
        (
            {"questions": ["which ?", "x" * 2_001]},
            "too_large",
            "questions.1: 2001 characters, at most 2000 are allowed",
        ),
        ({"questions": ["\u200b"]}, "invalid_event", "questions.0: should have at least one visible character"),
        ({"questions": []}, "invalid_event", "questions: List should have at least 1 item after validation, not 0"),
        ({"questions": ["a"] * 1_025}, "too_large", "questions: List should have at most 1024 items"),
        ({"questions": "which ?"}, "invalid_event", "questions: Input should be a valid array"),
        ({"text": "x" * 1_000_001}, "too_large", "text: 1000001 characters, at most 1000000 are allowed"),
        ({"document_id": "x" * 257}, "too_large", "document_id: 257 characters, at most 256 are allowed"),
        ({"document_id": ""}, "invalid_event", "document_id: String should have at least 1 character"),
        ({"min_confidence": 2}, "invalid_event", "min_confidence: Input should be less than or equal to 1"),
        ({"min_confidence": float("nan")}, "undecodable", "Invalid JSON"),
        ({"text": "\ud800"}, "undecodable", "Invalid JSON"),
        ({"titel": "x"}, "invalid_event", "titel: Extra inputs are not permitted"),
    ],
)
def test_what_no_record_may_be_is_refused_with_the_field(fields: dict[str, object], reason: str, detail: str) -> None:
    body = json.dumps({"text": TEXT, "questions": ["which ?"]} | fields).encode()
    with pytest.raises(InvalidRecord) as refused:
        decode_request(body, Limits())
    assert refused.value.reason == reason
    assert refused.value.detail.startswith(detail)
