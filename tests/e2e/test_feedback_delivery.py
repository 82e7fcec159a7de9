"""Every feedback leads to its label or its dead letter once, whatever is killed, and labels go with their documents.

`SPANSTREAM_TEST_FEEDBACK_EVENTS` asks for more feedback than the little that every run can afford.
"""

from __future__ import annotations

import os
import random
import time
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from spanstream.consumer.broker.protocols import Outgoing
from spanstream.consumer.cli.exit_codes import TERMINATED
from spanstream.schemas.answer_parts import Span
from spanstream.schemas.dead_letters import Reason, from_headers
from spanstream.schemas.events import Document
from spanstream.schemas.feedback import Feedback
from tests.support.kafka.feedback_stream import FeedbackStream
from tests.support.kafka.kafka_broker import KafkaBroker
from tests.support.kafka.program import Program, until
from tests.support.kafka.quick_settings import QUICK, QUICK_CLASSIC
from tests.support.kafka.stream import document

SEED = 20261126
EVENTS = int(os.environ.get("SPANSTREAM_TEST_FEEDBACK_EVENTS", "960"))
QUESTIONS = 4
DOCUMENTS = min(100, EVENTS // (6 * QUESTIONS))
ROUNDS = EVENTS // (DOCUMENTS * QUESTIONS)  # each ends with a kill
BEGAN = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.fixture
def stream(kafka: KafkaBroker, tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[FeedbackStream]:
    protocol = getattr(request, "param", "classic")
    settings = QUICK | (QUICK_CLASSIC if protocol == "classic" else {}) | {"KAFKA__GROUP_PROTOCOL": protocol}
    stream = FeedbackStream(kafka.bootstrap, tmp_path, 4, settings)
    stream.create_topics()
    yield stream
    stream.close()


def text_of(number: int) -> str:
    return f"Machine {number} stops with code E{1000 + number}."


def feedback(number: int, question: int, round_: int, **fields: Any) -> Feedback:
    text = text_of(number)
    quoted = f"E{1000 + number}"
    start = text.index(quoted)
    event: dict[str, Any] = {
        "question_id": f"d{number}-q{question}",
        "document_id": f"d{number}",
        "document_sha256": Document(document_id="d", text=text).sha256,
        "question": "Which code?",
        "verdict": "accepted",
        "span": Span(text=quoted, char_start=start, char_end=start + len(quoted)),
        "given_at": BEGAN + timedelta(seconds=round_),
    }
    return Feedback(**(event | fields))


@pytest.mark.timeout(900 + EVENTS)
@pytest.mark.parametrize("stream", ["classic", "consumer"], indirect=True)
def test_killed_members_lose_and_repeat_no_feedback_and_leave_no_label_of_a_deleted_document(
    stream: FeedbackStream,
) -> None:
    draw = random.Random(SEED)  # noqa: S311  no secret
    topics = stream.topics
    stream.publish([document(topics.documents, f"d{number}", text_of(number)) for number in range(DOCUMENTS)])
    members: list[Program] = [stream.start_feedback(), stream.start_feedback()]
    bad, sent = 0, list[Feedback]()
    for round_ in range(ROUNDS):
        given = [feedback(number, question, round_) for number in range(DOCUMENTS) for question in range(QUESTIONS)]
        wrong = [feedback(number, 9, round_, document_sha256="0" * 64) for number in range(0, DOCUMENTS, 10)]
        draw.shuffle(given)
        before = len(stream.label_records())
        for begin in range(0, len(given), 40):
            stream.publish([stream.feedback(one) for one in given[begin : begin + 40]])
        stream.publish([stream.feedback(one) for one in wrong])
        sent += given
        bad += len(wrong)
        stream.await_more_labels(before, 120)
        time.sleep(draw.uniform(0, 0.2))  # anywhere in a transaction's life
        place = draw.randrange(len(members))
        members[place].kill()
        members[place] = stream.start_feedback()
    stream.await_no_feedback_lag(120)
    deleted = {f"d{number}" for number in range(0, DOCUMENTS, 4)}
    stream.publish([Outgoing(topics.documents, name.encode(), None) for name in sorted(deleted)])
    members[0].kill()
    members[0] = stream.start_feedback()
    kept = {one.label_key for one in sent if one.document_id not in deleted}
    stream.await_no_feedback_lag(120)
    stream.await_labels(kept, 120)
    for program in stream.programs:
        if program.is_running:
            program.await_event("started")
            assert program.stop() == TERMINATED
    newest = {one.label_key: one.identified().feedback_id for one in sent}  # the last round is the newest
    assert {key: label.feedback_id for key, label in stream.labels().items()} == {key: newest[key] for key in kept}
    records = stream.label_records()
    ids = Counter(record.header("ce_id") for record in records if record.value is not None)
    assert max(ids.values()) == 1, "a feedback became two labels"
    tombstones = Counter(record.key for record in records if record.value is None)
    assert len(tombstones) == len(deleted) * QUESTIONS
    letters = [from_headers(record.headers) for record in stream.read(topics.dead_letters)]
    places = Counter((letter.partition, letter.offset) for letter in letters)
    assert {letter.reason for letter in letters} == {Reason.DOCUMENT_CHANGED}
    assert (len(places), max(places.values())) == (bad, 1)


def test_a_label_goes_with_its_document_while_a_member_runs_and_while_none_does(stream: FeedbackStream) -> None:
    topics = stream.topics
    stream.publish([document(topics.documents, f"d{number}", text_of(number)) for number in range(3)])
    member = stream.start_feedback()
    stream.publish([stream.feedback(feedback(number, 0, 0)) for number in range(3)])
    stream.await_labels({"d0-q0", "d1-q0", "d2-q0"})
    stream.publish([Outgoing(topics.documents, b"d0", None)])
    stream.await_labels({"d1-q0", "d2-q0"})
    assert member.stop() == TERMINATED
    stream.publish([document(topics.documents, "d1", "Another text.")])
    stream.start_feedback()
    stream.await_labels({"d2-q0"})
    until(lambda: stream.feedback_lag() == 0, "no lag")
