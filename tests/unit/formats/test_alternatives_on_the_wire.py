"""Answers with alternatives and readers from before there were any, in the formats of schema registries."""

from __future__ import annotations

import json
import re
from io import BytesIO
from typing import Any

import fastavro
from confluent_kafka.schema_registry import Schema
from google.protobuf import json_format
from hypothesis import given

from spanstream.consumer.formats.registry.event_schemas import payload_writer, schema_of
from spanstream.consumer.formats.registry.protobuf import compiled
from spanstream.schemas.codec import encode
from spanstream.schemas.events import Answer
from tests.support.events.event_strategies import answers

NEW = {"further_places", "alternatives"}


def plain(answer: Answer) -> Answer:
    return answer.model_copy(update={"further_places": [], "alternatives": []})


def avro_schemas() -> tuple[Any, Any]:
    """Returns the schema from before, and that of now."""
    now = json.loads(schema_of(Answer, "avro").schema_str or "")
    before = {**now, "fields": [field for field in now["fields"] if field["name"] not in NEW]}
    return fastavro.parse_schema(before), fastavro.parse_schema(now)


def avro_value(payload: bytes, written: Any, read: Any) -> Any:
    return fastavro.schemaless_reader(BytesIO(payload), written, read)


@given(answers())
def test_a_reader_with_the_avro_schema_from_before_reads_new_answers_without_the_new_fields(answer: Answer) -> None:
    before, now = avro_schemas()
    write = payload_writer(Answer, "avro")
    read, expected = avro_value(write(answer), now, before), avro_value(write(plain(answer)), now, now)
    assert expected.pop("further_places") == expected.pop("alternatives") == []
    assert read == expected


@given(answers())
def test_a_reader_with_the_avro_schema_of_now_reads_answers_from_before(answer: Answer) -> None:
    before, now = avro_schemas()
    buffer = BytesIO()
    fastavro.schemaless_writer(buffer, before, avro_value(payload_writer(Answer, "avro")(plain(answer)), now, before))
    read = avro_value(buffer.getvalue(), before, now)
    assert (read["further_places"], read["alternatives"]) == ([], [])


@given(answers())
def test_a_reader_with_the_protobuf_file_from_before_reads_all_that_it_knows(answer: Answer) -> None:
    text = schema_of(Answer, "protobuf").schema_str or ""
    before = re.sub(r"^  repeated \w+ (?:further_places|alternatives) = 1[34];$", "", text, flags=re.MULTILINE)
    assert before.count("repeated") == text.count("repeated") - 2
    message = compiled(Schema(before, "PROTOBUF"), {}).message_class([0])()
    message.ParseFromString(payload_writer(Answer, "protobuf")(answer))
    read = json_format.MessageToDict(
        message, preserving_proto_field_name=True, always_print_fields_with_no_presence=True
    )
    assert not NEW & set(read)
    assert read["question_id"] == answer.question_id
    assert read["windows"] == {"total": answer.windows.total, "read": answer.windows.read}


@given(answers())
def test_an_answer_without_alternatives_is_the_json_that_it_was(answer: Answer) -> None:
    assert not NEW & set(json.loads(encode(plain(answer))))
    kept = {name: value for name, value in json.loads(encode(answer)).items() if name not in NEW}
    assert json.dumps(kept) == json.dumps(json.loads(encode(plain(answer))))
