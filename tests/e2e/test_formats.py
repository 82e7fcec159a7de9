"""The same documents, questions and tickets in other programs' forms, through a real broker and the real model."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from cloudevents.core.bindings.kafka import to_structured_event
from cloudevents.core.v1.event import CloudEvent

from spanstream.consumer.broker.protocols import Outgoing
from spanstream.consumer.formats.mapping.load import bundled_samples
from tests.e2e.conftest import MakeStream
from tests.support.kafka.kafka_broker import KafkaBroker
from tests.support.kafka.quick_settings import QUICK
from tests.support.kafka.stream import Stream
from tests.support.kafka.triage_stream import TriageStream

DOCUMENTS = [
    {
        "document_id": f"d-{number}",
        "text": f"The export of area {number} stops with error FXP-{4100 + number} 😀 today.",
    }
    for number in range(12)
]
QUESTIONS = [
    {"question_id": f"q-{document['document_id']}", "question": "Which error is shown?", **document}
    for document in DOCUMENTS
]
MAPPING = """
mapping: desk
documents: {root: article, document_id: text(number), text: "paragraphs([head, body.html])", title: head}
questions: {question_id: "join('-', ['q', text(about)])", question: ask, document_id: text(about)}
"""

Wire = Callable[[str, str, dict[str, Any]], Outgoing]
"""Makes a record for a topic out of a key and our event, in another program's form."""


def plain(topic: str, key: str, event: dict[str, Any]) -> Outgoing:
    return Outgoing(topic, key.encode(), json.dumps(event).encode())


def structured(topic: str, key: str, event: dict[str, Any]) -> Outgoing:
    attributes = {"id": "1", "source": "/desk", "type": "com.example.said", "partitionkey": key}
    message = to_structured_event(CloudEvent(attributes, event))
    return Outgoing(topic, key.encode(), message.value, tuple(message.headers.items()))


def foreign(topic: str, key: str, event: dict[str, Any]) -> Outgoing:
    if "question" in event:
        return plain(topic, key, {"about": key, "ask": event["question"]})
    return plain(topic, key, {"article": {"number": key, "head": None, "body": {"html": event["text"]}}})


def enveloped(topic: str, key: str, event: dict[str, Any]) -> Outgoing:
    return structured(topic, key, json.loads(foreign(topic, key, event).value or b""))


WIRES: dict[str, Wire] = {"json": plain, "cloudevents": structured, "mapping": foreign, "both": enveloped}


def test_every_wire_form_gets_the_same_answers(kafka: KafkaBroker, streams: MakeStream, tmp_path: Path) -> None:
    (tmp_path / "desk.yaml").write_text(MAPPING, encoding="utf-8")
    mapped = {"MAPPINGS__DOCUMENTS": str(tmp_path / "desk.yaml"), "MAPPINGS__QUESTIONS": str(tmp_path / "desk.yaml")}
    answered: dict[str, dict[str, Any]] = {}
    for name, wire in WIRES.items():
        stream = streams(kafka.bootstrap, **QUICK, **(mapped if wire in {foreign, enveloped} else {}))
        for topic, events in ((stream.topics.documents, DOCUMENTS), (stream.topics.questions, QUESTIONS)):
            sent = [{key: value for key, value in event.items() if topic.endswith("documents") or key != "text"}
                    for event in events]  # fmt: skip
            stream.publish([wire(topic, str(event["document_id"]), event) for event in sent])
        stream.publish([Outgoing(stream.topics.questions, b"d-1", b'{"no": "question"}')])
        done = stream.command("run", "--once")
        assert done.returncode == 0, done.stderr
        answered[name] = {
            answer.question_id: (answer.document_sha256, answer.answer, answer.confidence, answer.metadata)
            for answer in stream.answers()
        }
        (letter,) = stream.read(stream.topics.dead_letters)
        assert letter.value == b'{"no": "question"}'
    assert answered["json"].keys() == {question["question_id"] for question in QUESTIONS}
    assert all(answers == answered["json"] for answers in answered.values())
    assert answered["json"]["q-d-3"][1].text == "FXP-4103"


def test_foreign_records_of_a_file_are_published_as_our_events(stream: Stream) -> None:
    mapping = stream.folder / "desk.yaml"
    mapping.write_text(MAPPING, encoding="utf-8")
    lines = (
        b'{"article": {"number": 7, "head": "Export", "body": {"html": "It stops with FXP-4107."}}}\n{"article": {}}\n'
    )
    published = stream.command("publish", "documents", "-", "--mapping", str(mapping), stdin=lines)
    assert published.returncode == 1
    assert b"-:2: invalid_event: mapping: documents.document_id: text(number) gave nothing" in published.stderr
    (record,) = stream.read(stream.topics.documents)
    assert (record.key, json.loads(record.value or b"")) == (
        b"7",
        {"document_id": "7", "text": "Export\n\nIt stops with FXP-4107.", "title": "Export", "metadata": {}},
    )


@pytest.fixture
def triage_stream(kafka: KafkaBroker, tmp_path: Path) -> Iterator[TriageStream]:
    (tmp_path / "desk.yaml").write_text(MAPPING, encoding="utf-8")
    mappings = {
        "MAPPINGS__TICKETS": "zendesk",
        # What the ticket stream writes to these topics is not mapped.
        "MAPPINGS__DOCUMENTS": str(tmp_path / "desk.yaml"),
        "MAPPINGS__QUESTIONS": str(tmp_path / "desk.yaml"),
    }
    stream = TriageStream(kafka.bootstrap, tmp_path, 2, QUICK | mappings)
    stream.create_topics()
    yield stream
    stream.close()


def test_tickets_as_zendesk_has_them_are_triaged(triage_stream: TriageStream) -> None:
    samples = [(sample, json.loads(sample)) for sample in bundled_samples("zendesk")]
    tickets = {str((value.get("ticket") or value.get("detail") or value)["id"]): sample for sample, value in samples}
    topic = triage_stream.topics.tickets
    with triage_stream.watch_triage() as watched:
        triage_stream.start()
        triage_stream.start_triage()
        triage_stream.publish([Outgoing(topic, key.encode(), sample) for key, sample in tickets.items()])
        triage_stream.publish([Outgoing(topic, b"4107-b", tickets["4107"]), Outgoing(topic, b"x", b'{"ticket": {}}')])
        for key in tickets:
            watched.await_complete(key)
        triage = watched.by_ticket["4107"][-1]
    assert (triage.fields["error"].answer, triage.route) == (triage.fields["error"].candidate, "defects")
    assert triage_stream.documents()[triage.document.document_id].startswith("Nightly export stops\n\nHello,")
    letters = {
        record.key: record.header("dlq.detail") for record in triage_stream.read(triage_stream.topics.dead_letters)
    }
    assert letters == {
        b"4107-b": b"record key: should be the ticket_id, it is another one, of 6 bytes",
        b"x": b"mapping: tickets.ticket_id: text(id) gave nothing",
    }
