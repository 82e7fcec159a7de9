"""Frames on a real schema registry: other clients' records, outages, registering, and the doctor."""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable
from datetime import UTC, date, datetime
from decimal import Decimal
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from confluent_kafka.schema_registry import Schema, SchemaReference, SchemaRegistryClient
from confluent_kafka.schema_registry.avro import AvroDeserializer, AvroSerializer
from confluent_kafka.schema_registry.json_schema import JSONDeserializer, JSONSerializer
from confluent_kafka.schema_registry.protobuf import ProtobufDeserializer, ProtobufSerializer
from confluent_kafka.serialization import MessageField, SerializationContext

from spanstream.consumer.errors import Retryable, Stop
from spanstream.consumer.formats.opening import open_writer
from spanstream.consumer.formats.registry.decoders import FramedDecoder
from spanstream.consumer.formats.registry.protobuf import compiled
from spanstream.consumer.formats.registry.registry import SchemaRegistry
from spanstream.consumer.operations.doctor.finding import Finding, Level
from spanstream.consumer.operations.doctor.registry import registry as look_at_registry
from spanstream.consumer.operations.registering import register_schemas
from spanstream.consumer.settings import Settings
from spanstream.consumer.settings.registry import RegistrySettings
from spanstream.schemas.errors import InvalidRecord, Reason
from spanstream.schemas.events import Document
from tests.support.memory.fake_time import FakeClock
from tests.support.registry.registry_server import RegistryServer

FORMATS = ("avro", "json", "protobuf")
FROZEN = Path(__file__).parents[1] / "unit" / "schemas" / "records" / "schemas" / "before-collections"
PROTO = """\
syntax = "proto3";
package helpdesk;
import "google/protobuf/timestamp.proto";
import "google/protobuf/wrappers.proto";
import "google/type/date.proto";
message Other { string name = 1; }
message Case {
  enum Level { LOW = 0; HIGH = 1; }
  message Note { string text = 1; bytes raw = 2; }
  int64 number = 1;
  Level level = 2;
  repeated Note notes = 3;
  map<string, Note> by_name = 4;
  google.protobuf.Timestamp at = 5;
  google.protobuf.StringValue owner = 6;
  optional string hint = 7;
  google.type.Date day = 8;
}
"""


def unique(name: str) -> str:
    return f"{name}-{uuid.uuid4().hex[:8]}"


def settings_of(url: str, **registry: Any) -> Settings:
    topics = {role: unique(role) for role in ("documents", "questions", "answers", "tickets", "triage")}
    return Settings.model_validate({"registry": {"url": url, **registry}, "topics": topics})


def open_registry(url: str, clock: FakeClock | None = None) -> SchemaRegistry:
    return SchemaRegistry(RegistrySettings.model_validate({"url": url, "timeout_seconds": 10}), clock)


def value_context(topic: str) -> SerializationContext:
    return SerializationContext(topic, MessageField.VALUE)


def framed(schema_id: int, payload: bytes) -> bytes:
    return b"\0" + schema_id.to_bytes(4) + payload


def refusal(read: Callable[[], object]) -> InvalidRecord:
    with pytest.raises(InvalidRecord) as raised:
        read()
    return raised.value


@pytest.fixture
def client(registry_url: str) -> SchemaRegistryClient:
    return SchemaRegistryClient({"url": registry_url})


@pytest.fixture
def decoder(registry_url: str) -> FramedDecoder:
    return FramedDecoder(open_registry(registry_url))


def test_the_clients_own_avro_serializer_is_read_with_logical_types_and_enums(
    client: SchemaRegistryClient, decoder: FramedDecoder
) -> None:
    kinds = {
        "at": {"type": "long", "logicalType": "timestamp-micros"},
        "day": {"type": "int", "logicalType": "date"},
        "price": {"type": "bytes", "logicalType": "decimal", "precision": 6, "scale": 2},
        "id": {"type": "string", "logicalType": "uuid"},
        "raw": "bytes",
        "level": {"type": "enum", "name": "Level", "symbols": ["LOW", "HIGH"]},
        "owner": ["null", "string"],
    }
    schema = {"type": "record", "name": "Case", "fields": [{"name": name, "type": kinds[name]} for name in kinds]}
    number = uuid.UUID(int=7)
    case = {
        "at": datetime(2024, 5, 1, 10, 0, 0, 123456, tzinfo=UTC),
        "day": date(2024, 5, 1),
        "price": Decimal("12.50"),
        "id": str(number),
        "raw": b"\xff\x00",
        "level": "HIGH",
        "owner": None,
    }
    value = AvroSerializer(client, json.dumps(schema))(case, value_context(unique("cases")))
    assert json.loads(decoder.to_json(value or b"")) == {
        "at": "2024-05-01T10:00:00.123Z",
        "day": "2024-05-01",
        "price": "12.50",
        "id": str(number),
        "raw": "/wA=",
        "level": "HIGH",
        "owner": None,
    }


def test_the_clients_own_json_serializer_is_read_and_held_to_its_schema(
    client: SchemaRegistryClient, decoder: FramedDecoder
) -> None:
    schema = json.dumps(
        {"title": "Case", "type": "object", "properties": {"n": {"type": "integer"}}, "required": ["n"]}
    )
    value = JSONSerializer(schema, client)({"n": 1, "more": "text"}, value_context(unique("cases"))) or b""
    assert json.loads(decoder.to_json(value)) == {"n": 1, "more": "text"}
    error = refusal(lambda: decoder.to_json(value[:5] + b'{"n": "a secret"}'))
    assert error.reason is Reason.INVALID_EVENT
    assert "secret" not in error.detail
    assert refusal(lambda: decoder.to_json(value[:5] + b"{")).reason is Reason.UNDECODABLE


@pytest.mark.parametrize("is_text", [True, False], ids=["registered as text", "registered by the client"])
def test_protobuf_messages_are_read_by_their_indexes_with_their_nested_types(
    client: SchemaRegistryClient, decoder: FramedDecoder, is_text: bool
) -> None:
    case_class: Any = compiled(Schema(PROTO, "PROTOBUF"), {}).message_class([1])
    topic = unique("cases")
    case = case_class(number=2**40, level=1, hint="")
    case.notes.add(text="first", raw=b"\xff\x00")
    case.by_name["a"].text = "named"
    case.at.FromJsonString("2024-05-01T10:00:00Z")
    case.owner.value = "ann"
    case.day.year = 2024
    if is_text:
        schema_id = client.register_schema(f"{topic}-value", Schema(PROTO, "PROTOBUF"))
        value = framed(schema_id, b"\x02\x02" + case.SerializeToString())  # one index: 1, each zigzag
    else:
        value = ProtobufSerializer(case_class, client)(case, value_context(topic)) or b""
    assert json.loads(decoder.to_json(value)) == {
        "number": 2**40,
        "level": "HIGH",
        "notes": [{"text": "first", "raw": "/wA="}],
        "by_name": {"a": {"text": "named", "raw": ""}},
        "at": "2024-05-01T10:00:00.000Z",
        "owner": "ann",
        "hint": "",
        "day": {"year": 2024, "month": 0, "day": 0},
    }


def test_schemas_that_refer_to_others_are_read_with_them(client: SchemaRegistryClient, decoder: FramedDecoder) -> None:
    shared = unique("shared")
    common = 'syntax = "proto3"; package common; message Person { string name = 1; }'
    client.register_schema(shared, Schema(common, "PROTOBUF"))
    importing = 'syntax = "proto3"; import "common.proto"; message Case { common.Person owner = 1; }'
    references = [SchemaReference("common.proto", shared, 1)]
    schema_id = client.register_schema(unique("importing"), Schema(importing, "PROTOBUF", references))
    assert json.loads(decoder.to_json(framed(schema_id, b"\0\n\5\n\3Ann"))) == {"owner": {"name": "Ann"}}


def test_what_never_will_be_read_is_refused_with_its_reason(
    client: SchemaRegistryClient, decoder: FramedDecoder
) -> None:
    record = {"type": "record", "name": "Named", "fields": [{"name": "name", "type": "string"}]}
    schema_id = client.register_schema(unique("named"), Schema(json.dumps(record), "AVRO"))
    values = {
        b"\x01abcdef": "neither JSON nor a registry's frame, which begins with 0: 0x01",
        b"\0\0\0": "neither JSON nor a registry's frame, which begins with 0: a frame that is cut off",
        framed(2**31 - 7, b"x"): f"schema id {2**31 - 7} is unknown to the registry",
        framed(2**32 - 1, b"x"): f"schema id {2**32 - 1} is unknown to the registry",
        framed(schema_id, b"\x10secret"): f"its bytes do not fit their schema, id {schema_id} (EOFError)",
    }
    for value, detail in values.items():
        error = refusal(partial(decoder.to_json, value))
        assert (error.reason, error.detail) == (Reason.UNDECODABLE, detail)


def test_a_registry_that_is_killed_makes_records_wait_and_is_not_needed_for_what_it_has_told(
    own_registry: RegistryServer,
) -> None:
    client = SchemaRegistryClient({"url": own_registry.url})
    ids = [
        client.register_schema(unique("ints"), Schema(json.dumps({"type": "array", "items": kind}), "AVRO"))
        for kind in ("int", "long")
    ]
    clock = FakeClock()
    decoder = FramedDecoder(open_registry(own_registry.url, clock))
    known, unknown = (framed(schema_id, b"\2\2\0") for schema_id in ids)
    assert decoder.to_json(known) == b"[1]"
    own_registry.kill()
    assert decoder.to_json(known) == b"[1]"
    with pytest.raises(Retryable, match="the schema registry: no answer"):
        decoder.to_json(unknown)
    own_registry.start()
    with pytest.raises(Retryable):  # the pause after a failure: nothing is asked
        decoder.to_json(unknown)
    clock.now += 60
    assert decoder.to_json(unknown) == b"[1]"


@pytest.mark.parametrize("path", ["/nothing/here", ""])
def test_a_url_that_leads_to_something_else_makes_records_wait(registry_url: str, path: str) -> None:
    host = registry_url.removesuffix("/apis/ccompat/v7")
    with pytest.raises(Retryable, match="the schema registry"):
        open_registry(host + path).schema(1)
    with pytest.raises(Retryable, match="the schema registry"):
        open_registry(host + path).id_of("subject", Schema('"string"', "AVRO"))


@pytest.mark.parametrize("form", FORMATS)
def test_registering_twice_registers_once_and_other_clients_read_what_is_written(registry_url: str, form: str) -> None:
    settings = settings_of(registry_url, format=form)
    first, again = (list(register_schemas(settings, triage=True)) for _ in range(2))
    assert [line.replace("registered", "was there") for line in first] == again
    assert len(first) == 5
    client = SchemaRegistryClient({"url": registry_url})
    subject = f"{settings.topics.answers}-value"
    assert client.get_compatibility(subject) == "BACKWARD_TRANSITIVE"
    assert client.get_versions(subject) == [1]
    writer = open_writer(settings, Document)
    assert writer.open()
    document = Document(document_id="d", text="some text", metadata={"a": "b"})
    topic = settings.topics.documents
    value = writer.record(topic, b"d", document, ()).value
    readers: dict[str, Callable[[], Any]] = {
        "avro": lambda: AvroDeserializer(client),
        "json": lambda: JSONDeserializer(None, schema_registry_client=client),
        "protobuf": lambda: ProtobufDeserializer(message_of(client, topic)),
    }
    read = readers[form]()(value, value_context(topic))
    text = read.text if form == "protobuf" else read["text"]
    assert text == "some text"


@pytest.mark.parametrize(("form", "ending"), [("avro", "avsc"), ("protobuf", "proto")])
def test_the_schemas_of_an_earlier_program_are_followed_by_ours_of_now(
    registry_url: str, form: str, ending: str
) -> None:
    settings = settings_of(registry_url, format=form)
    client = SchemaRegistryClient({"url": registry_url})
    subjects = {name: f"{getattr(settings.topics, f'{name}s')}-value" for name in ("document", "question", "answer")}
    for name, subject in subjects.items():
        client.register_schema(subject, Schema((FROZEN / f"{name}.{ending}").read_text("utf-8"), form.upper()))
        client.set_compatibility(subject, "BACKWARD_TRANSITIVE")
    lines = list(register_schemas(settings, triage=False))
    assert len(lines) == 3
    assert all("-value: registered, id " in line for line in lines), lines
    assert [client.get_versions(subject) for subject in subjects.values()] == [[1, 2]] * 3


def message_of(client: SchemaRegistryClient, topic: str) -> Any:
    schema = client.get_latest_version(f"{topic}-value").schema
    return compiled(schema, {}).message_class([0])


def test_somebody_elses_schema_of_an_input_topic_is_left_and_of_answers_refused(registry_url: str) -> None:
    settings = settings_of(registry_url, format="avro")
    client = SchemaRegistryClient({"url": registry_url})
    for topic in (settings.topics.tickets, settings.topics.answers):
        client.register_schema(f"{topic}-value", Schema('{"type": "record", "name": "Own", "fields": []}', "AVRO"))
        client.set_compatibility(f"{topic}-value", "BACKWARD")
    with pytest.raises(Stop, match="does not go with the earlier ones"):
        list(register_schemas(settings, triage=True))
    free = settings.model_copy(update={"topics": settings.topics.model_copy(update={"answers": unique("answers")})})
    lines = list(register_schemas(free, triage=True))
    assert (
        f"{settings.topics.tickets}-value: left as it is, it has another schema; what writes our events there stops"
        in lines
    )


def test_a_format_is_not_changed_under_a_subject_and_no_request_is_logged(
    registry_url: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("DEBUG")
    settings = settings_of(registry_url.replace("//", "//user:some-password@"), format="protobuf")
    assert len(list(register_schemas(settings, triage=False))) == 3
    changed = settings.registry.model_copy(update={"format": "avro"})
    with pytest.raises(Stop, match="does not go with the earlier ones"):
        list(register_schemas(settings.model_copy(update={"registry": changed}), triage=False))
    assert "some-password" not in caplog.text
    assert "HTTP Request" not in caplog.text


def test_a_writer_stops_where_its_schema_is_not_registered(registry_url: str) -> None:
    with pytest.raises(Stop, match="topics create --register"):
        open_writer(settings_of(registry_url, format="avro"), Document).open()


def test_the_doctor_says_what_the_registry_lacks(registry_url: str) -> None:
    def level(settings: Settings) -> Level:
        finding: Finding = look_at_registry(settings)
        return finding.level

    assert level(Settings()) is Level.OK
    assert level(settings_of(registry_url)) is Level.OK
    settings = settings_of(registry_url, format="protobuf")
    assert level(settings) is Level.FAILED
    list(register_schemas(settings, triage=False))
    assert level(settings) is Level.OK
    with pytest.raises(Retryable):
        look_at_registry(settings_of("http://127.0.0.1:9", format="avro"))
    with pytest.raises(Stop, match="SPANSTREAM_REGISTRY__URL"):
        look_at_registry(Settings.model_validate({"registry": {"format": "avro"}}))
