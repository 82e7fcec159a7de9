from __future__ import annotations

import copy
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import fastavro
import pytest

from spanstream.schemas import generate
from tests.support.events.schema_changes import breaking_changes

Json = dict[str, Any]
FROZEN = Path(__file__).parent / "records" / "schemas"
NAMES = ["document", "question", "answer", "dead-letter-headers", "ticket", "triage", "feedback"]
READ_BY_US = {"document", "question", "ticket", "feedback"}
# Fields that a reader only gets if it asks for them: by a setting those of a span, by `max_answers` or a collection
# those of an answer.
GIVEN_ON_REQUEST = {
    "Span": {"utf16_start", "utf16_end"},
    "Answer": {"further_places", "alternatives", "collection", "retrieved"},
    "Alternative": {"document_id", "document_sha256"},
}
# Null only where a collection was asked.
NULL_ON_REQUEST = {"Answer": {"document_sha256"}}


def frozen(name: str) -> Json:
    return dict(json.loads((FROZEN / f"{name}.schema.json").read_bytes()))


def current(name: str) -> Json:
    return generate.documents()[f"v1/{name}.schema.json"]


def nodes(node: Any) -> Iterator[Json]:
    if isinstance(node, dict):
        yield node
        for inner in node.values():
            yield from nodes(inner)
    elif isinstance(node, list):
        for inner in node:
            yield from nodes(inner)


def test_the_checked_in_files_are_current(capsys: pytest.CaptureFixture[str]) -> None:
    assert generate.main(["--check"]) == 0, capsys.readouterr().out


def test_writing_twice_writes_nothing_the_second_time(tmp_path: Path) -> None:
    assert generate.main([], tmp_path) == 0
    before = {path: path.read_bytes() for path in tmp_path.rglob("*.*")}
    assert before.keys() == {tmp_path / name for name in generate.rendered()}
    assert generate.write(tmp_path) == []
    assert {path: path.read_bytes() for path in tmp_path.rglob("*.*")} == before


@pytest.mark.parametrize("path", generate.rendered())
@pytest.mark.parametrize("damage", ["change", "delete"])
def test_check_names_the_file_that_is_not_current(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], path: str, damage: str
) -> None:
    generate.write(tmp_path)
    if damage == "delete":
        (tmp_path / path).unlink()
    else:
        (tmp_path / path).write_text("{}", encoding="utf-8")
    capsys.readouterr()
    assert generate.main(["--check"], tmp_path) == 1
    assert [line.split(":")[0] for line in capsys.readouterr().out.splitlines()] == [f"{tmp_path.name}/{path}"]
    assert generate.write(tmp_path) == [path]


@pytest.mark.parametrize("name", [*NAMES, "playbook"])
def test_every_field_is_described(name: str) -> None:
    for node in nodes(current(name)):
        for field, schema in node.get("properties", {}).items():
            if "oneOf" in node or "title" in node:
                assert len(schema.get("description", "")) > 10, field


def by_default(schema: Json) -> Json:
    """What is written where nothing was asked for besides."""
    for part in (schema, *schema.get("$defs", {}).values()):
        on_request = GIVEN_ON_REQUEST.get(part["title"], set())
        assert not on_request & set(part.get("required", ()))
        for name in on_request:
            part["properties"].pop(name)
        for name in NULL_ON_REQUEST.get(part["title"], set()):
            part["properties"][name] = part["properties"][name].pop("anyOf")[0]
    return schema


@pytest.mark.parametrize("name", NAMES)
def test_version_1_still_takes_and_gives_what_it_did(name: str) -> None:
    assert breaking_changes(frozen(name), by_default(current(name)), may_grow=name in READ_BY_US) == []


CHANGES: dict[str, Callable[[Json], object]] = {
    "a field is removed": lambda schema: schema["properties"].pop("metadata"),
    "a field is renamed": lambda schema: schema["properties"].update(body=schema["properties"].pop("question")),
    "an optional field becomes required": lambda schema: schema["required"].append("metadata"),
    "a new field is required": lambda schema: (
        schema["properties"].update(language={"type": "string"}),
        schema["required"].append("language"),
    ),
    "a text is shorter": lambda schema: schema["properties"]["question_id"].update(maxLength=10),
    "a text is longer at least": lambda schema: schema["properties"]["question_id"].update(minLength=2),
    "a text gets a limit": lambda schema: schema["properties"]["question"].update(maxLength=10),
    "a text gets a pattern": lambda schema: schema["properties"]["metadata"]["additionalProperties"].update(
        pattern="a"
    ),
    "a pattern is another": lambda schema: schema["properties"]["question"].update(pattern="a"),
    "a type is another": lambda schema: schema["properties"]["question"].update(type="integer"),
    "null is no longer allowed": lambda schema: schema["properties"]["min_confidence"]["anyOf"].pop(),
    "a number is at most less": lambda schema: schema["properties"]["min_confidence"]["anyOf"][0].update(maximum=0.5),
    "a number is a whole one": lambda schema: schema["properties"]["min_confidence"]["anyOf"][0].update(type="integer"),
    "the sources are others": lambda schema: schema["oneOf"].pop(),
    "another source that records may have already": lambda schema: schema["oneOf"].append({"required": ["metadata"]}),
    "fewer metadata entries": lambda schema: schema["properties"]["metadata"].update(maxProperties=4),
    "a text is one of some": lambda schema: schema["properties"]["question"].update(enum=["who?"]),
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_the_comparison_sees_a_change_that_breaks_senders(change: Callable[[Json], object]) -> None:
    changed = frozen("question")
    change(changed)
    assert breaking_changes(frozen("question"), changed, may_grow=True)


GROWTH: dict[str, Callable[[Json], object]] = {
    "a new optional field": lambda schema: schema["properties"].update(language={"type": "string"}),
    "a longer text": lambda schema: schema["properties"]["question_id"].update(maxLength=4_096),
    "a limit is lifted": lambda schema: schema["properties"]["question_id"].pop("maxLength"),
    "a required field becomes optional": lambda schema: schema["required"].remove("question"),
    "another source that no record has": lambda schema: (
        schema["properties"].update(topic={"type": "string"}),
        schema["oneOf"].append({"required": ["topic"]}),
    ),
    "another type beside": lambda schema: schema["properties"]["context"]["anyOf"].append({"type": "array"}),
}


@pytest.mark.parametrize("change", GROWTH.values(), ids=GROWTH)
def test_what_is_read_may_grow_and_what_is_written_may_not(change: Callable[[Json], object]) -> None:
    changed = frozen("question")
    change(changed)
    assert breaking_changes(frozen("question"), changed, may_grow=True) == []
    assert breaking_changes(frozen("question"), changed, may_grow=False)


ANSWER_CHANGES: dict[str, Callable[[Json], object]] = {
    "a field of a span is removed": lambda schema: schema["$defs"]["Span"]["properties"].pop("char_end"),
    "a span has another field": lambda schema: schema["$defs"]["Span"]["properties"].update(score={"type": "number"}),
    "another status": lambda schema: schema["properties"]["status"]["enum"].append("unsure"),
    "a status is gone": lambda schema: schema["properties"]["status"]["enum"].remove("no_answer"),
    "a field may be missing": lambda schema: schema["required"].remove("answer"),
}


@pytest.mark.parametrize("change", ANSWER_CHANGES.values(), ids=ANSWER_CHANGES)
def test_the_comparison_sees_a_change_that_breaks_readers_of_answers(change: Callable[[Json], object]) -> None:
    changed = frozen("answer")
    change(changed)
    assert breaking_changes(frozen("answer"), changed, may_grow=False)


def test_words_for_people_may_change() -> None:
    changed = copy.deepcopy(frozen("answer"))
    changed["$defs"]["Place"] = changed["$defs"].pop("Span")
    changed = json.loads(json.dumps(changed).replace("#/$defs/Span", "#/$defs/Place"))
    changed["description"] = changed["title"] = "another"
    assert breaking_changes(frozen("answer"), changed, may_grow=False) == []


@pytest.mark.parametrize(
    "topic",
    [
        "qa.documents",
        "qa.questions",
        "qa.answers",
        "qa.answers.shadow",
        "qa.dead-letters",
        "qa.retries",
        "support.tickets",
        "support.triage",
        "qa.feedback",
        "qa.labels",
    ],
)
def test_each_topic_is_a_channel_under_its_default_name(topic: str) -> None:
    document = generate.documents()["asyncapi.json"]
    assert document["channels"][topic]["address"] == topic
    (message,) = document["channels"][topic]["messages"]
    assert document["components"]["messages"][message]["bindings"]["kafka"]["key"]["description"]


def test_the_operations_are_those_of_the_consumer_the_triage_stream_and_the_feedback() -> None:
    operations = generate.documents()["asyncapi.json"]["operations"].values()
    assert {(operation["action"], operation["channel"]["$ref"]) for operation in operations} == {
        ("receive", "#/channels/qa.documents"),
        ("receive", "#/channels/qa.questions"),
        ("receive", "#/channels/qa.retries"),
        ("send", "#/channels/qa.answers"),
        ("send", "#/channels/qa.answers.shadow"),
        ("send", "#/channels/qa.retries"),
        ("send", "#/channels/qa.dead-letters"),
        ("receive", "#/channels/support.tickets"),
        ("send", "#/channels/support.triage"),
        ("receive", "#/channels/qa.feedback"),
        ("send", "#/channels/qa.labels"),
    }


@pytest.mark.parametrize("path", generate.documents())
def test_every_reference_leads_somewhere(path: str) -> None:
    for node in nodes(generate.documents()[path]):
        if "$ref" not in node:
            continue
        file, _, pointer = node["$ref"].partition("#")
        target: Any = json.loads(((generate.FOLDER / path).parent / file).read_bytes()) if file else None
        target = generate.documents()[path] if target is None else target
        for step in pointer.strip("/").split("/") if pointer else []:
            target = target[step]
        assert target


def proto_fields(text: str) -> set[tuple[str, str]]:
    """The fields of a Protobuf file: type and name, and number."""
    return {(field.strip(), number) for field, _, number in (line.partition(" = ") for line in text.splitlines())}


@pytest.mark.parametrize("name", ["document", "question", "answer", "ticket", "triage", "feedback"])
def test_a_protobuf_field_keeps_its_number_and_type(name: str) -> None:
    frozen_text = (FROZEN / f"{name}.proto").read_text(encoding="utf-8")
    assert proto_fields(frozen_text) <= proto_fields(generate.rendered()[f"v1/{name}.proto"])


@pytest.mark.parametrize("name", ["document", "question", "answer", "ticket", "triage", "feedback"])
def test_an_avro_schema_names_each_type_once_and_is_one(name: str) -> None:
    schema = generate.documents()[f"v1/{name}.avsc"]
    assert schema["name"] == name.title()
    parsed: Any = fastavro.parse_schema(schema)
    assert parsed["name"] == f"dev.spanstream.v1.{name.title()}"
    written = [node["name"] for node in nodes(schema) if node.get("type") in ("record", "enum")]
    assert len(written) == len(set(written))
