"""Events with and without collections, and readers and writers from before there were any, in registries' formats."""

from __future__ import annotations

import json
from io import BytesIO
from pathlib import Path
from typing import Any

import fastavro
import pytest
from confluent_kafka.schema_registry import Schema
from google.protobuf import json_format
from google.protobuf.message import Message
from hypothesis import given

from spanstream.consumer.formats.registry.event_schemas import is_ours, payload_writer, schema_of
from spanstream.consumer.formats.registry.protobuf import compiled
from spanstream.consumer.settings.registry import RegistryFormat
from spanstream.schemas.codec import encode
from spanstream.schemas.events import Answer, Document, Event, Question
from tests.support.events.event_strategies import answers, documents, questions

RECORDS = Path(__file__).parents[1] / "schemas" / "records"
FROZEN = RECORDS / "schemas" / "before-collections"
NEW: dict[type, set[str]] = {
    Document: {"collections"},
    Question: {"collection", "filter", "answer_again"},
    Answer: {"collection", "retrieved"},
}
any_event = documents | questions() | answers()


def names_no_collection(event: Event) -> bool:
    return not any(getattr(event, name) for name in NEW[type(event)])


def from_before(event: Event, fields: dict[str, Any]) -> dict[str, Any]:
    """Returns an event's fields without those that collections brought."""
    known = {name: value for name, value in fields.items() if name not in NEW[type(event)]}
    if "alternatives" in known:
        of_others = ("document_id", "document_sha256")
        known["alternatives"] = [
            {name: value for name, value in other.items() if name not in of_others} for other in known["alternatives"]
        ]
    return known


ordinary = any_event.filter(names_no_collection)


def avro_schemas(event: Event) -> tuple[Any, Any]:
    """Returns the schema from before, and that of now."""
    before = json.loads((FROZEN / f"{type(event).__name__.lower()}.avsc").read_bytes())
    return fastavro.parse_schema(before), fastavro.parse_schema(
        json.loads(schema_of(type(event), "avro").schema_str or "")
    )


def avro_value(payload: bytes, written: Any, read: Any) -> Any:
    return fastavro.schemaless_reader(BytesIO(payload), written, read)


def avro_bytes(value: Any, schema: Any) -> bytes:
    buffer = BytesIO()
    fastavro.schemaless_writer(buffer, schema, value)
    return buffer.getvalue()


@given(ordinary)
def test_what_was_written_in_avro_before_is_read_now_and_the_other_way_round(event: Event) -> None:
    before, now = avro_schemas(event)
    payload = payload_writer(type(event), "avro")(event)
    as_of_now = avro_value(payload, now, now)
    as_of_before = avro_value(payload, now, before)
    assert as_of_before == from_before(event, as_of_now)
    assert avro_value(avro_bytes(as_of_before, before), before, now) == as_of_now


def protobuf_class(text: str) -> type[Message]:
    return compiled(Schema(text, "PROTOBUF"), {}).message_class([0])


BEFORE = {event: protobuf_class((FROZEN / f"{event.__name__.lower()}.proto").read_text("utf-8")) for event in NEW}
NOW = {event: protobuf_class(schema_of(event, "protobuf").schema_str or "") for event in NEW}


def fields_of(message: Message) -> dict[str, Any]:
    return dict(json_format.MessageToDict(message, preserving_proto_field_name=True))


@given(any_event)
def test_a_protobuf_reader_from_before_reads_all_that_it_knows(event: Event) -> None:
    payload = payload_writer(type(event), "protobuf")(event)
    before, now = BEFORE[type(event)](), NOW[type(event)]()
    before.ParseFromString(payload)
    now.ParseFromString(payload)
    assert fields_of(before) == from_before(event, fields_of(now))


@given(ordinary)
def test_a_protobuf_message_from_before_is_the_same_message_now(event: Event) -> None:
    before = json_format.ParseDict(json.loads(encode(event)), BEFORE[type(event)]())
    now = NOW[type(event)]()
    now.ParseFromString(before.SerializeToString())
    assert fields_of(now) == fields_of(before)
    assert now.SerializeToString(deterministic=True) == before.SerializeToString(deterministic=True)


@given(ordinary)
def test_an_event_without_a_collection_is_the_json_that_it_was(event: Event) -> None:
    written = json.loads(encode(event))
    assert not NEW[type(event)] & written.keys()
    assert "document_sha256" not in written or written["document_sha256"] is not None


def test_an_answer_that_quotes_no_document_has_an_empty_version_in_protobuf() -> None:
    value = (RECORDS / "answer-collection-nothing.json").read_bytes()
    answer = Answer.model_validate_json(value)
    message: Any = NOW[Answer]()
    message.ParseFromString(payload_writer(Answer, "protobuf")(answer))
    assert (message.HasField("document_id"), message.document_sha256) == (False, "")
    assert Answer.model_validate_json(value.replace(b'"document_sha256":null', b'"document_sha256":""')) == answer


@pytest.mark.parametrize("event", NEW)
def test_the_frozen_avro_schemas_know_no_collections(event: type[Event]) -> None:
    schema = json.loads((FROZEN / f"{event.__name__.lower()}.avsc").read_bytes())
    assert not NEW[event] & {field["name"] for field in schema["fields"]}


ENDINGS: dict[RegistryFormat, str] = {"avro": "avsc", "json": "schema.json", "protobuf": "proto"}
FOREIGN = {
    "avro": '{"type": "record", "name": "Question", "namespace": "helpdesk", "fields": []}',
    "json": '{"title": "Question", "type": "object", "properties": {"subject": {"type": "string"}}}',
    "protobuf": 'syntax = "proto3";\npackage helpdesk;\nmessage Question {\n  string subject = 1;\n}\n',
}


@pytest.mark.parametrize("form", ENDINGS)
def test_a_schema_of_an_earlier_program_is_known_as_ours_and_of_its_event(form: RegistryFormat) -> None:
    folder = RECORDS / "schemas" if form == "json" else FROZEN
    before = Schema((folder / f"question.{ENDINGS[form]}").read_text("utf-8"), form.upper())
    assert is_ours(before, Question, form)
    assert is_ours(schema_of(Question, form), Question, form)
    assert not is_ours(before, Document, form)


@pytest.mark.parametrize("form", ENDINGS)
def test_a_schema_of_somebody_elses_question_is_not_ours(form: RegistryFormat) -> None:
    assert not is_ours(Schema(FOREIGN[form], form.upper()), Question, form)
    others = [other for other in ENDINGS if other != form]
    assert not any(is_ours(schema_of(Question, other), Question, form) for other in others)
    assert form == "protobuf" or not is_ours(Schema('"string"', form.upper()), Question, form)
