"""Writes the Avro schema of an event out of its JSON Schema.

    object ──> record    enum ──> enum    additionalProperties ──> map    X or null ──> ["null", X], default null
    date-time ──> timestamp-millis        integer ──> int, or long without an upper bound

Lengths and patterns have no place in Avro: who reads such an event checks it with the codec. Records and enums inside
an event have its own name as their namespace, so that the schemas of two events can stand side by side.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from spanstream.schemas.asyncapi import Json

NAMESPACE: Final = "dev.spanstream.v1"
_MAX_INT: Final = 2**31 - 1
_PRIMITIVES: Final = {"string": "string", "number": "double", "boolean": "boolean"}


def avro_schema(schema: Json) -> Json:
    """Returns the Avro schema of the event with this JSON Schema, whose title is the event's name."""
    name = str(schema["title"])
    return _Records(schema.get("$defs", {}), f"{NAMESPACE}.{name.lower()}").record(name, schema, NAMESPACE)


class _Records:
    """Makes the records of one event; each is written out where it comes first, and named where it comes again."""

    def __init__(self, shared: Mapping[str, Json], namespace: str) -> None:
        self._shared = shared
        self._namespace = namespace
        self._written: set[str] = set()

    def record(self, name: str, schema: Json, namespace: str) -> Json:
        """Returns a record with all its fields."""
        required = set(schema.get("required", ()))
        fields = [self._field(name, field, part, field in required) for field, part in schema["properties"].items()]
        return {**_head("record", name, namespace, schema), "fields": fields}

    def _field(self, record: str, name: str, schema: Json, is_required: bool) -> Json:
        field = {"name": name, "type": self._type(record + name.title().replace("_", ""), schema)}
        if "description" in schema:
            field["doc"] = schema["description"]
        if isinstance(field["type"], list):
            field["default"] = None
        elif "default" in schema:
            field["default"] = schema["default"]
        elif not is_required:
            # Metadata and attributes are maps.
            field["default"] = [] if field["type"]["type"] == "array" else {}
        return field

    def _type(self, name: str, schema: Json) -> Any:  # noqa: ANN401, PLR0911  a name, a schema or a union; one return a kind
        """Returns the type of a field or item; `name` is for a type that has none of its own."""
        if "$ref" in schema:
            return self._named(schema["$ref"].removeprefix("#/$defs/"))
        if "anyOf" in schema:
            (present,) = (option for option in schema["anyOf"] if option != {"type": "null"})
            return ["null", self._type(name, present)]
        if "enum" in schema:
            return {**_head("enum", name, self._namespace, schema), "symbols": schema["enum"]}
        if schema.get("format") == "date-time":
            return {"type": "long", "logicalType": "timestamp-millis"}
        kind = schema["type"]
        if kind == "integer":
            return "int" if schema.get("maximum", _MAX_INT + 1) <= _MAX_INT else "long"
        if kind == "array":
            return {"type": "array", "items": self._type(name, schema["items"])}
        if kind == "object":
            return {"type": "map", "values": self._type(name, schema["additionalProperties"])}
        return _PRIMITIVES[kind]

    def _named(self, name: str) -> Any:  # noqa: ANN401  its name, or the whole type
        if name in self._written:
            return f"{self._namespace}.{name}"
        self._written.add(name)
        schema = self._shared[name]
        return self._type(name, schema) if "enum" in schema else self.record(name, schema, self._namespace)


def _head(kind: str, name: str, namespace: str, schema: Json) -> Json:
    doc = {"doc": schema["description"]} if "description" in schema else {}
    return {"type": kind, "name": name, "namespace": namespace, **doc}
