"""The program as it is typed: files in, answers out, one line when something is wrong."""

from __future__ import annotations

import json
import signal
import urllib.error
import urllib.request

import pytest

from spanstream.consumer.cli.exit_codes import TERMINATED
from tests.e2e.conftest import MakeStream
from tests.support.free_port import free_port
from tests.support.kafka.kafka_broker import KafkaBroker
from tests.support.kafka.program import Program, until
from tests.support.kafka.quick_settings import QUICK
from tests.support.kafka.stream import Stream

DOCUMENT = b'{"document_id": "ticket-7", "text": "The nightly export stops with error FXP-4107 since Tuesday."}\n'
QUESTION = (
    b'{"question_id": "q-1", "question": "Which error does the nightly export stop with?", "document_id": "ticket-7"}\n'
)
SECRET = "hunter2-nobody-may-see-this"  # noqa: S105  that is what is tested


def get(program: Program, path: str) -> tuple[int, str]:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{program.http_port}{path}", timeout=5) as answer:
            return int(answer.status), answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()


def test_documents_and_questions_out_of_files_become_answers(stream: Stream) -> None:
    assert stream.command("publish", "documents", "-", stdin=DOCUMENT).returncode == 0
    file = stream.folder / "questions.jsonl"
    file.write_bytes(QUESTION + b"\nnot json\n" + QUESTION.replace(b"q-1", b"q-2").replace(b"Which", b"What"))
    published = stream.command("publish", "questions", str(file))
    assert published.returncode == 1
    assert f"{file}:3: undecodable" in published.stderr.decode()
    assert "2 published" in published.stderr.decode()
    assert stream.command("run", "--once").returncode == 0
    lines = stream.command("answers", "--json").stdout.splitlines()
    answers = {answer["question_id"]: answer for answer in map(json.loads, lines)}
    assert answers.keys() == {"q-1", "q-2"}
    assert answers["q-1"]["answer"] == {"text": "FXP-4107", "char_start": 36, "char_end": 44}
    assert "FXP-4107" in stream.command("answers").stdout.decode()
    described = stream.command("topics", "describe").stdout.decode()
    assert stream.topics.documents[:8] in described


def test_a_null_text_deletes_a_document(stream: Stream) -> None:
    for text in ('"The error is E1."', "null"):
        line = f'{{"document_id": "ticket-7", "text": {text}}}'.encode()
        assert stream.command("publish", "documents", "-", stdin=line).returncode == 0
    assert [record.value is None for record in stream.read(stream.topics.documents)] == [False, True]


@pytest.mark.parametrize(
    "arguments", [("publish", "documents"), ("topics", "create", "--partitions", "none"), ("no-such-command",)]
)
def test_wrong_usage_exits_with_2(stream: Stream, arguments: tuple[str, ...]) -> None:
    assert stream.command(*arguments).returncode == 2


@pytest.mark.parametrize(
    "arguments", [("publish", "documents", "-"), ("topics", "create"), ("topics", "describe"), ("answers",)]
)
def test_a_broker_that_is_not_there_is_one_line_and_exit_code_1(stream: Stream, arguments: tuple[str, ...]) -> None:
    nowhere = f"127.0.0.1:{free_port()}"
    ended = stream.command(*arguments, stdin=DOCUMENT, KAFKA__BOOTSTRAP_SERVERS=nowhere, LOG__LEVEL="error")
    assert ended.returncode == 1
    lines = [line for line in ended.stderr.decode().splitlines() if line.startswith("spanstream: ")]
    assert len(lines) == 1
    assert nowhere in lines[0]


def test_run_waits_for_a_broker_that_comes_later_and_says_what_it_waits_for(
    own_kafka: KafkaBroker, streams: MakeStream
) -> None:
    stream = streams(own_kafka.bootstrap, **QUICK)
    assert stream.command("publish", "documents", "-", stdin=DOCUMENT).returncode == 0
    assert stream.command("publish", "questions", "-", stdin=QUESTION).returncode == 0
    own_kafka.stop()
    try:
        consumer = stream.start()
        assert get(consumer, "/healthz") == (200, "ok\n")
        assert get(consumer, "/readyz")[0] == 503
        until(lambda: get(consumer, "/readyz")[1] == "waiting for partitions\n", "a reason")
    finally:
        own_kafka.restart()
    consumer.await_event("chunk_published")
    until(lambda: get(consumer, "/readyz")[0] == 200, "ready")
    metrics = get(consumer, "/metrics")[1]
    assert 'spanstream_records_total{outcome="answered"} 1.0' in metrics
    assert get(consumer, "/nothing")[0] == 404
    assert consumer.stop() == TERMINATED


def test_a_consumer_stops_in_time_while_its_broker_is_away(own_kafka: KafkaBroker, streams: MakeStream) -> None:
    stream = streams(own_kafka.bootstrap, **QUICK, DRAIN_SECONDS="2")
    consumer = stream.start()
    consumer.await_event("partitions_assigned")
    own_kafka.kill()
    try:
        consumer.send(signal.SIGTERM)
        assert consumer.wait(30) in {TERMINATED, 1}
    finally:
        own_kafka.restart()


def test_secrets_and_texts_are_never_told(stream: Stream) -> None:
    assert stream.command("publish", "documents", "-", stdin=DOCUMENT).returncode == 0
    assert stream.command("publish", "questions", "-", stdin=QUESTION + b"garbage " + SECRET.encode()).returncode == 1
    redis = f"redis://user:{SECRET}@127.0.0.1:{free_port()}/0"
    client = json.dumps({"socket.timeout.ms": 4000, "ssl.key.password": SECRET})
    runs = [
        stream.command("run", "--once", REDIS__URL=redis, KAFKA__CLIENT=client),
        stream.command("run", "--once", KAFKA__CLIENT=client + "}"),
        stream.command("doctor", REDIS__URL=redis, KAFKA__CLIENT=client),
    ]
    assert runs[0].returncode == 0
    for ended in runs:
        output = ended.stdout + ended.stderr
        assert SECRET.encode() not in output
        assert b"nightly export" not in output
