"""What is found and deleted for a request, over a broker in memory that a triage stream has worked on."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from spanstream.consumer.broker.protocols import Outgoing, TopicSpec
from spanstream.consumer.errors import Stop
from spanstream.consumer.operations.erasure.erasing import Erasure, SharedTexts, find, find_erased
from spanstream.consumer.operations.erasure.manifest import read_subjects
from spanstream.consumer.operations.erasure.requests import ErasureRequest, read_requests
from spanstream.consumer.operations.erasure.search import ErasureSearch
from spanstream.consumer.operations.topics import topic_specs, triage_topic_specs
from spanstream.models.text.tokenization import sha256_of
from tests.support.memory.memory_triage import TEXT, TOPICS, MemoryTriage

ANN = "Ann Example"
SPECS = [*topic_specs(TOPICS, partitions=1), *triage_topic_specs(TOPICS, partitions=1)]


@dataclass
class MemoryStore:
    """Keys as Redis has them."""

    keys: set[str] = field(default_factory=set)

    def keys_with(self, namespace: str, endings: Collection[str]) -> list[str]:
        return sorted(key for key in self.keys if key.startswith(namespace) and key.rpartition(":")[2] in endings)

    def delete_many(self, keys: Sequence[str]) -> None:
        self.keys -= set(keys)


@dataclass
class Scene:
    """A triage stream of one partition, a Redis, and a search over both."""

    stream: MemoryTriage = field(default_factory=lambda: MemoryTriage(partitions=1))
    store: MemoryStore = field(default_factory=MemoryStore)

    @property
    def search(self) -> ErasureSearch:
        reader: Any = self.stream.broker.reader()
        there = {spec.name: spec for spec in SPECS if spec.name in self.stream.all_topics}
        return ErasureSearch(reader, there, TOPICS, self.stream.clock)

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


@pytest.fixture
def scene() -> Scene:
    scene = Scene()
    scene.stream.ask_about("t-ann", customer=ANN)
    scene.stream.ask_about("t-bob", "another text", customer="Bob")
    return scene


def test_a_customers_tickets_are_found_with_their_documents_and_those_of_others_are_left(scene: Scene) -> None:
    erasure = scene.find(customers=ANN)
    document_id = scene.document_of("t-ann")
    assert scene.sent(erasure) == {(TOPICS.tickets, b"t-ann"), (TOPICS.documents, document_id.encode())}
    assert erasure.subjects.texts == {sha256_of(TEXT)}
    counts = {line.where: line.count for line in erasure.lines()}
    assert counts == {TOPICS.documents: 1, TOPICS.questions: 3, TOPICS.tickets: 1, TOPICS.triage_state: 1}


def test_a_ticket_that_only_the_state_still_knows_is_found_by_its_customer(scene: Scene) -> None:
    search = scene.search
    search.specs = {name: spec for name, spec in search.specs.items() if name != TOPICS.tickets}
    erasure = find(search, scene.shared, ErasureRequest(customers=frozenset([ANN])))
    erasure.plan()
    assert (TOPICS.tickets, b"t-ann") in scene.sent(erasure)


def test_a_document_that_another_ticket_has_too_stays_unless_it_is_named(scene: Scene) -> None:
    scene.stream.ask_about("t-same", customer="Bob")
    document_id = scene.document_of("t-ann")
    search = scene.search
    find(search, scene.shared, ErasureRequest(tickets=frozenset(["t-ann"])))
    assert search.shared == {document_id}
    assert scene.sent(scene.find(tickets="t-ann")) == {(TOPICS.tickets, b"t-ann")}
    assert (TOPICS.documents, document_id.encode()) in scene.sent(scene.find(documents=document_id))


def test_after_it_ran_the_stream_has_forgotten_the_ticket_and_a_second_run_only_helps_compaction(
    scene: Scene, tmp_path: Path
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
    scene: Scene, tmp_path: Path, salt: str | None
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


def test_a_topic_of_the_users_own_that_is_compacted_gets_tombstones_too(scene: Scene) -> None:
    scene.stream.send(Outgoing(TOPICS.triage, b"t-ann", b'{"ticket_id": "t-ann"}'))
    search = scene.search
    search.specs = {**search.specs, TOPICS.triage: TopicSpec(TOPICS.triage, 1, 1, {"cleanup.policy": "compact"})}
    erasure = find(search, scene.shared, ErasureRequest(tickets=frozenset(["t-ann"])))
    erasure.plan()
    assert (TOPICS.triage, b"t-ann") in scene.sent(erasure)


def test_ids_that_nothing_has_are_no_work(scene: Scene) -> None:
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
