"""Questions about a text without Kafka: the answers are the stream's events, and the limits are the records'."""

from __future__ import annotations

import pytest

from spanstream.consumer.clock import SystemClock
from spanstream.consumer.operations.asking import TextAnswerer
from spanstream.models.text.tokenization import sha256_of
from spanstream.schemas.codec import decode_answer, encode
from spanstream.schemas.errors import InvalidRecord
from spanstream.schemas.limits import Limits
from tests.support.model.fake_reader import fake_reader

TEXT = "the export stops with error one two three"


def test_each_question_gets_the_event_that_the_stream_would_publish() -> None:
    reader = fake_reader()
    answers = TextAnswerer(reader, Limits(), SystemClock()).answer("a.txt", TEXT, ["which error ?", "where ?"])
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


def test_what_no_record_may_be_is_refused_with_the_field() -> None:
    answerer = TextAnswerer(fake_reader(), Limits(), SystemClock())
    wrong = {
        (TEXT, "x" * 2_001): "question",
        (TEXT, "\u200b"): "question",
        ("x" * 1_000_001, "which ?"): "text",
    }
    for (text, question), field in wrong.items():
        with pytest.raises(InvalidRecord, match=field):
            answerer.answer("a.txt", text, [question])
