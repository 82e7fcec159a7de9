"""Our own schemas, as they stand in `schemas/v1/` and are registered, and values by them.

Avro       dates are numbers (timestamp-millis), enums are enums
Protobuf   dates are Timestamps, enums are strings
JSON       the event's JSON, byte for byte
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from functools import cache
from io import BytesIO
from pathlib import Path
from typing import Any

import fastavro
from confluent_kafka.schema_registry import Schema
from confluent_kafka.schema_registry.serde import SchemaId
from google.protobuf import json_format
from pydantic import BaseModel

import spanstream.schemas
from spanstream.consumer.formats.registry.protobuf import compiled
from spanstream.consumer.settings.registry import RegistryFormat
from spanstream.schemas.avro import NAMESPACE
from spanstream.schemas.codec import encode
from spanstream.schemas.triage import AnyEvent

_FILES = {"avro": "avsc", "json": "schema.json", "protobuf": "proto"}
_FIRST_MESSAGE = [0]


def subject_of(topic: str) -> str:
    """Returns the subject of a topic's values (the strategy TopicNameStrategy)."""
    return f"{topic}-value"


@cache
def schema_of(event: type[AnyEvent], form: RegistryFormat) -> Schema:
    """Returns the schema of an event in a format other than none, as it is registered."""
    return Schema(_text(event, form), form.upper())


def is_ours(schema: Schema, event: type[AnyEvent], form: RegistryFormat) -> bool:
    """Whether a schema is of this event of ours, of now or of an earlier program."""
    text = schema.schema_str or ""
    if schema.schema_type != form.upper():
        return False
    if form == "protobuf":
        return f"package {NAMESPACE};" in text and f"message {event.__name__} {{" in text
    content, ours = json.loads(text), json.loads(_text(event, form))
    if not isinstance(content, dict):
        return False
    if form == "avro":
        return all(content.get(key) == ours[key] for key in ("name", "namespace"))
    fields = content.get("properties", {})
    return content.get("title") == ours["title"] and bool(fields) and fields.keys() <= ours["properties"].keys()


def payload_writer(event: type[AnyEvent], form: RegistryFormat) -> Callable[[Any], bytes]:
    """Returns what writes events of a kind, without the frame."""
    if form == "avro":
        return _avro_writer(event)
    if form == "protobuf":
        return _protobuf_writer(event)
    return encode


def frame_of(schema_id: int, form: RegistryFormat) -> bytes:
    """Returns the bytes in front of a payload; of Protobuf, they say that it is the file's first message."""
    indexes = _FIRST_MESSAGE if form == "protobuf" else None
    return bytes(SchemaId(form.upper(), schema_id, message_indexes=indexes).id_to_bytes())


def _avro_writer(event: type[AnyEvent]) -> Callable[[AnyEvent], bytes]:
    schema = fastavro.parse_schema(json.loads(_text(event, "avro")))

    def write(value: AnyEvent) -> bytes:
        buffer = BytesIO()
        fastavro.schemaless_writer(buffer, schema, _plain(value))
        return buffer.getvalue()

    return write


def _protobuf_writer(event: type[AnyEvent]) -> Callable[[AnyEvent], bytes]:
    message_class = compiled(schema_of(event, "protobuf"), {}).message_class(_FIRST_MESSAGE)

    def write(value: AnyEvent) -> bytes:
        message = json_format.ParseDict(json.loads(encode(value)), message_class())
        return bytes(message.SerializeToString(deterministic=True))

    return write


def _text(event: type[AnyEvent], form: RegistryFormat) -> str:
    folder = Path(spanstream.schemas.__file__).parent / "v1"
    return (folder / f"{event.__name__.lower()}.{_FILES[form]}").read_text(encoding="utf-8")


def _plain(value: Any) -> Any:  # noqa: ANN401  fields of any type
    """Returns a model as dictionaries, with its times as they are."""
    if isinstance(value, BaseModel):
        return {name: _plain(getattr(value, name)) for name in type(value).model_fields}
    if isinstance(value, Mapping):
        return {name: _plain(item) for name, item in value.items()}
    return [_plain(item) for item in value] if isinstance(value, list) else value
