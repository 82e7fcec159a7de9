"""Mappings: what each kind of field gives, what is refused at the start, and what a record's refusal says."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from spanstream.consumer.broker.protocols import Outgoing
from spanstream.consumer.errors import Stop
from spanstream.consumer.formats.mapping.field_mapping import CompiledMapping
from spanstream.consumer.formats.mapping.load import InvalidMapping, compile_mapping, load_mapping, parse_mapping
from spanstream.consumer.formats.opening import open_formats
from spanstream.consumer.formats.translator import Message
from spanstream.consumer.settings import Settings
from spanstream.schemas.codec import decode_document, decode_question
from spanstream.schemas.errors import InvalidRecord, Reason
from spanstream.schemas.limits import Limits
from spanstream.schemas.mapping import DocumentMapping, QuestionMapping, RecordMapping
from tests.support.memory.memory_triage import TEXT, TOPICS, MemoryTriage

GOOD = """\
mapping: desk
tickets:
  root: ticket
  ticket_id: text(id)
  subject: {path: title, default: ""}
  body: comments[0].body
  created_at: time(created)
  channel: {constant: desk}
  attributes:
    plan: plan
    tags: joined(', ', tags)
"""
RECORD: dict[str, Any] = {
    "id": 7,
    "title": "Export",
    "comments": [{"body": "It stops."}],
    "created": "2026-01-31T12:00:00+0100",
    "plan": None,
    "tags": ["a", "b"],
}


def tickets(text: str = GOOD) -> CompiledMapping:
    mapping = parse_mapping(text, "desk.yaml").tickets
    assert mapping is not None
    return CompiledMapping("tickets", mapping)


def mapped(record: object, mapping: CompiledMapping | None = None) -> dict[str, Any]:
    event: dict[str, Any] = json.loads((mapping or tickets()).map(json.dumps({"ticket": record}).encode()))
    return event


def refusal(record: object, mapping: CompiledMapping | None = None) -> InvalidRecord:
    with pytest.raises(InvalidRecord) as raised:
        mapped(record, mapping)
    return raised.value


def test_fields_are_expressions_constants_and_defaults_and_what_gives_nothing_is_left_out() -> None:
    assert mapped(RECORD) == {
        "ticket_id": "7",
        "subject": "Export",
        "body": "It stops.",
        "created_at": "2026-01-31T11:00:00.000Z",
        "channel": "desk",
        "attributes": {"tags": "a, b"},
    }
    assert mapped({**RECORD, "title": None})["subject"] == ""
    assert "attributes" not in mapped({**RECORD, "tags": [], "plan": None})


@pytest.mark.parametrize(
    ("change", "detail"),
    [
        ({"comments": []}, "mapping: tickets.body: comments[0].body gave nothing"),
        ({"comments": [{"body": 5}]}, "mapping: tickets.body: comments[0].body gave a number, no text"),
        ({"title": ["secret"]}, "mapping: tickets.subject: title gave a list, no text"),
        ({"plan": {"secret": 1}}, "mapping: tickets.attributes.plan: plan gave an object, no text"),
        ({"created": "secret"}, "mapping: tickets.created_at: time(created) should be a time as 2026-01-31T12:34:56Z"),
        ({"tags": "secret"}, "mapping: tickets.attributes.tags: joined(', ', tags) joined() takes a list"),
        ({"id": {"secret": 1}}, "mapping: tickets.ticket_id: text(id) an object is no text"),
    ],
)
def test_what_does_not_map_is_refused_with_the_path_that_failed_and_never_the_value(
    change: dict[str, Any], detail: str
) -> None:
    error = refusal({**RECORD, **change})
    assert (error.reason, error.detail.startswith(detail)) == (Reason.INVALID_EVENT, True), error
    assert "secret" not in str(error)
    assert error.__context__ is None


def test_a_record_without_the_root_or_that_is_no_json_is_refused() -> None:
    assert refusal(None).detail == "mapping: tickets.root: ticket gave nothing"
    for value in (b"{", b"\xff", b'{"ticket": NaN}', b""):
        with pytest.raises(InvalidRecord) as raised:
            tickets().map(value)
        assert raised.value.reason == Reason.UNDECODABLE


def test_a_long_expression_is_shown_shortened() -> None:
    detail = refusal(RECORD, tickets(GOOD.replace("comments[0].body", "no." * 100 + "no"))).detail
    assert "…" in detail
    assert len(detail) < 200


def test_a_question_may_have_numbers_as_its_least_confidence_and_its_most_answers() -> None:
    fields = {"question_id": "id", "question": "q", "context": "c", "min_confidence": "least", "metadata": {"a": "id"}}
    mapping = CompiledMapping("questions", QuestionMapping.model_validate({**fields, "max_answers": "most"}))
    record = {"id": "1", "q": "who?", "c": "Ann.", "least": 0.25, "most": 3}
    assert json.loads(mapping.map(json.dumps(record).encode())) == {
        "question_id": "1", "question": "who?", "context": "Ann.", "min_confidence": 0.25, "metadata": {"a": "1"},
        "max_answers": 3,
    }  # fmt: skip


DOCUMENT = {"document_id": "id", "text": "text", "collections": "tags"}
QUESTION = {
    "question_id": "id",
    "question": "q",
    "collection": "in",
    "filter": {"lang": "lang"},
    "answer_again": "again",
}


@pytest.mark.parametrize(
    ("tags", "collections"),
    [
        (["kb", "faq"], ["kb", "faq"]),
        ("kb, faq", ["kb", "faq"]),
        (" kb,", ["kb"]),
        ("", []),
        ([], []),
    ],
)
def test_a_documents_collections_come_from_a_list_or_a_text_with_commas(tags: object, collections: list[str]) -> None:
    mapping = CompiledMapping("documents", DocumentMapping.model_validate(DOCUMENT))
    mapped_value = mapping.map(json.dumps({"id": "d", "text": "t", "tags": tags}).encode())
    assert decode_document(mapped_value, Limits()).collections == collections
    assert "collections" not in json.loads(mapping.map(b'{"id": "d", "text": "t"}'))


def test_collections_may_be_the_same_in_every_document_and_are_no_number() -> None:
    everywhere = DocumentMapping.model_validate({**DOCUMENT, "collections": {"constant": "kb, faq"}})
    value = CompiledMapping("documents", everywhere).map(b'{"id": "d", "text": "t"}')
    assert json.loads(value)["collections"] == ["kb", "faq"]
    mapping = CompiledMapping("documents", DocumentMapping.model_validate(DOCUMENT))
    with pytest.raises(InvalidRecord, match="collections: tags gave a number, no text"):
        mapping.map(b'{"id": "d", "text": "t", "tags": 7}')


def test_a_question_may_ask_a_collection_with_a_filter_and_whether_to_answer_again() -> None:
    mapping = CompiledMapping("questions", QuestionMapping.model_validate(QUESTION))
    record = {"id": "q", "q": "who?", "in": "kb", "lang": "en", "again": True}
    question = decode_question(mapping.map(json.dumps(record).encode()), Limits())
    assert (question.collection, question.filter, question.answer_again) == ("kb", {"lang": "en"}, True)
    with pytest.raises(InvalidRecord, match="answer_again: again gave a number, no text"):
        mapping.map(json.dumps({**record, "again": 1}).encode())


WRONG = {
    "no expression": (GOOD.replace("comments[0].body", "comments[0"), "6:3: tickets.body: no JMESPath at character"),
    "an unknown function": (GOOD.replace("text(id)", "txt(id)"), "4:3: tickets.ticket_id: there is no function txt()"),
    "too many arguments": (
        GOOD.replace("text(id)", "text(id, id)"),
        "4:3: tickets.ticket_id: text() takes 1 arguments",
    ),
    "a call inside": (GOOD.replace("root: ticket", "root: ticket[?no(@)]"), "3:3: tickets.root: there is no function"),
    "in an entry": (GOOD.replace("plan: plan", "plan: ''''"), "10:5: tickets.attributes.plan: no JMESPath"),
    "too deep": (GOOD.replace("root: ticket", f"root: '{'(' * 900}a{')' * 900}'"), "3:3: tickets.root: no JMESPath"),
    "a field that is missing": (GOOD.replace("  body: comments[0].body\n", ""), "2:1: body: is missing"),
    "a field that there is not": (GOOD + "    x: {y: z}\n", "12:5: "),
    "a number": (GOOD.replace("text(id)", "7"), "4:3: ticket_id: should be a JMESPath expression, {path"),
    "an unknown key": (GOOD + "  tikcet: a\n", "12:3: tikcet: is unknown here"),
    "nothing mapped": ("mapping: desk\n", "1:1: should have documents, questions or tickets"),
    "an alias": (GOOD.replace("text(id)", "&a x") + "    z: *a\n", "12:8: no YAML: the alias *a"),
}


@pytest.mark.parametrize("case", WRONG)
def test_a_wrong_mapping_is_one_line_with_its_place(case: str) -> None:
    text, wanted = WRONG[case]
    with pytest.raises(InvalidMapping) as refused:
        parse_mapping(text, "desk.yaml")
    assert str(refused.value).startswith(f"desk.yaml:{wanted}"), refused.value
    assert "\n" not in str(refused.value)


def test_all_wrong_expressions_are_told() -> None:
    with pytest.raises(InvalidMapping) as refused:
        parse_mapping(GOOD.replace("text(id)", "a(").replace("time(created)", "b("), "desk.yaml")
    assert [problem.line for problem in refused.value.problems] == [4, 7]


def test_a_program_does_not_start_with_a_mapping_that_it_cannot_use(tmp_path: Path) -> None:
    file = tmp_path / "desk.yaml"
    file.write_text(GOOD, encoding="utf-8")
    with pytest.raises(Stop, match="makes no questions; it makes tickets"):
        open_formats(Settings(mappings={"questions": str(file)}))
    with pytest.raises(Stop, match="no such file, and no bundled mapping of this name; bundled mappings are jira"):
        open_formats(Settings(mappings={"tickets": "desk"}))
    file.write_bytes(b"\xff")
    with pytest.raises(Stop, match="not UTF-8 at byte 0"):
        load_mapping(str(file))


def test_what_is_ours_already_is_not_mapped() -> None:
    mapping = compile_mapping("zendesk", "tickets")
    for ce_type in (b"dev.spanstream.ticket.v1", b"spanstream.ticket.v1"):
        message = Message(b'{"ticket_id": "t"}', (("ce_type", ce_type),))
        assert mapping.translate(message) == message
    with pytest.raises(InvalidRecord):
        mapping.translate(Message(b'{"ticket_id": "t"}', (("ce_type", b"com.example.ticket"),)))


def test_an_event_of_ours_in_an_envelope_is_not_mapped_either() -> None:
    formats = open_formats(Settings(mappings={"tickets": "zendesk"}))
    data = {"ticket_id": "t", "subject": "", "body": "It stops."}
    event = {"specversion": "1.0", "id": "1", "source": "/s", "type": "dev.spanstream.ticket.v1", "data": data}
    record = Outgoing("t", b"t", json.dumps(event).encode(), (("content-type", b"application/cloudevents+json"),))
    assert formats.ticket(record).body == "It stops."


def test_tickets_of_another_program_are_triaged_and_those_that_do_not_map_are_dead_letters_as_they_came(
    tmp_path: Path,
) -> None:
    file = tmp_path / "desk.yaml"
    file.write_text(GOOD, encoding="utf-8")
    stream = MemoryTriage()
    stream.start(formats=open_formats(Settings(mappings={"tickets": str(file)})))
    for number, body in enumerate((TEXT, None)):
        record = {"ticket": {**RECORD, "id": number, "comments": [{"body": body}]}}
        stream.send_raw(TOPICS.tickets, str(number).encode(), json.dumps(record).encode())
    stream.until(lambda: bool(stream.questions("0")) and bool(stream.broker.records(TOPICS.dead_letters)))
    stream.answer_all()
    stream.until(lambda: "0" in stream.triages())
    (letter,) = stream.broker.records(TOPICS.dead_letters)
    assert b'"comments": [{"body": null}]' in (letter.value or b"")
    assert letter.header("dlq.detail") == b"mapping: tickets.body: comments[0].body gave nothing"


def test_the_mapping_in_the_docs_does_what_is_said_there() -> None:
    page = (Path(__file__).parents[3] / "docs" / "formats.md").read_text(encoding="utf-8")
    mapping = tickets(page.split("```yaml\n")[1].split("```")[0])
    fields = [{"id": 360001234567, "value": "gold"}]
    record = {"id": 7, "title": None, "summary": "It stops.", "comments": None, "created": "2024-05-01 10:00:00"}
    assert mapped(record | {"custom_fields": fields}, mapping) == {
        "ticket_id": "7",
        "subject": "",
        "body": "It stops.",
        "created_at": "2024-05-01T10:00:00.000Z",
        "channel": "desk",
        "attributes": {"plan": "gold"},
    }


def test_a_mapping_reads_what_it_says_about_itself() -> None:
    mapping = RecordMapping.model_validate({"mapping": "m", "tickets": {"ticket_id": "a", "subject": "b", "body": "c"}})
    assert mapping.kinds == ("tickets",)
