"""CloudEvents in structured mode: the envelope is read, and what is no CloudEvent is refused without its text."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spanstream.consumer.broker.protocols import Headers, Partition, Record
from spanstream.consumer.formats.opening import open_formats
from spanstream.consumer.formats.structured_mode import StructuredMode
from spanstream.consumer.formats.translator import Message
from spanstream.consumer.settings import Settings
from spanstream.schemas.errors import InvalidRecord, Reason

FORMATS = open_formats(Settings())
STRUCTURED: Headers = (("content-type", b"application/cloudevents+json; charset=UTF-8"),)
QUESTION = {"question_id": "q", "question": "What is 😀?", "document_id": "d", "min_confidence": 0.5}


def envelope(**attributes: Any) -> dict[str, Any]:
    return {"specversion": "1.0", "id": "1", "source": "/desk", "type": "com.example.asked", **attributes}


def record(value: object, headers: Headers = STRUCTURED) -> Record:
    raw = value if isinstance(value, bytes) else json.dumps(value).encode()
    return Record(Partition("questions", 0), 0, b"d", raw, headers)


def refusal(value: object, headers: Headers = STRUCTURED) -> InvalidRecord:
    with pytest.raises(InvalidRecord) as raised:
        FORMATS.question(record(value, headers))
    return raised.value


def test_the_data_of_any_cloud_event_is_our_event() -> None:
    for attributes in (
        {"data": QUESTION},
        {"data": QUESTION, "datacontenttype": "application/json; charset=utf-8", "time": "2026-01-31T12:00:00Z"},
        {"data": QUESTION, "datacontenttype": "application/vnd.desk+json", "partitionkey": "d", "sampled": True},
        {"data_base64": base64.b64encode(json.dumps(QUESTION).encode()).decode()},
    ):
        assert FORMATS.question(record(envelope(**attributes))).question == "What is 😀?"


def test_documents_and_tickets_come_in_envelopes_too() -> None:
    document = {"document_id": "d", "text": "some text"}
    assert FORMATS.document(record(envelope(data=document))).text == "some text"
    ticket = {"ticket_id": "t", "subject": "Export", "body": "It stops."}
    assert FORMATS.ticket(record(envelope(data=ticket))).body == "It stops."


def test_binary_mode_and_records_without_headers_are_read_as_before() -> None:
    for headers in ((), (("ce_type", b"any"), ("content-type", b"application/json")), (("content-type", None),)):
        assert FORMATS.question(record(QUESTION, headers)).question_id == "q"


def test_it_becomes_the_same_event_in_binary_mode() -> None:
    headers = (("own", b"1"), *STRUCTURED)
    message = StructuredMode().translate(Message(json.dumps(envelope(data={"a": 1}, region="eu")).encode(), headers))
    assert (message.value, dict(message.headers)) == (
        b'{"a":1}',
        {
            "own": b"1",
            "ce_specversion": b"1.0",
            "ce_id": b"1",
            "ce_source": b"/desk",
            "ce_type": b"com.example.asked",
            "ce_region": b"eu",
            "content-type": b"application/json",
        },
    )


@pytest.mark.parametrize(
    ("value", "reason", "detail"),
    [
        (b"{", Reason.UNDECODABLE, "Invalid JSON"),
        (b"\xff", Reason.UNDECODABLE, "Invalid JSON"),
        ([], Reason.INVALID_EVENT, "cloudevent: : Input should be an object"),
        (envelope(specversion="0.3", data=QUESTION), Reason.INVALID_EVENT, "specversion: Input should be '1.0'"),
        (envelope(id="", data=QUESTION), Reason.INVALID_EVENT, "cloudevent: id: "),
        (envelope(source=1, data=QUESTION), Reason.INVALID_EVENT, "cloudevent: source: "),
        (envelope(), Reason.INVALID_EVENT, "cloudevent: should have data or data_base64"),
        (envelope(data=QUESTION, data_base64=""), Reason.INVALID_EVENT, "cloudevent: should have data or data_base64"),
        (envelope(data="<a/>", datacontenttype="application/xml"), Reason.INVALID_EVENT, "datacontenttype"),
        (envelope(data_base64="no base"), Reason.INVALID_EVENT, "data_base64: is not Base64"),
        (envelope(data_base64="e30="), Reason.INVALID_EVENT, "question_id: Field required"),
        (envelope(data=json.dumps(QUESTION)), Reason.INVALID_EVENT, "Input should be an object"),
        (envelope(data=None), Reason.INVALID_EVENT, "Input should be an object"),
        (b'{"specversion": "1.0", "id": "1", "source": "s", "type": "t", "data": {"question": NaN}}',
         Reason.UNDECODABLE, "Invalid JSON"),
        (b'{"data": ' + b"[" * 300 + b"]" * 300 + b"}", Reason.UNDECODABLE, "recursion limit"),
    ],
)  # fmt: skip
def test_what_is_no_cloud_event_is_refused_with_the_place(value: object, reason: Reason, detail: str) -> None:
    error = refusal(value)
    assert (error.reason, detail in error.detail) == (reason, True), error


def test_other_formats_and_batches_of_cloud_events_are_refused() -> None:
    for content_type in (b"application/cloudevents+avro", b"application/cloudevents-batch+json"):
        error = refusal(envelope(data=QUESTION), (("content-type", content_type),))
        assert error.detail == "content-type: of CloudEvents only application/cloudevents+json is read"


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=20,
)
ATTRIBUTES = st.dictionaries(
    st.sampled_from(["specversion", "id", "source", "type", "datacontenttype", "data", "data_base64", "time", "x"]),
    JSON | st.sampled_from(["1.0", "application/json", QUESTION]),
)


@given(ATTRIBUTES | JSON, st.booleans())
def test_whatever_stands_in_an_envelope_is_an_event_or_refused(value: Any, complete: bool) -> None:
    if complete and isinstance(value, dict):
        value = envelope() | value
    try:
        event = FORMATS.question(record(value))
    except InvalidRecord:
        return
    assert event.question_id == "q"
