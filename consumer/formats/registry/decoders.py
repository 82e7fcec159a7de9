"""Reads framed bytes by the schema that they were written with, whatever its type.

0x00  schema id (4 bytes, big endian)  [message indexes: Protobuf]  payload
               │                                                       │
               └─> registry, once for each id ──> Avro, JSON Schema or Protobuf ──> JSON
"""

from __future__ import annotations

import json
from base64 import b64encode
from collections.abc import Callable
from datetime import date, datetime, time
from decimal import Decimal
from typing import Any, Final
from uuid import UUID

from confluent_kafka.schema_registry.avro import AvroDeserializer
from confluent_kafka.schema_registry.json_schema import JSONDeserializer
from confluent_kafka.serialization import SerializationContext, SerializationError

from spanstream.consumer.errors import SpanstreamError
from spanstream.consumer.formats.registry.protobuf import ProtobufReader, compiled
from spanstream.consumer.formats.registry.registry import SchemaRegistry
from spanstream.schemas.errors import InvalidRecord, Reason
from spanstream.schemas.fields import format_time

MAGIC_BYTE: Final = b"\x00"
_HEADER_BYTES: Final = 5

_Decode = Callable[[bytes], Any]


class FramedDecoder:
    """Turns framed values into JSON. A schema is fetched and compiled once."""

    def __init__(self, registry: SchemaRegistry) -> None:
        self._registry = registry
        self._by_id: dict[int, _Decode] = {}
        # The writer's schema is found by its id alone; a subject is of no use here.
        conf = {"subject.name.strategy": _no_subject}
        self._avro: _Decode = AvroDeserializer(registry.client, conf=conf)
        self._json: _Decode = JSONDeserializer(None, schema_registry_client=registry.client, conf=conf)

    def to_json(self, value: bytes) -> bytes:
        """Returns the content of a framed value as JSON.

        Raises:
            InvalidRecord: another magic byte, an unknown schema id, or bytes that do not fit their schema.
            Retryable: the registry gives no answer.
        """
        if value[:1] != MAGIC_BYTE or len(value) < _HEADER_BYTES:
            found = f"0x{value[:1].hex()}" if value[:1] != MAGIC_BYTE else "a frame that is cut off"
            raise InvalidRecord(
                Reason.UNDECODABLE, f"neither JSON nor a registry's frame, which begins with 0: {found}"
            )
        schema_id = int.from_bytes(value[1:_HEADER_BYTES])
        decode = self._by_id.get(schema_id)
        if decode is None:
            decode = self._by_id[schema_id] = self._decoder_of(schema_id)
        try:
            with self._registry.asking():
                return _as_json(decode(value))
        except (InvalidRecord, SpanstreamError):
            raise
        except SerializationError:
            refusal = InvalidRecord(Reason.INVALID_EVENT, f"it does not fit its schema, id {schema_id}")
        except Exception as error:  # noqa: BLE001  the libraries raise nearly anything on bytes that are none of theirs
            detail = f"its bytes do not fit their schema, id {schema_id} ({type(error).__name__})"
            refusal = InvalidRecord(Reason.UNDECODABLE, detail)
        raise refusal  # outside of the except block: its context could print the record

    def _decoder_of(self, schema_id: int) -> _Decode:
        schema = self._registry.schema(schema_id)
        if schema.schema_type == "PROTOBUF":
            references = self._registry.references(schema)
            return ProtobufReader(compiled(schema, references))
        if schema.schema_type == "JSON":
            return self._json
        if _is_recursive(json.loads(schema.schema_str or "null")):
            # The library reads without a bound: a record of some thousand levels would end the process.
            raise InvalidRecord(Reason.UNDECODABLE, f"schema id {schema_id} is recursive, which is not read in Avro")
        return self._avro


def _no_subject(ctx: SerializationContext | None, record_name: str | None) -> None:  # noqa: ARG001  the client's signature
    return None


def _is_recursive(schema: Any, namespace: str = "", around: frozenset[str] = frozenset()) -> bool:  # noqa: ANN401  JSON
    """Returns whether an Avro schema has a record that holds records of its own kind; `around` are those it is in."""
    if isinstance(schema, str):
        return _full_name(schema, namespace) in around
    if isinstance(schema, list):
        return any(_is_recursive(option, namespace, around) for option in schema)
    if not isinstance(schema, dict):
        return False
    if "fields" in schema:
        name = _full_name(schema["name"], schema.get("namespace", namespace))
        fields = (field["type"] for field in schema["fields"])
        return any(_is_recursive(field, name.rpartition(".")[0], around | {name}) for field in fields)
    inner = (schema.get(place) for place in ("type", "items", "values"))
    return any(_is_recursive(part, namespace, around) for part in inner)


def _full_name(name: str, namespace: str) -> str:
    return name if "." in name or not namespace else f"{namespace}.{name}"


def _as_json(plain: Any) -> bytes:  # noqa: ANN401  whatever a schema describes
    text = json.dumps(plain, default=_written, ensure_ascii=False, separators=(",", ":"))
    return text.encode()


def _written(value: object) -> str:
    """Returns what stands in JSON for a value of a logical type; times in UTC with milliseconds, as our events have."""
    if isinstance(value, datetime):
        return value.isoformat() if value.tzinfo is None else format_time(value)
    if isinstance(value, date | time):
        return value.isoformat()
    if isinstance(value, Decimal | UUID):
        return str(value)
    if isinstance(value, bytes):
        return b64encode(value).decode()
    raise TypeError(f"no JSON for {type(value).__name__}")
