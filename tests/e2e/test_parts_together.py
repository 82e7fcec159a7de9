"""Several answers, windows of sentences, a second model and feedback in one stream, and all of it erased in the end."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from spanstream.consumer.broker.kafka import TopicAdmin
from spanstream.consumer.cli.exit_codes import TERMINATED
from spanstream.consumer.operations.topics import topic_specs
from spanstream.models.artifact import load_artifact, write_manifest
from spanstream.schemas.answer_parts import Place, Span
from spanstream.schemas.codec import decode_answer
from spanstream.schemas.events import Answer
from tests.support.kafka.feedback_stream import FeedbackStream
from tests.support.kafka.kafka_broker import KafkaBroker
from tests.support.kafka.program import until
from tests.support.kafka.quick_settings import QUICK
from tests.support.kafka.stream import artifact_folder, document, question
from tests.support.model.next_version import write_next_version

NOISE = [f"On day {n} the service {100 + n} was restarted by shift {n % 7}, who noted nothing." for n in range(90)]
ERRORS = "🚀 The export stops with error FXP-4107. The import stops with error IMP-0021, and FXP-4107 came back."
TEXT = " ".join([*NOISE[:60], ERRORS, *NOISE[60:]])
ASKED = "Which error does the export stop with?"


@pytest.fixture
def stream(kafka: KafkaBroker, tmp_path: Path) -> Iterator[FeedbackStream]:
    second = write_next_version(artifact_folder(), tmp_path / "second")
    manifest = load_artifact(second).manifest
    write_manifest(second, manifest.model_copy(update={"max_answer_tokens": manifest.max_answer_tokens // 2}))
    settings = {
        "MODEL__WINDOWS": "sentences",
        "MODEL__SHADOW_PATH": str(second),
        "OUTPUT__UTF16_OFFSETS": "true",
    }
    stream = FeedbackStream(kafka.bootstrap, tmp_path, 1, QUICK | settings)
    stream.create_topics()
    specs = topic_specs(stream.topics, partitions=1, shadow=True)
    TopicAdmin(stream.config).create([spec for spec in specs if spec.name == stream.topics.shadow_answers])
    yield stream
    stream.close()


def shadow_answers(stream: FeedbackStream) -> list[Answer]:
    return [decode_answer(record.value or b"") for record in stream.read(stream.topics.shadow_answers)]


def pieces(answer: Answer) -> list[Span | Place]:
    found: list[Span | Place] = [*([answer.candidate] if answer.candidate else []), *answer.further_places]
    for other in answer.alternatives:
        found += [other.span, *other.further_places]
    return found


def test_parts_that_know_nothing_of_each_other_work_together_and_all_they_wrote_is_erased(
    stream: FeedbackStream, tmp_path: Path
) -> None:
    topics = stream.topics
    stream.publish([document(topics.documents, "d", TEXT)])
    stream.publish([question(topics.questions, "q", ASKED, "d", max_answers=6)])
    consumer = stream.start()
    until(lambda: len(shadow_answers(stream)) == 1, "the second answer", every=0.5)
    [first], [second] = stream.answers(), shadow_answers(stream)
    units = TEXT.encode("utf-16-le")
    for answer in (first, second):
        assert answer.alternatives
        assert all(1 <= other.window <= answer.windows.total for other in answer.alternatives)
        for piece in pieces(answer):
            assert piece.utf16_start is not None
            assert piece.utf16_end is not None
            in_units = units[2 * piece.utf16_start : 2 * piece.utf16_end].decode("utf-16-le")
            assert in_units == TEXT[piece.char_start : piece.char_end]
    assert first.candidate is not None
    assert first.candidate.text == "FXP-4107"
    explained = json.loads(stream.command("explain", "--question-id", "q", "--json").stdout)
    assert [one["window"] for one in explained["ranked"][1:]] == [other.window for other in first.alternatives]

    member = stream.start_feedback()
    done = stream.command("feedback", "give", "--question-id", "q", "--correct", "IMP-0021")
    assert done.returncode == 0, done.stderr
    stream.await_labels({"q"})
    compared = json.loads(stream.command("model", "compare", "--topics", "--json").stdout)
    assert (compared["labelled"], compared["first_alone"], compared["second_alone"]) == (1, 0, 0)

    manifest = tmp_path / "erased.jsonl"
    done = stream.command("erase", "--document-id", "d", "--manifest", str(manifest), "--yes")
    assert done.returncode == 0, done.stderr
    verified = stream.command("erase", "--verify", str(manifest))
    assert verified.returncode == 1
    for name in (topics.documents, topics.questions, topics.answers, topics.shadow_answers, topics.feedback):
        assert name in verified.stdout.decode() + verified.stderr.decode()
    stream.await_labels(set())
    assert (member.stop(), consumer.stop()) == (TERMINATED, TERMINATED)
