"""Writes the schemas of version 1 and the AsyncAPI document: `python -m spanstream.schemas.generate [--check]`.

    models ──> v1/{document,question,answer,dead-letter-headers,ticket,triage,feedback,playbook,...}.schema.json
       ├─────> v1/{document,question,answer,ticket,triage,feedback}.{avsc,proto}, for schema registries
       └─────> asyncapi.json, whose payloads refer to the JSON Schemas

The files are checked in for readers without Python; `--check` writes nothing and fails where one is not current.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from pydantic import BaseModel
from pydantic.json_schema import GenerateJsonSchema
from pydantic_core import CoreSchema

from spanstream.schemas.asyncapi import Json, asyncapi
from spanstream.schemas.avro import avro_schema
from spanstream.schemas.dead_letters import DLQ_HEADERS, RETRY_HEADERS, DeadLetter, Retry
from spanstream.schemas.events import Answer, Document, Question
from spanstream.schemas.feedback import Feedback
from spanstream.schemas.mapping import RecordMapping
from spanstream.schemas.playbook import Playbook
from spanstream.schemas.protobuf import proto_file
from spanstream.schemas.triage import Ticket, Triage

FOLDER: Final = Path(__file__).parent
EVENTS: Final[tuple[type[BaseModel], ...]] = (Document, Question, Answer, Ticket, Triage, Feedback)
DIALECT: Final = "https://json-schema.org/draft/2020-12/schema"


class _WithoutFieldTitles(GenerateJsonSchema):
    """A title that repeats the field's name says nothing."""

    def field_title_should_be_set(self, schema: CoreSchema | Any) -> bool:  # noqa: ANN401, ARG002  pydantic's signature has private types
        return False


def event_schema(model: type[BaseModel]) -> Json:
    """Returns the JSON Schema (draft 2020-12) of an event as it stands in a record's value."""
    return {"$schema": DIALECT, **_tidied(model.model_json_schema(schema_generator=_WithoutFieldTitles))}


def headers_schema(model: type[BaseModel], names: Mapping[str, str]) -> Json:
    """Returns the JSON Schema of a set of headers, all strings; a record's own headers may stand beside them."""
    schema = event_schema(model)
    required = set(schema["required"])
    # In place, because the schema is also a part of the AsyncAPI document, where "#/$defs" is another place.
    shared = schema.pop("$defs")
    schema["properties"] = {names[field]: _in_place(_not_null(schema["properties"][field]), shared) for field in names}
    schema["required"] = [name for field, name in names.items() if field in required]
    schema["additionalProperties"] = True
    return schema


def documents() -> dict[str, Json]:
    """Returns all generated files that are JSON, by path below this folder."""
    return {
        "v1/document.schema.json": event_schema(Document),
        "v1/question.schema.json": event_schema(Question),
        "v1/answer.schema.json": event_schema(Answer),
        "v1/dead-letter-headers.schema.json": headers_schema(DeadLetter, DLQ_HEADERS),
        "v1/ticket.schema.json": event_schema(Ticket),
        "v1/triage.schema.json": event_schema(Triage),
        "v1/feedback.schema.json": event_schema(Feedback),
        "v1/playbook.schema.json": event_schema(Playbook),
        "v1/mapping.schema.json": event_schema(RecordMapping),
        "asyncapi.json": asyncapi(headers_schema(Retry, RETRY_HEADERS)),
        **{f"v1/{model.__name__.lower()}.avsc": avro_schema(event_schema(model)) for model in EVENTS},
    }


def rendered() -> dict[str, str]:
    """Returns the text of all generated files, by path below this folder; the same on every run."""
    texts = {path: json.dumps(document, ensure_ascii=False, indent=2) + "\n" for path, document in documents().items()}
    protos = {f"v1/{model.__name__.lower()}.proto": proto_file(event_schema(model)) for model in EVENTS}
    return {**texts, **protos}


def stale(folder: Path = FOLDER) -> list[str]:
    """Returns the paths below the folder of the files that are missing, or not what would be written now."""
    return [path for path, text in rendered().items() if not _holds(folder / path, text)]


def write(folder: Path = FOLDER) -> list[str]:
    """Writes the files that are not current and returns their paths below the folder."""
    changed = stale(folder)
    texts = rendered()
    for path in changed:
        target = folder / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(texts[path], encoding="utf-8")
    return changed


def main(arguments: Sequence[str] | None = None, folder: Path = FOLDER) -> int:
    """Returns the exit code: 0 done or current, 1 where `--check` found a file that is not."""
    parser = argparse.ArgumentParser(
        prog="python -m spanstream.schemas.generate", description="JSON, Avro and Protobuf schemas, and AsyncAPI."
    )
    parser.add_argument("--check", action="store_true", help="write nothing; exit 1 where a file is not current")
    check = parser.parse_args(arguments).check
    changed = stale(folder) if check else write(folder)
    for path in changed:
        sys.stdout.write(f"{folder.name}/{path}: {'not current: run make format' if check else 'written'}\n")
    return 1 if check and changed else 0


def _holds(path: Path, text: str) -> bool:
    return path.is_file() and path.read_bytes() == text.encode()


def _tidied(node: Any) -> Any:  # noqa: ANN401  any JSON
    """Leaves out the empty length constraint that only guards against lone surrogates, which JSON cannot hold."""
    if isinstance(node, list):
        return [_tidied(item) for item in node]
    if not isinstance(node, dict):
        return node
    kept = {name: _tidied(value) for name, value in node.items() if (name, value) != ("minLength", 0)}
    return {name: value for name, value in kept.items() if (name, value) != ("propertyNames", {})}


def _not_null(schema: Json) -> Json:
    """Takes null out of the schema: an optional header is absent, never null."""
    if "anyOf" not in schema:
        return schema
    (present,) = (option for option in schema["anyOf"] if option != {"type": "null"})
    rest = {name: value for name, value in schema.items() if name not in {"anyOf", "default"}}
    return {**present, **rest}


def _in_place(schema: Json, shared: Json) -> Json:
    if "$ref" not in schema:
        return schema
    named = shared[schema["$ref"].removeprefix("#/$defs/")]
    return {**named, **{name: value for name, value in schema.items() if name != "$ref"}}


if __name__ == "__main__":
    raise SystemExit(main())
