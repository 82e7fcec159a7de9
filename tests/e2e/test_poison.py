"""A question that makes inference raise is isolated from its neighbours; in process, with a session that raises."""

from __future__ import annotations

import threading
from dataclasses import dataclass, replace

import pytest
from structlog.testing import capture_logs

from spanstream.consumer.answering.open_reader import open_reader
from spanstream.consumer.answering.wiring import build
from spanstream.consumer.settings import Settings
from spanstream.consumer.settings.loading import load_settings
from spanstream.models.inference.backends import Backends
from spanstream.models.inference.onnx_model import SessionError
from spanstream.models.inference.packing import Batch
from spanstream.models.inference.session import Logits, Session
from spanstream.models.reader import Reader
from spanstream.schemas.dead_letters import Reason, Stage, from_headers
from tests.support.events.small_documents import small_documents
from tests.support.kafka.stream import Stream, document, question

WORDS = {"zebra": SessionError("onnxruntime says no"), "giraffe": MemoryError("Which zebra? The text of a question.")}


@dataclass(frozen=True)
class Touchy:
    """A session that raises for a batch in which one of the marked tokens stands."""

    inner: Session
    marked: dict[int, Exception]

    def run(self, batch: Batch) -> Logits:
        for token, error in self.marked.items():
            if (batch.input_ids == token).any():
                raise error
        return self.inner.run(batch)


def touchy_reader(settings: Settings) -> Reader:
    reader = open_reader(settings)
    cpu = reader.backends.cpu
    assert cpu is not None
    marked = {reader.artifact.tokenizer.tokenize_question(word).ids[0]: error for word, error in WORDS.items()}
    return Reader(reader.artifact, Backends(replace(cpu, session=Touchy(cpu.session, marked))))


def test_poison_is_isolated_to_the_one_record(stream: Stream, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {**stream.environment, "SPANSTREAM_CHUNK__MAX_QUESTIONS": "64"}.items():
        monkeypatch.setenv(name, value)
    settings = load_settings()
    samples = small_documents(10, seed=5)
    names = {f"q{number}" for number in range(60)}
    poison = {"q7": "zebra", "q8": "giraffe", "q31": "zebra", "q59": "giraffe"}
    records = [document(stream.topics.documents, sample.document_id, sample.text) for sample in samples]
    for name in sorted(names):
        about = samples[int(name[1:]) % len(samples)]
        asked = f"Which {poison[name]}?" if name in poison else about.questions[0]
        records.append(question(stream.topics.questions, name, asked, about.document_id))
    stream.publish(records)

    application = build(settings, reader=touchy_reader(settings))
    with capture_logs() as logged:
        application.service.run(threading.Event(), once=True)
    application.close()

    assert {answer.question_id for answer in stream.answers()} == names - poison.keys()
    letters = {name: from_headers(record.headers) for name, record in stream.dead_letters().items()}
    assert letters.keys() == poison.keys()
    assert {(letter.reason, letter.stage) for letter in letters.values()} == {(Reason.INFERENCE_FAILED, Stage.INFER)}
    assert not stream.lag()
    lines = [str(line) for line in logged if line["log_level"] != "debug"]
    details = [letter.detail for letter in letters.values()]
    assert not [line for line in (*lines, *details) if "zebra?" in line or "text of a question" in line]
