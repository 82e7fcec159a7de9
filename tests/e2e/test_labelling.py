"""From answers to examples on a real broker: drawn, labelled in another program, checked, and made examples of."""

from __future__ import annotations

import json
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from spanstream.consumer.cli.exit_codes import TERMINATED
from spanstream.models.metrics.squad_files import read_squad
from tests.support.kafka.feedback_stream import FeedbackStream
from tests.support.kafka.kafka_broker import KafkaBroker
from tests.support.kafka.program import Program, until
from tests.support.kafka.quick_settings import QUICK
from tests.support.kafka.stream import document, question

TEXT = "🚀 The nightly export {} stops with error FXP-{} since Tuesday."
ASKED = ["Which error does the nightly export stop with?", "Since when does the export stop?", "Who wrote this?"]


@pytest.fixture
def stream(kafka: KafkaBroker, tmp_path: Path) -> Iterator[FeedbackStream]:
    stream = FeedbackStream(kafka.bootstrap, tmp_path, 2, QUICK)
    stream.create_topics()
    yield stream
    stream.close()


def command(stream: FeedbackStream, *arguments: str) -> str:
    done = stream.command(*arguments)
    assert done.returncode == 0, done.stderr
    return done.stdout.decode()


def metrics_of(member: Program) -> list[str]:
    with urllib.request.urlopen(f"http://127.0.0.1:{member.http_port}/metrics", timeout=30) as reply:
        return [line.decode().strip() for line in reply]


def test_answers_become_examples(stream: FeedbackStream, tmp_path: Path) -> None:
    topics, documents = stream.topics, range(5)
    stream.publish([document(topics.documents, f"d{n}", TEXT.format(n, 4100 + n)) for n in documents])
    ids = {f"q{n}-{m}" for n in documents for m in range(len(ASKED))}
    stream.publish(
        [
            question(topics.questions, f"q{n}-{m}", text, f"d{n}", min_confidence=0.0)
            for n in documents
            for m, text in enumerate(ASKED)
        ]
    )
    assert stream.start("run", "--once").wait() == 0

    tasks, exported, given = tmp_path / "tasks.jsonl", tmp_path / "labelled.json", tmp_path / "feedback.jsonl"
    # All uniformly: a promise is tested with those alone.
    tasks.write_text(command(stream, "label", "next", "-n", "10", "--random-share", "1", "--json"), encoding="utf-8")
    drawn = {json.loads(line)["question_id"] for line in tasks.read_text(encoding="utf-8").splitlines()}
    assert len(drawn) == 10
    assert drawn < ids
    labelled = json.loads(command(stream, "label", "export", "--format", "label-studio", "--tasks", str(tasks)))
    for task in labelled:  # somebody accepts every candidate, but who wrote it is nowhere said
        said = [] if task["data"]["question"] == ASKED[2] else task["predictions"][0]["result"]
        task["annotations"] = [{"result": said, "completed_by": {"email": "ann@example.com"}}]
    exported.write_text(json.dumps(labelled), encoding="utf-8")
    given.write_text(command(stream, "label", "import", "--format", "label-studio", str(exported)), encoding="utf-8")
    command(stream, "feedback", "publish", str(given))
    member = stream.start_feedback(HTTP__PORT="0")
    stream.await_labels(drawn)

    rest = command(stream, "label", "next", "-n", "10", "--json").splitlines()
    assert {json.loads(line)["question_id"] for line in rest} == ids - drawn
    command(stream, "model", "examples", "--output", str(tmp_path / "examples"), "--held-out", "0")
    examples = {example.id: example for example in read_squad(tmp_path / "examples" / "train.json")}
    assert examples.keys() == drawn
    assert [name for name, example in examples.items() if not example.answers] == sorted(
        name for name in drawn if name.endswith("-2")
    )
    assert all(example.context.startswith("🚀") for example in examples.values())
    watched = command(stream, "label", "watch", "--right", "10")
    assert watched.count("labelled answers are wrong") == 2
    wrong = sum(name.endswith("-2") for name in drawn)
    assert watched.startswith(f"{wrong} of 10 labelled answers are wrong")
    # The member and the doctor find the same, by the labels alone.
    shown = {
        'spanstream_promise_labels{promise="confidence"} 10.0',
        f'spanstream_promise_wrong{{promise="confidence"}} {wrong}.0',
    }
    until(lambda: shown <= set(metrics_of(member)), "the promise in the metrics", every=1.0)
    said = command(stream, "doctor", "--json")
    [finding] = [one for one in json.loads(said)["findings"] if one["subject"] == "promise"]
    assert finding["detail"].startswith(f"{wrong} of 10 labelled answers are wrong")
    assert member.stop() == TERMINATED
