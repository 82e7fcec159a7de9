"""Lines of JSON on their way to Kafka: checked as the consumer will check them."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spanstream.consumer.broker.protocols import Outgoing
from spanstream.consumer.errors import Retryable
from spanstream.consumer.operations.publishing import RefusedLine, document_record, publish_lines, question_record
from spanstream.schemas.codec import decode_document, decode_question
from spanstream.schemas.errors import InvalidRecord, Reason
from spanstream.schemas.limits import Limits
from tests.support.events.event_strategies import documents, questions
from tests.support.memory.recording_publisher import RecordingPublisher

LIMITS = Limits()


def line(**fields: Any) -> bytes:
    return json.dumps(fields).encode()


def nothing_is_refused(refused: RefusedLine) -> None:
    pytest.fail(str(refused))


def as_document(event_line: bytes) -> Outgoing:
    return document_record(event_line, "docs", LIMITS)


@given(documents)
def test_a_document_is_sent_as_it_is_read_and_keyed_by_its_id(document: Any) -> None:
    record = as_document(document.model_dump_json().encode())
    assert record.key == document.document_id.encode()
    assert decode_document(record.value or b"", LIMITS) == document
    assert dict(record.headers)["ce_type"] == b"dev.spanstream.document.v1"


@given(questions())
def test_a_question_is_keyed_by_its_document_or_by_itself(question: Any) -> None:
    record = question_record(question.model_dump_json().encode(), "asked", LIMITS)
    assert record.key == (question.document_id or question.question_id).encode()
    assert decode_question(record.value or b"", LIMITS) == question


def test_the_same_event_sent_again_has_the_same_id_and_another_text_another() -> None:
    first, repeated, changed = (as_document(line(document_id="d", text=text)) for text in ("a", "a", "b"))
    ids = [dict(record.headers)["ce_id"] for record in (first, repeated, changed)]
    assert ids[0] == ids[1] != ids[2]


def test_a_document_that_only_moves_to_another_collection_is_another_event() -> None:
    lines = [line(document_id="d", text="a", **fields) for fields in ({}, {"collections": ["kb"]}, {"title": "t"})]
    assert len({dict(as_document(each).headers)["ce_id"] for each in lines}) == 3


def test_a_null_text_is_the_tombstone_that_deletes_the_document() -> None:
    assert as_document(line(document_id="d", text=None)) == Outgoing("docs", b"d", None)


@pytest.mark.parametrize(
    "wrong",
    [
        line(document_id="", text=None),
        line(document_id=7, text=None),
        line(document_id="a\u0000b", text=None),
        line(document_id="x" * 300, text=None),
        line(document_id="d", text=None, title="t"),
        line(text=None),
        line(document_id="d"),
        b"null",
        b"[",
    ],
)
def test_what_deletes_nothing_and_is_no_document_is_refused(wrong: bytes) -> None:
    with pytest.raises(InvalidRecord):
        as_document(wrong)


def test_every_line_is_published_but_the_wrong_ones_which_are_told_by_number() -> None:
    lines = [b" \n", line(document_id="a", text="1"), b"{\n", b"", line(document_id="b", text="2") + b"\r\n"]
    refused: list[RefusedLine] = []
    sent = RecordingPublisher()
    assert publish_lines(lines, as_document, sent, refused.append) == 2
    assert [record.key for record in sent.done[0][0]] == [b"a", b"b"]
    assert [(line.number, line.error.reason) for line in refused] == [(3, Reason.UNDECODABLE)]


def test_many_lines_go_in_batches_in_their_order() -> None:
    sent = RecordingPublisher()
    lines = (line(document_id=str(number), text="t") for number in range(1001))
    assert publish_lines(lines, as_document, sent, nothing_is_refused) == 1001
    assert [(len(records), offsets) for records, offsets in sent.done] == [(500, {}), (500, {}), (1, {})]
    assert [record.key for records, _ in sent.done for record in records] == [b"%d" % number for number in range(1001)]


def test_no_lines_are_no_call() -> None:
    sent = RecordingPublisher()
    assert publish_lines([], as_document, sent, nothing_is_refused) == 0
    assert sent.done == []


def test_a_failure_is_the_callers() -> None:
    failing = RecordingPublisher(errors=[Retryable("no answer")])
    with pytest.raises(Retryable):
        publish_lines([line(document_id="a", text="1")], as_document, failing, nothing_is_refused)


@given(st.binary(max_size=60))
def test_any_bytes_make_a_record_or_a_refusal(anything: bytes) -> None:
    for make in (document_record, question_record):
        try:
            make(anything, "t", LIMITS)
        except InvalidRecord:
            continue
