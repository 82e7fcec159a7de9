"""An event in a schema registry's frame, in each format, is read as the same event."""

from __future__ import annotations

import errno
import json
from collections.abc import Callable
from datetime import UTC, datetime
from io import BytesIO
from pathlib import Path
from typing import Any

import fastavro
import pytest
from confluent_kafka.schema_registry import Schema
from hypothesis import given
from hypothesis import strategies as st

from spanstream.consumer.broker.protocols import Outgoing, Partition, Record
from spanstream.consumer.errors import Stop
from spanstream.consumer.formats.event_formats import EventFormats
from spanstream.consumer.formats.mapping.load import compile_mapping
from spanstream.consumer.formats.registry import protobuf
from spanstream.consumer.formats.registry.decoders import FramedDecoder
from spanstream.consumer.formats.registry.event_schemas import schema_of, subject_of
from spanstream.consumer.formats.registry.translator import FrameTranslator
from spanstream.consumer.formats.registry.writer import FramedWriter
from spanstream.consumer.settings.registry import RegistryFormat
from spanstream.schemas.codec import decode_ticket, decode_triage, encode
from spanstream.schemas.errors import InvalidRecord
from spanstream.schemas.events import Answer, Document, Question
from spanstream.schemas.feedback import Feedback
from spanstream.schemas.limits import Limits
from spanstream.schemas.triage import AnyEvent, Ticket, Triage
from tests.support.events.event_strategies import answers, documents, feedbacks, questions, tickets, triage_records
from tests.support.registry.memory_registry import memory_registry

FORMATS: tuple[RegistryFormat, ...] = ("avro", "json", "protobuf")
EVENTS: dict[type[AnyEvent], str] = {
    event: event.__name__.lower() for event in (Document, Question, Answer, Ticket, Triage, Feedback)
}


class Wire:
    """A writer and readers on one registry that knows our schemas in one format."""

    def __init__(self, form: RegistryFormat) -> None:
        registry = memory_registry()
        for event, topic in EVENTS.items():
            registry.client.register_schema(subject_of(topic), schema_of(event, form))
        self.decoder = FramedDecoder(registry)
        frames = [FrameTranslator(self.decoder)]
        kinds: Any = dict.fromkeys(("documents", "questions", "tickets", "feedback", "answers"), frames)
        self.formats = EventFormats(Limits(), **kinds)
        self.writer = FramedWriter(registry, form, EVENTS)
        self.writer.open()

    def send(self, event: AnyEvent) -> Outgoing:
        record = self.writer.record(EVENTS[type(event)], b"k", event, (("content-type", b"application/json"),))
        assert (record.value or b"")[:1] == b"\0"
        return record

    def arrived(self, event: AnyEvent) -> Record:
        sent = self.send(event)
        return Record(Partition(sent.topic, 0), 0, sent.key, sent.value, sent.headers)


WIRES = {form: Wire(form) for form in FORMATS}
each_format = pytest.mark.parametrize("form", FORMATS)


def read(form: RegistryFormat, event: AnyEvent) -> AnyEvent:
    formats = WIRES[form].formats
    readers: dict[type, Callable[[Any], AnyEvent]] = {
        Document: formats.document,
        Question: formats.question,
        Ticket: formats.ticket,
        Answer: formats.answer,
        Feedback: formats.feedback,
    }
    return readers[type(event)](WIRES[form].arrived(event))


@each_format
@given(event=documents | questions() | answers() | feedbacks())
def test_an_event_is_read_as_it_was_written(form: RegistryFormat, event: AnyEvent) -> None:
    assert read(form, event) == event


@each_format
@given(ticket=tickets)
def test_a_tickets_time_is_read_to_the_millisecond_as_in_json(form: RegistryFormat, ticket: Ticket) -> None:
    assert read(form, ticket) == decode_ticket(encode(ticket), Limits())


@each_format
@given(triage=triage_records)
def test_a_triage_record_is_read_as_it_was_written(form: RegistryFormat, triage: Triage) -> None:
    framed = WIRES[form].send(triage).value or b""
    assert decode_triage(WIRES[form].decoder.to_json(framed)) == triage


def test_a_protobuf_map_is_read_in_the_order_of_its_keys_because_it_has_none_of_its_own() -> None:
    names = [f"name-{number}" for number in range(50)]
    document = Document(document_id="d", text="", metadata=dict.fromkeys(reversed(names), "x"))
    framed = WIRES["protobuf"].send(document).value or b""
    assert list(json.loads(WIRES["protobuf"].decoder.to_json(framed))["metadata"]) == sorted(names)


@each_format
def test_json_is_read_beside_frames_and_headers_name_the_format(form: RegistryFormat) -> None:
    document = Document(document_id="d", text="some text")
    plain = Record(Partition("document", 0), 0, b"d", encode(document))
    assert WIRES[form].formats.document(plain) == document
    types = {"avro": b"application/avro", "json": b"application/json", "protobuf": b"application/protobuf"}
    assert WIRES[form].send(document).headers == (("content-type", types[form]),)


def test_a_protobuf_schema_without_a_folder_to_compile_it_in_stops_with_one_line(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def refuse(**_: str) -> None:
        raise OSError(errno.EROFS, "Read-only file system")

    monkeypatch.setattr(protobuf, "TemporaryDirectory", refuse)
    with pytest.raises(Stop, match="Read-only file system; mount one"):
        protobuf.compiled(Schema('syntax = "proto3";', "PROTOBUF"), {})


def test_an_import_that_leads_out_of_the_folder_is_refused() -> None:
    outside = {"../../outside.proto": Schema('syntax = "proto3";', "PROTOBUF")}
    with pytest.raises(InvalidRecord, match="cannot be compiled"):
        protobuf.compiled(Schema('syntax = "proto3"; import "../../outside.proto";', "PROTOBUF"), outside)


def test_a_foreign_avro_schema_becomes_our_events_by_a_mapping_behind_the_frame(tmp_path: Path) -> None:
    registry = memory_registry()
    state = {"type": "enum", "name": "State", "symbols": ["NEW", "OPEN"]}
    kinds = {"nr": "long", "head": "string", "at": {"type": "long", "logicalType": "timestamp-millis"}, "state": state}
    schema = {"type": "record", "name": "Case", "fields": [{"name": name, "type": kinds[name]} for name in kinds]}
    schema_id = registry.client.register_schema("cases", Schema(json.dumps(schema), "AVRO"))
    buffer = BytesIO()
    case = {"nr": 7, "head": "Export fails", "at": datetime(2024, 5, 1, tzinfo=UTC), "state": "OPEN"}
    fastavro.schemaless_writer(buffer, fastavro.parse_schema(schema), case)
    mapping = tmp_path / "cases.yaml"
    mapping.write_text(
        "mapping: cases\n"
        "tickets: {ticket_id: text(nr), subject: head, body: head, created_at: at, attributes: {state: state}}\n"
    )
    formats = EventFormats(
        Limits(), tickets=[FrameTranslator(FramedDecoder(registry)), compile_mapping(str(mapping), "tickets")]
    )
    value = b"\0" + schema_id.to_bytes(4) + buffer.getvalue()
    assert formats.ticket(Record(Partition("cases", 0), 0, b"7", value)) == Ticket(
        ticket_id="7",
        subject="Export fails",
        body="Export fails",
        created_at=datetime(2024, 5, 1, tzinfo=UTC),
        attributes={"state": "OPEN"},
    )


@pytest.mark.parametrize(
    "field",
    [
        ["null", "Node"],
        {"type": "array", "items": "dev.Node"},
        {"type": "record", "name": "Inner", "fields": [{"name": "up", "type": {"type": "map", "values": "Node"}}]},
    ],
)
def test_a_recursive_avro_schema_is_refused_because_a_deep_record_would_end_the_process(field: Any) -> None:
    registry = memory_registry()
    schema = {"type": "record", "name": "Node", "namespace": "dev", "fields": [{"name": "next", "type": field}]}
    schema_id = registry.client.register_schema("nodes", Schema(json.dumps(schema), "AVRO"))
    with pytest.raises(InvalidRecord, match=f"schema id {schema_id} is recursive"):
        FramedDecoder(registry).to_json(b"\0" + schema_id.to_bytes(4) + b"\2" * 100_000)


def test_a_type_that_is_named_again_is_not_recursive() -> None:
    registry = memory_registry()
    person = {"type": "record", "name": "Person", "fields": [{"name": "name", "type": "string"}]}
    fields = [{"name": "a", "type": person}, {"name": "b", "type": ["null", "Person"]}]
    schema = {"type": "record", "name": "Case", "namespace": "dev", "fields": fields}
    schema_id = registry.client.register_schema("cases", Schema(json.dumps(schema), "AVRO"))
    value = b"\0" + schema_id.to_bytes(4) + b"\2A\2\2B"
    assert FramedDecoder(registry).to_json(value) == b'{"a":{"name":"A"},"b":{"name":"B"}}'


@each_format
@given(data=st.binary(max_size=80), cut=st.integers(0, 60), known=st.booleans())
def test_whatever_the_bytes_they_are_an_event_or_refused(
    form: RegistryFormat, data: bytes, cut: int, known: bool
) -> None:
    framed = WIRES[form].send(Document(document_id="d-1", text="some text", metadata={"a": "b"})).value or b""
    details = []
    for value in (framed[: 5 if known else 3] + data, framed[:cut] + data, framed[:cut]):
        try:
            WIRES[form].formats.document(Record(Partition("document", 0), 0, b"d", value))
        except InvalidRecord as refused:
            details.append(refused.detail)
    assert not any("some text" in detail for detail in details)
