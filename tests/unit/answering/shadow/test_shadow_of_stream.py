"""A second model beside the stream: it reads when nothing waits, and whatever happens to it changes no answer."""

from __future__ import annotations

import itertools
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs

from spanstream.consumer.answering.shadow import opening
from spanstream.consumer.answering.shadow.choice import is_chosen
from spanstream.consumer.errors import Retryable, SpanstreamError, Stop
from spanstream.consumer.settings import ChunkSettings, ModelSettings
from spanstream.models.errors import ArtifactError
from spanstream.models.inference.backends import Backend, Backends
from spanstream.models.inference.onnx_model import SessionError
from spanstream.models.inference.packing import Batch
from spanstream.models.inference.session import Logits
from spanstream.models.reader import Reader
from spanstream.schemas.codec import decode_answer
from spanstream.schemas.events import Answer
from tests.support.memory.memory_stream import MemoryStream, StreamMember
from tests.support.memory.recording_publisher import RecordingPublisher
from tests.support.memory.turns import ONE, TEXT, ZERO, ask, once
from tests.support.model.fake_reader import MANIFEST, LetterSession, fake_reader
from tests.support.passages.collection_stream import CollectionStream

SHADOW = ModelSettings(shadow_path=Path("second"))
PATIENCE = 60.0


@dataclass
class HeldSession:
    """A session that waits, batch by batch, until the test lets it go on; it takes the end of the documents first."""

    may_run: threading.Event = field(default_factory=threading.Event)
    began: int = 0
    letters: LetterSession = field(default_factory=LetterSession)

    def run(self, batch: Batch) -> Logits:
        self.began += 1
        assert self.may_run.wait(PATIENCE)
        return self.letters.run(batch)


def second_reader(session: Any = None, version: str = "2.0") -> Reader:
    first = fake_reader()
    first.artifact.manifest = MANIFEST.model_copy(update={"version": version})
    backend = Backend("second", "int8", session or LetterSession(), parallel_runs=1, max_batch_tokens=512)
    return Reader(first.artifact, Backends(backend))


@dataclass
class Tried:
    """A stream with one member and a second model."""

    stream: MemoryStream
    publisher: RecordingPublisher
    member: StreamMember

    @property
    def answers(self) -> list[Answer]:
        return [decode_answer(record.value or b"") for records, _ in self.publisher.done for record in records]

    def count(self, outcome: str) -> float:
        return self.member.metric("shadow_questions_total", outcome=outcome)

    def until(self, done: Callable[[], bool], *, infers: bool = True) -> None:
        """Lets the member take turns, and the shadow's thread work, until it is so; `infers`: the first model too."""
        deadline = time.monotonic() + PATIENCE
        while not done():
            assert time.monotonic() < deadline, "it did not happen"
            if infers:
                self.stream.turn(self.member)
            else:
                self.member.turn()
            time.sleep(0.002)


Try = Callable[..., Tried]


@pytest.fixture
def tried(monkeypatch: pytest.MonkeyPatch) -> Iterator[Try]:
    """Makes a stream whose second model is opened by the function that the test gives."""
    made: list[Tried] = []

    def make(second: Callable[[], Reader] = second_reader, **settings: Any) -> Tried:
        monkeypatch.setattr(opening, "open_shadow_reader", lambda *_: second())
        publisher = RecordingPublisher()
        stream = MemoryStream(shadow_publisher=publisher)
        stream.document(ZERO, TEXT)
        stream.document(ONE, TEXT * 40)
        made.append(Tried(stream, publisher, stream.start(**({"model": SHADOW} | settings))))
        return made[-1]

    yield make
    for it in made:
        for member in list(it.stream.members):
            it.stream.close(member)


def test_the_second_model_answers_the_same_questions_to_its_own_topic(tried: Try) -> None:
    it = tried()
    ask(it.stream, "a", "b", "c")
    it.until(lambda: len(it.answers) == 3 and once(it.stream, "a b c"))
    first = {answer.question_id: answer for answer in it.stream.answers()}
    for second in it.answers:
        same = {"model", "answered_at"}
        assert second.model_dump(exclude=same) == first[second.question_id].model_dump(exclude=same)
        assert (second.model.version, first[second.question_id].model.version) == ("2.0", "1.2")
    keys = {record.key: dict(record.headers) for records, _ in it.publisher.done for record in records}
    answered = {record.key: dict(record.headers) for record in it.stream.broker.records("qa.answers")}
    assert keys.keys() == answered.keys()
    assert {tuple(headers) for headers in keys.values()} == {tuple(headers) for headers in answered.values()}
    assert {record.topic for records, _ in it.publisher.done for record in records} == {"qa.answers.shadow"}
    assert it.count("read") == 3
    assert it.member.metric("shadow_agreements_total", agreement="same") == 3
    assert it.member.metric("shadow_build_info", model="letters", model_version="2.0", precision="int8") == 1


def test_only_the_share_is_read(tried: Try) -> None:
    it = tried(model=SHADOW.model_copy(update={"shadow_share": 0.5}))
    names = [f"q{number}" for number in range(20)]
    ask(it.stream, *names)
    chosen = {name for name in names if is_chosen(name, 0.5)}
    it.until(lambda: once(it.stream, " ".join(names)) and len(it.answers) == len(chosen))
    assert {answer.question_id for answer in it.answers} == chosen
    assert 0 < len(chosen) < len(names)


def test_nothing_is_read_while_a_chunk_is_in_flight(tried: Try) -> None:
    session = HeldSession()
    it = tried(lambda: second_reader(session))
    ask(it.stream, "a")
    it.until(lambda: session.began == 1)  # the shadow reads a
    it.member.pool.at_once = False
    ask(it.stream, "b", about=ONE)
    it.until(lambda: it.member.metric("windows_pending") > 0, infers=False)
    session.may_run.set()
    it.until(lambda: len(it.answers) == 1, infers=False)  # the window that was being read is read to its end
    turns = itertools.count()
    it.until(lambda: next(turns) > 50, infers=False)
    assert session.began == 1
    it.until(lambda: len(it.answers) == 2)
    assert session.began > 2  # the long document, window by window
    assert once(it.stream, "a b")


def test_what_finds_no_room_is_dropped_and_counted(tried: Try, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(opening, "_MAX_QUESTIONS", 2)
    session = HeldSession()
    it = tried(lambda: second_reader(session))
    names = [f"q{number}" for number in range(12)]
    ask(it.stream, *names)
    it.until(lambda: once(it.stream, " ".join(names)) and session.began == 1)
    session.may_run.set()
    it.until(lambda: it.count("read") + it.count("dropped") == 12)
    assert it.count("dropped") >= 9
    assert it.count("read") >= 2


@pytest.mark.parametrize("error", [Stop("the artifact is damaged"), ArtifactError("no session"), ZeroDivisionError()])
def test_a_model_that_cannot_be_opened_is_said_once(tried: Try, error: Exception) -> None:
    def broken() -> Reader:
        raise error

    with capture_logs() as lines:
        it = tried(broken)
        it.until(lambda: it.publisher.closed)
        ask(it.stream, "a", "b")
        it.stream.settle("ab")
    assert once(it.stream, "a b")
    assert [line["log_level"] for line in lines if line["event"] == "shadow_stopped"] == ["error"]
    assert (it.answers, it.count("dropped")) == ([], 0)


def test_windows_on_which_the_second_model_raises_are_counted_and_the_first_is_said(tried: Try) -> None:
    class Refusing(LetterSession):
        def run(self, batch: Batch) -> Logits:
            if self.batches < 2:
                self.batches += 1
                raise SessionError("not this one")
            return super().run(batch)

    session = Refusing()
    with capture_logs() as lines:
        it = tried(lambda: second_reader(session))
        ask(it.stream, "a", "b", "c")
        it.until(lambda: it.count("failed") == 2 and it.count("read") == 1)
    assert once(it.stream, "a b c")
    assert [line["question_id"] for line in lines if line["event"] == "shadow_failed"] == ["a"]


def test_a_broker_that_is_away_for_the_second_answers_delays_nothing(tried: Try) -> None:
    it = tried()
    errors: list[SpanstreamError] = [Retryable("no answer"), Retryable("no answer")]
    it.publisher.errors += errors
    ask(it.stream, "a", "b", "c")
    it.until(lambda: it.count("failed") == 2 and it.count("read") == 1)
    assert once(it.stream, "a b c")


def test_a_topic_that_refuses_the_second_answers_ends_the_trial_and_not_the_stream(tried: Try) -> None:
    with capture_logs() as lines:
        it = tried()
        it.publisher.errors.append(Stop("Topic authorization failed"))
        ask(it.stream, "a")
        it.until(lambda: it.publisher.closed)
        ask(it.stream, "b")
        it.stream.settle("ab")
    assert [line["detail"] for line in lines if line["event"] == "shadow_stopped"] == ["Topic authorization failed"]
    assert it.member.metric("shadow_build_info", model="letters", model_version="2.0", precision="int8") == 0


def test_a_deleted_document_is_not_read_any_more(tried: Try) -> None:
    session = HeldSession()
    it = tried(lambda: second_reader(session))
    ask(it.stream, "a", about=ONE)
    it.until(lambda: session.began == 1)
    ask(it.stream, "b", "c")
    it.until(lambda: once(it.stream, "a b c"))
    it.stream.document(ZERO, None)
    it.until(lambda: it.member.metric("documents_known") == 1)
    session.may_run.set()
    ask(it.stream, "d", about=ONE)
    it.until(lambda: len(it.answers) == 2)
    assert [answer.question_id for answer in it.answers] == ["a", "d"]


def test_the_stream_ends_while_the_second_model_has_work(tried: Try) -> None:
    session = HeldSession()
    it = tried(lambda: second_reader(session), chunk=ChunkSettings(max_questions=64))
    ask(it.stream, *"abcdefgh")
    it.until(lambda: once(it.stream, "a b c d e f g h") and session.began == 1)
    threading.Timer(0.1, session.may_run.set).start()
    it.stream.close(it.member)
    deadline = time.monotonic() + PATIENCE
    while not it.publisher.closed:
        assert time.monotonic() < deadline
        time.sleep(0.01)
    assert len(it.answers) <= 1


def test_without_a_second_model_nothing_of_it_runs(tried: Try) -> None:
    it = tried(model=ModelSettings())
    ask(it.stream, "a")
    it.stream.settle("a")
    assert not any(thread.name == "shadow" for thread in threading.enumerate())
    assert not it.publisher.done


def test_questions_about_collections_are_left_to_the_first_model(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(opening, "open_shadow_reader", lambda *_: second_reader())
    publisher = RecordingPublisher()
    stream = CollectionStream(shadow_publisher=publisher)
    stream.put(ZERO, TEXT)
    stream.index_now()
    it = Tried(stream, publisher, stream.start(model=SHADOW))
    stream.ask("of-all")
    ask(stream, "a")
    stream.settle(["of-all", "a"])
    it.until(lambda: it.count("read") == 1)
    assert [answer.question_id for answer in it.answers] == ["a"]
    stream.close(it.member)
