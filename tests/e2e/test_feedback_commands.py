"""`spanstream feedback` as it is typed: verdicts on answers that a real consumer gave, on a real broker."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from spanstream.consumer.broker.kafka import TopicAdmin
from spanstream.consumer.broker.partitioner import partition_of
from spanstream.consumer.broker.protocols import Outgoing
from spanstream.consumer.cli.exit_codes import TERMINATED
from spanstream.consumer.operations.topics import feedback_topic_specs
from spanstream.schemas.codec import encode
from spanstream.schemas.events import Document, Question
from spanstream.schemas.triage import Ticket
from tests.support.kafka.feedback_stream import FeedbackStream
from tests.support.kafka.kafka_broker import KafkaBroker
from tests.support.kafka.program import until
from tests.support.kafka.quick_settings import QUICK
from tests.support.kafka.stream import document, question
from tests.support.kafka.triage_stream import TriageStream

TEXT = "The nightly export stops with error FXP-4107 since Tuesday. FXP-4107 is new."
PLAYBOOK = """
playbook: small
version: "1"
deadline_seconds: 60
fields:
  error: {questions: [Which error does the export stop with?], min_confidence: 0.01}
routes: [{route: everything, because: there is one queue}]
priorities: [{priority: normal, because: all are}]
"""


@pytest.fixture
def stream(kafka: KafkaBroker, tmp_path: Path) -> Iterator[FeedbackStream]:
    stream = FeedbackStream(kafka.bootstrap, tmp_path, 2, QUICK)
    stream.create_topics()
    yield stream
    stream.close()


@pytest.fixture
def tickets(kafka: KafkaBroker, tmp_path: Path) -> Iterator[TriageStream]:
    stream = TriageStream(kafka.bootstrap, tmp_path, 2, QUICK)
    stream.create_topics()
    TopicAdmin(stream.config).create(feedback_topic_specs(stream.topics, partitions=2))
    yield stream
    stream.close()


def labels_shown(stream: FeedbackStream | TriageStream) -> dict[str, dict[str, Any]]:
    shown = stream.command("feedback", "tail", "--json")
    assert shown.returncode == 0, shown.stderr
    labels = [json.loads(line) for line in shown.stdout.splitlines()]
    return {label.get("question_id", ""): label for label in labels}


def test_a_verdict_is_given_checked_kept_shown_and_deleted_with_its_document(stream: FeedbackStream) -> None:
    topics = stream.topics
    stream.publish([document(topics.documents, "d", TEXT)])
    asked = ["Which error does the nightly export stop with?", "Since when?", "Who wrote this?", "What is it?"]
    stream.publish([question(topics.questions, f"q{n}", text, "d", min_confidence=0.0) for n, text in enumerate(asked)])
    assert stream.start("run", "--once").wait() == 0
    answers = {answer.question_id: answer for answer in stream.answers()}
    given = {
        "q0": ("--accept",),
        "q1": ("--correct", "since Tuesday", "--by", "agent-7"),
        "q2": ("--no-answer",),
        "q3": ("--correct", "FXP-4107", "--nth", "2"),
    }
    for question_id, said in given.items():
        result = stream.command("feedback", "give", "--question-id", question_id, *said)
        assert result.returncode == 0, result.stderr
        assert result.stdout.decode().startswith(f"{question_id}: ")
    member = stream.start_feedback()
    stream.await_labels(set(given))
    labels = labels_shown(stream)
    assert labels["q0"]["span"] == json.loads(answers["q0"].model_dump_json())["answer"]
    assert (labels["q1"]["span"]["text"], labels["q1"]["by"]) == ("since Tuesday", "agent-7")
    assert (labels["q2"]["verdict"], "span" in labels["q2"]) == ("no_answer", False)
    assert labels["q3"]["span"]["char_start"] == TEXT.rindex("FXP-4107")
    shown = stream.command("feedback", "tail").stdout.decode()
    assert f"q1  corrected  since Tuesday  [d {TEXT.index('since')}:58]  {asked[1]}  by agent-7" in shown
    stream.publish([document(topics.documents, "d", "Another text.")])
    stream.await_labels(set())
    assert labels_shown(stream) == {}
    assert member.stop() == TERMINATED


def test_a_verdict_on_a_collections_answer_is_about_the_document_that_it_quotes_in_another_partition(
    stream: FeedbackStream,
) -> None:
    topics, quoted = stream.topics, "FXP-4107"
    document_id = next(name for name in ("d", "e", "f", "g") if partition_of(name.encode(), 2) != partition_of(b"q", 2))
    events: dict[str, Document | Question] = {
        "documents": Document(document_id=document_id, text=TEXT, collections=["kb"]),
        "questions": Question(question_id="q", question="Which error?", collection="kb"),
    }
    for kind, event in events.items():
        published = stream.command("publish", kind, "-", stdin=encode(event))
        assert published.returncode == 0, published.stderr
    [asked] = stream.read(topics.questions)
    assert (asked.key, asked.partition.number) == (b"q", partition_of(b"q", 2))
    span = {"text": quoted, "char_start": TEXT.index(quoted), "char_end": TEXT.index(quoted) + len(quoted)}
    answer = {
        "question_id": "q",
        "document_id": document_id,
        "document_sha256": hashlib.sha256(TEXT.encode()).hexdigest(),
        "status": "answered",
        "answer": span,
        "candidate": span,
        "confidence": 0.9,
        "null_score_diff": -2.0,
        "windows": {"total": 1, "read": 1},
        "model": {"name": "m", "version": "1", "precision": "int8", "calibration": "c"},
        "metadata": {},
        "answered_at": "2026-02-01T08:30:00.000Z",
        "collection": "kb",
        "retrieved": [{"document_id": document_id, "char_start": 0, "char_end": len(TEXT), "score": 0.03}],
    }
    stream.publish([Outgoing(topics.answers, b"q", json.dumps(answer).encode())])
    shown = stream.command("answers").stdout.decode().splitlines()
    assert shown == [f"q  0.90  {quoted}  [{document_id} 36:44]  of kb", f"    looked at {document_id} 0:{len(TEXT)}"]
    given = stream.command("feedback", "give", "--question-id", "q", "--accept")
    assert given.returncode == 0, given.stderr
    member = stream.start_feedback()
    stream.await_labels({"q"})
    [document_record], [feedback], [label] = (
        stream.read(topic) for topic in (topics.documents, topics.feedback, topics.labels)
    )
    assert feedback.key == document_id.encode()
    assert document_record.partition.number == feedback.partition.number == label.partition.number
    assert labels_shown(stream)["q"]["document_id"] == document_id
    assert member.stop() == TERMINATED


@pytest.mark.parametrize(
    ("said", "why"),
    [
        (("--accept",), "there is no answer to accept"),
        (("--correct", "FXP-9999"), "does not stand in the document, verbatim"),
        (("--correct", "FXP-410"), "stands only inside of words in the document"),
        (("--correct", "FXP-4107"), "stands at 2 places in the document (36, 60)"),
        (("--correct", "FXP-4107", "--nth", "3"), "not at 3"),
    ],
)
def test_what_does_not_fit_is_refused_before_it_is_published(
    stream: FeedbackStream, said: tuple[str, ...], why: str
) -> None:
    topics = stream.topics
    stream.publish([document(topics.documents, "d", TEXT), question(topics.questions, "q", "Which?", "d")])
    refused = stream.command("feedback", "give", "--question-id", "q", *said)
    assert (refused.returncode, refused.stdout) == (1, b"")
    assert why in refused.stderr.decode()
    assert stream.read(topics.feedback) == []


def test_a_file_is_checked_line_by_line_and_refused_lines_are_named(stream: FeedbackStream) -> None:
    topics = stream.topics
    stream.publish([document(topics.documents, "d", TEXT)])
    stream.publish([question(topics.questions, "q", "Which?", "d")])
    line: dict[str, Any] = {
        "question_id": "q",
        "context": TEXT,
        "question": "Which?",
        "verdict": "corrected",
        "span": {"text": "FXP-4107", "char_start": 36, "char_end": 44},
        "given_at": "2026-01-31T12:34:56.789Z",
    }
    wrong = {"question_id": "w", "span": {"text": "FXP-4107", "char_start": 35, "char_end": 43}}
    missing = {"document_id": "other", "context": None, "document_sha256": "0" * 64}
    lines = "\n".join(json.dumps(line | change) for change in ({}, wrong, missing)).encode() + b"\n{\n"
    refused = stream.command("feedback", "publish", "-", stdin=lines)
    said = refused.stderr.decode()
    assert refused.returncode == 1
    assert "1 published" in said
    assert "-:2: span_mismatch: the text at 35:43 is not the span's" in said
    assert "-:3: document_missing: the documents topic does not hold it" in said
    assert "-:4: undecodable" in said
    assert "FXP" not in said
    unchecked = stream.command("feedback", "publish", "--unchecked", "-", stdin=json.dumps(line | missing).encode())
    assert unchecked.returncode == 0, unchecked.stderr
    assert len(stream.read(topics.feedback)) == 2


def test_feedback_that_came_before_its_document_is_a_dead_letter_that_can_be_sent_again(
    stream: FeedbackStream,
) -> None:
    topics = stream.topics
    early = {
        "question_id": "q",
        "document_id": "d",
        "document_sha256": hashlib.sha256(TEXT.encode()).hexdigest(),
        "question": "Who?",
        "verdict": "no_answer",
        "given_at": "2026-01-31T12:34:56.789Z",
    }
    line = json.dumps(early).encode()
    assert stream.command("feedback", "publish", "--unchecked", "-", stdin=line).returncode == 0
    stream.start_feedback()
    until(lambda: bool(stream.read(topics.dead_letters)), "a dead letter", every=0.2)
    stream.publish([document(topics.documents, "d", TEXT)])
    again = stream.command("replay", "run", "--reason", "document_missing", "--yes")
    assert again.returncode == 0, again.stderr
    stream.await_labels({"q"})


def test_a_field_of_a_triage_record_is_given_feedback(tickets: TriageStream) -> None:
    (tickets.folder / "playbook.yaml").write_text(PLAYBOOK)
    tickets.start()
    tickets.start_triage(TRIAGE__PLAYBOOK=str(tickets.folder / "playbook.yaml"))
    with tickets.watch_triage() as watched:
        tickets.publish([tickets.ticket(Ticket(ticket_id="T", subject="Export", body=TEXT))])
        watched.await_complete("T")
        (record,) = watched.by_ticket["T"]
    given = tickets.command("feedback", "give", "--ticket", "T", "--field", "error", "--accept")
    assert given.returncode == 0, given.stderr
    tickets.start("feedback", "run", FEEDBACK__GROUP_ID=f"{tickets.name}.feedback")
    until(lambda: bool(tickets.read(tickets.topics.labels)), "a label", every=0.2)
    (label,) = labels_shown(tickets).values()
    answered = record.fields["error"].answer
    assert answered is not None
    assert label["field"] == {"ticket_id": "T", "name": "error"}
    assert label["span"]["text"] == answered.text
    assert label["question_id"] in {answer.question_id for answer in tickets.answers()}
