"""Questions about a collection on a real broker, with the index in files: two members, changes, deletions."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest

from spanstream.consumer.answering.wiring import build
from spanstream.consumer.broker.protocols import Outgoing
from spanstream.consumer.cli.ask_collection import ask_collection, collection_questions
from spanstream.consumer.clock import SystemClock
from spanstream.consumer.errors import Stop
from spanstream.consumer.operations import collection_asker
from spanstream.consumer.passages.opening import open_passage_indexes
from spanstream.consumer.passages.retrieval import Embedder, Retriever
from spanstream.consumer.settings import IndexSettings, ModelSettings, RetrySettings, Settings
from spanstream.models.embedding.encoder import Encoder
from spanstream.models.text.tokenization import sha256_of
from spanstream.schemas.codec import decode_answer
from spanstream.schemas.dead_letters import Reason, Retry
from tests.support.kafka.program import PATIENCE
from tests.support.kafka.stream import Stream, artifact_folder, named
from tests.support.passages.indexing import description_of, index_all
from tests.support.passages.quoted_versions import quotes_of
from tests.support.passages.word_encoder import WordEncoder

CITIES = ("Lisbon", "Oslo", "Vienna", "Prague", "Dublin", "Athens", "Warsaw", "Riga", "Bern", "Rome", "Paris", "Madrid")


def text_of(city: str, code: int) -> str:
    return f"The depot of {city} has its own door. The door code of {city} is E{code}. Nobody else knows it."


class CollectionOnKafka:
    """A stream whose documents are in one collection, and its index."""

    def __init__(self, stream: Stream, folder: Path, encoder: Embedder) -> None:
        self.stream = stream
        self.encoder = encoder
        self.index_settings = IndexSettings(uri=str(folder))
        self.indexes = open_passage_indexes(self.index_settings)
        self.index = self.indexes.create("g1", description_of(self.encoder, stream.partitions))
        self.indexes.switch("g1")
        self.texts: dict[str, str] = {}

    def put(self, city: str, code: int | None) -> None:
        topic, value = self.stream.topics.documents, None
        self.texts.pop(city, None)
        if code is not None:
            self.texts[city] = text_of(city, code)
            event = {"document_id": city, "text": self.texts[city], "collections": ["depots"]}
            value = json.dumps(event).encode()
        self.stream.publish([Outgoing(topic, city.encode(), value)])

    def ask(self, name: str, city: str) -> None:
        event = {"question_id": name, "question": f"What is the door code of {city}?", "collection": "depots"}
        topic = self.stream.topics.questions
        self.stream.publish([named(name, topic, name, json.dumps(event | {"max_answers": 3}).encode())])

    def index_now(self) -> None:
        index_all(self.stream.read(self.stream.topics.documents), self.index, self.encoder)

    @property
    def settings(self) -> Settings:
        return Settings(
            kafka=self.stream.config,
            topics=self.stream.topics,
            model=ModelSettings(path=artifact_folder(), threads=1),
            index=self.index_settings,
            retries=RetrySettings(delay_seconds=0.5, max_attempts=200),
        )

    def retriever(self) -> Retriever:
        return Retriever(open_passage_indexes(self.index_settings), WordEncoder(), self.index_settings, SystemClock())

    @contextmanager
    def member(self) -> Iterator[None]:
        """Runs a consumer on a thread of its own."""
        application, stop = build(self.settings, retriever=self.retriever()), threading.Event()
        thread = threading.Thread(target=application.service.run, args=(stop,))
        thread.start()
        try:
            yield
        finally:
            stop.set()
            thread.join(PATIENCE)
            application.close()


@pytest.fixture
def depots(stream: Stream, tmp_path: Path) -> CollectionOnKafka:
    return filled(CollectionOnKafka(stream, tmp_path / "index", WordEncoder()))


def filled(depots: CollectionOnKafka) -> CollectionOnKafka:
    for number, city in enumerate(CITIES):
        depots.put(city, 1000 + number)
    depots.index_now()
    return depots


def test_two_members_answer_out_of_all_documents_and_never_out_of_an_old_one(depots: CollectionOnKafka) -> None:
    stream = depots.stream
    with stream.watch() as outcomes, depots.member(), depots.member():
        for city in CITIES:
            depots.ask(f"first {city}", city)
        outcomes.await_count(len(CITIES))
        found = {answer.question_id: answer for answer in outcomes.answers}
        right = [
            city
            for number, city in enumerate(CITIES)
            if (span := found[f"first {city}"].candidate) and span.text == f"E{1000 + number}"
        ]
        assert len(right) >= len(CITIES) - 2

        depots.put("Oslo", 2000)
        depots.put("Rome", None)
        depots.ask("changed", "Oslo")
        depots.ask("deleted", "Rome")
        stream.await_retries(2)
        reasons = [
            retry.reason
            for record in stream.read(stream.topics.retries)
            if (retry := Retry.from_headers(record.headers))
        ]
        assert set(reasons) == {Reason.DOCUMENT_CHANGED}
        assert outcomes.poll() == len(CITIES)
        depots.index_now()
        outcomes.await_count(len(CITIES) + 2)
        later = {answer.question_id: answer for answer in outcomes.answers}
        changed = later["changed"].candidate
        assert changed is not None
        assert (changed.text, later["changed"].document_id) == ("E2000", "Oslo")
        for name in ("changed", "deleted"):
            for quote in quotes_of(later[name]):
                text, span = depots.texts[quote.document_id], quote.span
                assert (text[span.char_start : span.char_end], sha256_of(text)) == (span.text, quote.document_sha256)
        assert sorted(outcomes.names) == sorted(set(outcomes.names))
        stream.await_no_lag()


def test_ask_shows_the_answer_with_the_passages_that_were_looked_at(
    depots: CollectionOnKafka, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    depots.put("Oslo", 2000)
    depots.index_now()
    monkeypatch.setattr(collection_asker, "opened_retriever", lambda *_: closing(depots.retriever()))
    questions = collection_questions("depots", ["What is the door code of Oslo?"], {}, 2)
    ask_collection(questions, depots.settings, as_json=True)
    answer = decode_answer(capsys.readouterr().out.encode())
    assert (answer.document_id, answer.candidate and answer.candidate.text) == ("Oslo", "E2000")
    ask_collection(questions, depots.settings, as_json=False)
    shown = capsys.readouterr().out
    assert "Oslo · of depots" in shown
    assert all(passage.document_id in shown for passage in answer.retrieved)
    depots.put("Oslo", None)
    with pytest.raises(Stop, match="the passage index is behind: document Oslo is deleted"):
        ask_collection(questions, depots.settings, as_json=True)


def test_the_program_answers_with_the_encoder_that_comes_along(stream: Stream, tmp_path: Path) -> None:
    index = tmp_path / "index"
    with closing(Encoder.load(threads=1)) as encoder:
        filled(depots := CollectionOnKafka(stream, index, encoder))
    settings: dict[str, Any] = {"INDEX__URI": str(index)}
    depots.ask("a", "Vienna")
    with stream.watch() as outcomes:
        stream.start("run", **settings)
        outcomes.await_count(1)
    [answer] = outcomes.answers
    assert (answer.document_id, answer.candidate and answer.candidate.text) == ("Vienna", "E1002")
    asked = stream.command("ask", "--collection", "depots", "What is the door code of Riga?", "--json", **settings)
    assert asked.returncode == 0, asked.stderr.decode()
    found = decode_answer(asked.stdout)
    assert (found.document_id, found.candidate and found.candidate.text) == ("Riga", "E1007")
