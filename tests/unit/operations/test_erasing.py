"""What is found and deleted for a request, over a broker in memory that a triage stream has worked on."""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from spanstream.consumer.broker.protocols import Headers, Outgoing, TopicSpec
from spanstream.consumer.errors import Stop
from spanstream.consumer.formats.event_formats import EventFormats
from spanstream.consumer.formats.registry.decoders import FramedDecoder
from spanstream.consumer.formats.registry.event_schemas import schema_of, subject_of
from spanstream.consumer.formats.registry.translator import FrameTranslator
from spanstream.consumer.formats.registry.writer import FramedWriter
from spanstream.consumer.formats.translator import Message, TranslatorUnavailable
from spanstream.consumer.operations.erasure.erasing import Erasure, SharedTexts, find, find_erased
from spanstream.consumer.operations.erasure.manifest import read_subjects
from spanstream.consumer.operations.erasure.requests import ErasureRequest, read_requests
from spanstream.consumer.operations.erasure.search import ErasureSearch
from spanstream.consumer.operations.topics import feedback_topic_specs, topic_specs, triage_topic_specs
from spanstream.consumer.settings.registry import RegistryFormat
from spanstream.models.text.tokenization import sha256_of
from spanstream.schemas.dead_letters import DeadLetter, Reason, Stage, to_headers
from spanstream.schemas.errors import InvalidRecord
from spanstream.schemas.limits import Limits
from spanstream.schemas.triage import Ticket
from tests.support.memory.memory_triage import TEXT, TOPICS, MemoryTriage
from tests.support.memory.translators import Away
from tests.support.registry.memory_registry import memory_registry

ANN = "Ann Example"
MAKERS = (topic_specs, triage_topic_specs, feedback_topic_specs)
SPECS = [spec for make in MAKERS for spec in make(TOPICS, partitions=1)]


@dataclass
class RedisKeys:
    """Keys as Redis has them."""

    keys: set[str] = field(default_factory=set)

    def keys_with(self, namespace: str, endings: Collection[str]) -> list[str]:
        return sorted(key for key in self.keys if key.startswith(namespace) and key.rpartition(":")[2] in endings)

    def delete_many(self, keys: Sequence[str]) -> None:
        self.keys -= set(keys)


@dataclass
class ErasureScene:
    """A triage stream of one partition, a Redis, and a search over both."""

    stream: MemoryTriage = field(default_factory=lambda: MemoryTriage(partitions=1))
    store: RedisKeys = field(default_factory=RedisKeys)
    formats: EventFormats = field(default_factory=lambda: EventFormats(Limits()))

    @property
    def search(self) -> ErasureSearch:
        reader: Any = self.stream.broker.reader()
        there = {spec.name: spec for spec in SPECS if spec.name in self.stream.all_topics}
        return ErasureSearch(reader, there, TOPICS, self.formats, self.stream.clock)

    @property
    def shared(self) -> SharedTexts:
        return SharedTexts(self.store, "spanstream:tokens", 60)

    def find(self, **names: str) -> Erasure:
        erasure = find(
            self.search, self.shared, ErasureRequest(**{kind: frozenset([name]) for kind, name in names.items()})
        )
        erasure.plan()
        return erasure

    def sent(self, erasure: Erasure) -> set[tuple[str, bytes | None]]:
        assert all(record.value is None for record in erasure.records)
        return {(record.topic, record.key) for record in erasure.records}

    def document_of(self, ticket_id: str) -> str:
        return self.stream.latest_state(ticket_id).document.document_id


class Encoded:
    """Takes Base64 off: a form in which no id stands as it is."""

    def translate(self, message: Message) -> Message:
        try:
            return message._replace(value=base64.b64decode(message.value, validate=True))
        except binascii.Error:
            refusal = InvalidRecord(Reason.UNDECODABLE, "no Base64")
        raise refusal


def in_base64() -> EventFormats:
    return EventFormats(
        Limits(), documents=[Encoded()], questions=[Encoded()], tickets=[Encoded()], answers=[Encoded()]
    )


def encoded(topic: str, event: object, headers: Headers = ()) -> Outgoing:
    return Outgoing(topic, None, base64.b64encode(json.dumps(event).encode()), headers)


def letter_from(topic: str) -> Headers:
    letter = DeadLetter(
        reason=Reason.INVALID_EVENT,
        detail="",
        stage=Stage.DECODE,
        topic=topic,
        partition=0,
        offset=0,
        timestamp_ms=None,
        attempt=1,
        failed_at=datetime.now(UTC),
        candidate=None,
    )
    return to_headers(letter, ())


@pytest.fixture
def scene() -> ErasureScene:
    scene = ErasureScene()
    scene.stream.ask_about("t-ann", customer=ANN)
    scene.stream.ask_about("t-bob", "another text", customer="Bob")
    return scene


def test_a_customers_tickets_are_found_with_their_documents_and_those_of_others_are_left(scene: ErasureScene) -> None:
    erasure = scene.find(customers=ANN)
    document_id = scene.document_of("t-ann")
    assert scene.sent(erasure) == {(TOPICS.tickets, b"t-ann"), (TOPICS.documents, document_id.encode())}
    assert erasure.subjects.texts == {sha256_of(TEXT)}
    counts = {line.where: line.count for line in erasure.lines()}
    assert counts == {TOPICS.documents: 1, TOPICS.questions: 3, TOPICS.tickets: 1, TOPICS.triage_state: 1}


def test_a_ticket_that_only_the_state_still_knows_is_found_by_its_customer(scene: ErasureScene) -> None:
    search = scene.search
    search.specs = {name: spec for name, spec in search.specs.items() if name != TOPICS.tickets}
    erasure = find(search, scene.shared, ErasureRequest(customers=frozenset([ANN])))
    erasure.plan()
    assert (TOPICS.tickets, b"t-ann") in scene.sent(erasure)


def test_a_document_that_another_ticket_has_too_stays_unless_it_is_named(scene: ErasureScene) -> None:
    scene.stream.ask_about("t-same", customer="Bob")
    document_id = scene.document_of("t-ann")
    search = scene.search
    find(search, scene.shared, ErasureRequest(tickets=frozenset(["t-ann"])))
    assert search.shared == {document_id}
    assert scene.sent(scene.find(tickets="t-ann")) == {(TOPICS.tickets, b"t-ann")}
    assert (TOPICS.documents, document_id.encode()) in scene.sent(scene.find(documents=document_id))


def test_after_it_ran_the_stream_has_forgotten_the_ticket_and_a_second_run_only_helps_compaction(
    scene: ErasureScene, tmp_path: Path
) -> None:
    scene.store.keys = {f"spanstream:tokens:f:{sha256_of(text)}" for text in (TEXT, "another text")}
    erasure = scene.find(customers=ANN)
    erasure.write_manifest(tmp_path / "m", salt=None)
    erasure.run(scene.stream.broker.publisher(), tmp_path / "m")
    assert scene.store.keys == {f"spanstream:tokens:f:{sha256_of('another text')}"}
    member = scene.stream.members[0]
    scene.stream.until(lambda: member.metric("tickets_total", outcome="forgotten") == 1)
    again = find_erased(scene.search, scene.shared, read_subjects(tmp_path / "m"))
    assert not again.keys
    again.plan()
    topics = {record.topic for record in again.records}
    assert topics == {TOPICS.documents, TOPICS.tickets, TOPICS.triage_state}
    again.run(scene.stream.broker.publisher(), tmp_path / "m")
    member.turn(20)
    assert scene.stream.latest_state("t-bob").ticket_id == "t-bob"
    assert not scene.stream.broker.records(TOPICS.dead_letters)


@pytest.mark.parametrize("salt", [None, "salt"])
def test_a_manifest_holds_no_text_and_no_customer_and_finds_the_same_again(
    scene: ErasureScene, tmp_path: Path, salt: str | None
) -> None:
    erasure = scene.find(customers=ANN)
    erasure.write_manifest(tmp_path / "m", salt)
    written = (tmp_path / "m").read_text()
    assert ANN not in written
    assert TEXT not in written
    assert ("t-ann" in written) == (salt is None)
    found = find_erased(scene.search, scene.shared, read_subjects(tmp_path / "m"))
    assert [line.count for line in found.lines()] == [line.count for line in erasure.lines()]
    with pytest.raises(Stop, match="is there already"):
        erasure.write_manifest(tmp_path / "m", salt)


def test_a_text_of_which_only_an_alternative_of_a_collection_is_left_is_found_by_its_hash(scene: ErasureScene) -> None:
    other = {"document_id": "gone", "document_sha256": "1" * 64}
    answers = [
        {"question_id": "q", "document_id": "kept", "document_sha256": "2" * 64, "alternatives": [other, 7]},
        {"question_id": "r", "document_id": None, "document_sha256": None, "alternatives": None},
    ]
    for answer in answers:
        scene.stream.send(Outgoing(TOPICS.answers, b"q", json.dumps(answer).encode()))
    assert scene.find(documents="gone").subjects.texts == {"1" * 64}


def test_a_topic_of_the_users_own_that_is_compacted_gets_tombstones_too(scene: ErasureScene) -> None:
    scene.stream.send(Outgoing(TOPICS.triage, b"t-ann", b'{"ticket_id": "t-ann"}'))
    search = scene.search
    search.specs = {**search.specs, TOPICS.triage: TopicSpec(TOPICS.triage, 1, 1, {"cleanup.policy": "compact"})}
    erasure = find(search, scene.shared, ErasureRequest(tickets=frozenset(["t-ann"])))
    erasure.plan()
    assert (TOPICS.triage, b"t-ann") in scene.sent(erasure)


def test_ids_that_nothing_has_are_no_work(scene: ErasureScene) -> None:
    assert not scene.find(documents="nobody", tickets="nobody", customers="nobody").records


def test_a_file_names_what_to_erase_line_by_line(tmp_path: Path) -> None:
    file = tmp_path / "ids"
    file.write_text('{"document_id": "d"}\n\n{"ticket_id": "t"}\n{"customer": "Ann"}\n{"document_id": "e"}\n')
    assert read_requests(str(file)) == ErasureRequest(frozenset("de"), frozenset("t"), frozenset(["Ann"]))
    for wrong in ('{"document_id": 1}', '{"other": "x"}', "d", '{"document_id": "d", "ticket_id": "t"}'):
        file.write_text(f'{{"document_id": "d"}}\n{wrong}\n')
        with pytest.raises(Stop, match="ids:2: should be one of"):
            read_requests(str(file))


@pytest.mark.parametrize(
    "content", ["", "{}", "text", '{"kind": "run", "version": 1}', '{"kind": "erasure", "version": 2}']
)
def test_another_file_is_no_manifest(tmp_path: Path, content: str) -> None:
    (tmp_path / "m").write_text(content)
    with pytest.raises(Stop, match="no manifest"):
        read_subjects(tmp_path / "m")


@pytest.mark.parametrize(
    ("topic", "event", "headers"),
    [
        (TOPICS.documents, {"document_id": "d-ann"}, ()),
        (TOPICS.questions, {"document_id": "d-ann"}, ()),
        (TOPICS.retries, {"document_id": "d-ann"}, ()),
        (TOPICS.answers, {"document_id": "d-ann", "document_sha256": sha256_of(TEXT)}, ()),
        (TOPICS.tickets, {"ticket_id": "t-ann"}, ()),
        (TOPICS.triage, {"ticket_id": "t-ann"}, ()),
        (TOPICS.dead_letters, {"ticket_id": "t-ann"}, letter_from(TOPICS.tickets)),
        (TOPICS.dead_letters, {"document_id": "d-ann"}, letter_from(TOPICS.questions)),
    ],
)
def test_a_record_in_a_form_that_the_stream_reads_is_found_by_what_is_in_it(
    topic: str, event: object, headers: Headers
) -> None:
    scene = ErasureScene(formats=in_base64())
    scene.stream.send(encoded(topic, event, headers))
    erasure = scene.find(documents="d-ann", tickets="t-ann")
    assert [(line.where, line.count) for line in erasure.lines()] == [(topic, 1)]
    assert not ErasureScene(stream=scene.stream).find(documents="d-ann", tickets="t-ann").standings


def test_customers_texts_and_documents_of_tickets_are_found_in_such_a_form_too() -> None:
    scene = ErasureScene(formats=in_base64())
    triage = {"ticket_id": "t-ann", "document": {"document_id": "triage:d"}}
    document = json.dumps({"document_id": "triage:d", "text": TEXT}).encode()
    scene.stream.send(
        encoded(TOPICS.tickets, {"ticket_id": "t-ann", "customer": ANN}),
        encoded(TOPICS.triage, triage),
        Outgoing(TOPICS.documents, b"triage:d", base64.b64encode(document)),
    )
    subjects = scene.find(customers=ANN).subjects
    assert subjects.tickets.values == {"t-ann"}
    assert subjects.documents.values == {"triage:d"}
    assert subjects.texts == {sha256_of(TEXT)}


@pytest.mark.parametrize("form", ["avro", "json", "protobuf"])
def test_a_frame_is_opened_so_that_hashed_ids_are_found_in_it(tmp_path: Path, form: RegistryFormat) -> None:
    registry = memory_registry()
    registry.client.register_schema(subject_of(TOPICS.tickets), schema_of(Ticket, form))
    writer = FramedWriter(registry, form, {Ticket: TOPICS.tickets})
    writer.open()
    scene = ErasureScene(formats=EventFormats(Limits(), tickets=[FrameTranslator(FramedDecoder(registry))]))
    ticket = Ticket(ticket_id="t-ann", subject="", body=TEXT, customer=ANN)
    scene.stream.send(writer.record(TOPICS.tickets, None, ticket, ()))
    scene.find(customers=ANN).write_manifest(tmp_path / "m", salt="salt")
    found = find_erased(scene.search, scene.shared, read_subjects(tmp_path / "m"))
    assert [line.count for line in found.lines()] == [1]


def test_while_a_translator_is_away_nothing_is_said_to_be_gone() -> None:
    scene = ErasureScene(formats=EventFormats(Limits(), tickets=[Away(calls=1)]))
    scene.stream.send(encoded(TOPICS.tickets, {"ticket_id": "t"}))
    with pytest.raises(TranslatorUnavailable):
        scene.find(tickets="t")


def test_labels_are_deleted_and_those_of_other_documents_under_the_same_key_are_not() -> None:
    scene = ErasureScene()
    for key, document_id in ((b"q1", "d"), (b"q2", "e"), (b"q3", "d"), (b"q3", "e")):
        scene.stream.send_raw(TOPICS.labels, key, json.dumps({"document_id": document_id}).encode())
    scene.stream.send_raw(TOPICS.feedback, b"d", b'{"document_id": "d"}')
    erasure = scene.find(documents="d")
    deleted = {(TOPICS.labels, b"q1"), (TOPICS.labels, b"erased")}
    assert {(record.topic, record.key) for record in erasure.records} == deleted
    assert {line.where for line in erasure.lines()} == {TOPICS.labels, TOPICS.feedback}


def test_a_question_that_is_open_is_found_by_the_ticket_that_it_names_and_closed() -> None:
    specs = {spec.name: spec for spec in SPECS if spec.name == TOPICS.open_questions}
    scene = ErasureScene()
    scene.stream.broker.create_topic(TOPICS.open_questions, 1)
    event = {
        "question_id": "q",
        "question": "?",
        "collection": "kb",
        "answer_again": True,
        "metadata": {"triage.ticket_id": "T1"},
    }
    scene.stream.send(Outgoing(TOPICS.open_questions, b"q", json.dumps(event).encode()))
    reader: Any = scene.stream.broker.reader()
    search = ErasureSearch(reader, specs, TOPICS, scene.formats, scene.stream.clock)
    erasure = find(search, scene.shared, ErasureRequest(tickets=frozenset(["T1"])))
    erasure.plan()
    assert scene.sent(erasure) == {(TOPICS.open_questions, b"q")}
