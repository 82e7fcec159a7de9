"""`spanstream erase` against running streams, a real broker and a real Redis, until `--verify` finds nothing."""

from __future__ import annotations

import json
import re
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from spanstream.consumer.broker.kafka import KafkaPartitionReader, TopicAdmin
from spanstream.consumer.broker.protocols import Outgoing, Record
from spanstream.consumer.broker.reading import read_topic
from spanstream.consumer.clock import SystemClock
from spanstream.schemas.triage import Ticket
from tests.e2e.conftest import MakeStream
from tests.support.kafka.kafka_broker import KafkaBroker
from tests.support.kafka.program import Program, until
from tests.support.kafka.quick_settings import QUICK
from tests.support.kafka.stream import document, named, question
from tests.support.kafka.triage_stream import TriageStream
from tests.support.redis.redis_server import RedisServer

PLAYBOOK = """
playbook: small
version: "1"
deadline_seconds: 600
fields:
  error: {questions: [What error does it show?], min_confidence: 0.1, format: {regex: '[A-Z]+-[0-9]+'}}
routes: [{route: general, because: all}]
priorities: [{priority: normal, because: all}]
"""
CODE = "FXP-4107"
DOCUMENT = f"The nightly export stops with error {CODE} since Tuesday."
ANN, BOB = "Ann Example", "Bob Example"
# Everything goes within seconds, once this is written into the topics.
SHORT = {f"RETENTION__{kind}_SECONDS": "1" for kind in ("INPUT", "OUTPUT", "DEAD_LETTERS", "PARKED")}
LONG = 240.0


@pytest.fixture
def stream(kafka: KafkaBroker, own_redis: RedisServer, tmp_path: Path) -> Iterator[TriageStream]:
    (tmp_path / "playbook.yaml").write_text(PLAYBOOK)
    settings = {
        "TRIAGE__PLAYBOOK": str(tmp_path / "playbook.yaml"),
        "REDIS__URL": own_redis.url,
        "REDIS__TIMEOUT_SECONDS": "10",
        "RETENTION__DELETED_SECONDS": "2",
        "LOG__LEVEL": "debug",
    }
    stream = TriageStream(kafka.bootstrap, tmp_path, 2, QUICK | settings)
    assert stream.command("topics", "create", "--triage", "--feedback", "--partitions", "2").returncode == 0
    names = stream.topics.model_dump(exclude={"shadow_answers"}).values()  # no second model is tried here
    until(lambda: len(TopicAdmin(stream.config).describe(names)) == len(names), "the topics", every=0.2)
    yield stream
    stream.close()


def work(stream: TriageStream) -> None:
    """Tickets of two customers, two documents, an inline context and a bad record; waits until all have outcomes."""
    topics = stream.topics
    tickets = [
        Ticket(ticket_id="T-ann", subject="Export", body=f"It shows error {CODE} since Monday.", customer=ANN),
        Ticket(ticket_id="T-bob", subject="Import", body="It shows error IMP-1 since Monday.", customer=BOB),
    ]
    with stream.watch_triage() as triages, stream.watch() as outcomes:
        stream.start()
        stream.start_triage()
        stream.publish(
            [document(topics.documents, "d-ann", DOCUMENT), document(topics.documents, "d-bob", "Error B-1.")]
        )
        inline = {"question_id": "q-inline", "question": "Which error?", "context": DOCUMENT}
        stream.publish(
            [
                *(stream.ticket(ticket) for ticket in tickets),
                question(topics.questions, "q-ann", "Which error does the export stop with?", "d-ann"),
                question(topics.questions, "q-bob", "Which error is it?", "d-bob"),
                named("q-inline", topics.questions, "q-inline", json.dumps(inline).encode()),
                named("bad", topics.questions, "d-ann", b'{"document_id": "d-ann"'),
            ]
        )
        outcomes.await_count(6)
        for ticket in tickets:
            triages.await_complete(ticket.ticket_id)
    stream.start("feedback", "run", FEEDBACK__GROUP_ID=f"{stream.name}.feedback")
    for name, quoted in (("q-ann", CODE), ("q-bob", "B-1"), ("q-inline", CODE)):
        given = stream.command("feedback", "give", "--question-id", name, "--correct", quoted)
        assert given.returncode == 0, given.stderr
    until(lambda: labels(stream) == {"q-ann", "q-bob", "q-inline"}, "the labels", LONG, every=0.5)


def left(stream: TriageStream, manifest: str) -> dict[str, dict[str, Any]]:
    """Verifies; returns what is left, by topic (by its role) or `Redis`; exit code 1 says whether anything is."""
    done = stream.command("erase", "--verify", manifest, "--json", seconds=LONG)
    lines = [json.loads(line) for line in done.stdout.decode().splitlines()]
    assert done.returncode == (1 if lines else 0), done.stderr
    return {line["where"].removeprefix(f"{stream.name}."): line for line in lines}


def test_what_is_erased_is_gone_from_every_topic_and_redis_and_before_that_it_is_said_until_when(
    stream: TriageStream, own_redis: RedisServer
) -> None:
    work(stream)
    asked = ("erase", "--customer", ANN, "--document-id", "d-ann")
    with own_redis.client() as client:
        keys = set(client.keys("*"))
        dry = stream.command(*asked, "--dry-run", seconds=LONG)
        assert dry.returncode == 0, dry.stderr
        assert stream.documents().keys() >= {"d-ann", "d-bob"}
        assert stream.command(*asked, seconds=LONG).returncode == 2  # nobody can be asked
        done = stream.command(*asked, "--yes", "--manifest", "ann.jsonl", seconds=LONG)
        assert done.returncode == 0, done.stderr
        assert len(keys - set(client.keys("*"))) == 2
    said = done.stdout + done.stderr + dry.stdout + (stream.folder / "ann.jsonl").read_bytes()
    assert CODE.encode() not in said
    assert ANN.encode() not in said

    assert records_with(stream, CODE.encode())
    before = left(stream, "ann.jsonl")
    assert before.keys() >= {"questions", "answers", "dead_letters", "tickets", "triage", "feedback", "labels"}
    assert all(before[name]["until"] for name in ("questions", "answers", "dead_letters", "tickets", "triage"))
    assert before["questions"]["count"] >= 3  # about the document, with the text inline, about the ticket's

    # The ticket stream forgets the ticket and deletes its document; a second erasure has none to find.
    until(lambda: "deleted" in state_of(stream, "T-ann"), "the ticket's state deleted", LONG, every=0.5)
    assert "open" not in state_of(stream, "T-bob")
    assert stream.documents().keys() & {"d-ann", "d-bob"} == {"d-bob"}

    stream.settings |= SHORT
    create = ("topics", "create", "--triage", "--feedback", "--alter", "--partitions", "2")
    assert stream.command(*create).returncode == 0

    def is_gone() -> bool:
        again = stream.command("erase", "--again", "ann.jsonl", "--yes", seconds=LONG)
        assert again.returncode == 0, again.stderr
        return not left(stream, "ann.jsonl")

    until(is_gone, "nothing left", LONG, every=2)
    assert not records_with(stream, CODE.encode())
    with own_redis.client() as client:
        assert len(client.keys("*")) == len(keys) - 2
    assert stream.documents().keys() >= {"d-bob"}
    assert labels(stream) == {"q-bob"}
    assert state_of(stream, "T-bob") == "decided"
    stream.check_programs()
    assert not [program.log_file for program in stream.programs if CODE in program.log]  # at debug level


def test_a_running_consumer_keeps_nothing_of_a_deleted_document(kafka: KafkaBroker, streams: MakeStream) -> None:
    stream = streams(kafka.bootstrap, 1, **QUICK)
    topic = stream.topics.documents
    consumer = stream.start()

    def ask(number: int) -> None:
        stream.publish([question(stream.topics.questions, f"q-{number}", "Which error is it?", "d")])
        until(lambda: len(stream.answers()) == number, f"{number} answers", every=0.2)

    stream.publish([document(topic, "d", DOCUMENT)])
    ask(1)
    ask(2)
    assert tokenizations(consumer) == {"memory": 1, "redis": 0, "tokenized": 1}
    stream.publish([Outgoing(topic, b"d", None), document(topic, "d", DOCUMENT)])
    ask(3)
    assert tokenizations(consumer) == {"memory": 1, "redis": 0, "tokenized": 2}


def tokenizations(consumer: Program) -> dict[str, int]:
    """Returns where the consumer found its tokenizations so far."""
    with urllib.request.urlopen(f"http://127.0.0.1:{consumer.http_port}/metrics") as reply:
        text = reply.read().decode()
    found = re.findall(r'^spanstream_tokenizations\{source="(\w+)"\} (\S+)$', text, flags=re.MULTILINE)
    return {source: int(float(count)) for source, count in found}


def records_with(stream: TriageStream, text: bytes) -> list[Record]:
    """Returns the records of any topic that hold this text, those of open and aborted transactions too."""
    names = [*stream.topics.model_dump(exclude={"shadow_answers"}).values(), f"{stream.topics.dead_letters}.parked"]
    reader = KafkaPartitionReader(stream.config, uncommitted=True)
    try:
        topics = [read_topic(reader, name, clock=SystemClock(), patience_seconds=LONG) for name in names]
        records = [record for topic in topics for record in topic]
    finally:
        reader.close()
    return [record for record in records if text in (record.value or b"") or text in repr(record.headers).encode()]


def labels(stream: TriageStream) -> set[str]:
    """Returns the keys of the labels that stand."""
    standing = {record.key: record.value for record in stream.read(stream.topics.labels)}
    return {(key or b"").decode() for key, value in standing.items() if value is not None}


def state_of(stream: TriageStream, ticket_id: str) -> str:
    """Returns what the state topic says of a ticket: open, decided or deleted."""
    values = [
        record.value
        for record in stream.read(stream.topics.triage_state)
        if record.key == f"ticket:{ticket_id}".encode()
    ]
    if not values or values[-1] is None:
        return "deleted"
    return "open" if json.loads(values[-1])["is_open"] else "decided"
