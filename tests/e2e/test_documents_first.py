"""A document published before a question is seen by it; what is not there yet is waited for."""

from __future__ import annotations

import json

from confluent_kafka import Producer

from consumer.broker import Outgoing
from schemas.dead_letters import Reason, from_headers
from tests.e2e.conftest import QUICK, MakeStream
from tests.support.kafka_broker import KafkaBroker
from tests.support.stream import Stream, document, question


def quoted(stream: Stream) -> dict[str, str | None]:
    """The best guess for each question."""
    return {answer.question_id: answer.candidate.text if answer.candidate else None for answer in stream.answers()}


def test_a_document_published_right_before_its_question_is_always_seen(stream: Stream) -> None:
    stream.start()
    with stream.watch() as watched:
        for number in range(40):
            name = f"ticket-{number % 4}"  # most are a new version of a known document
            stream.publish([document(stream.topics.documents, name, f"The error code is E{number:04}.")])
            stream.publish([question(stream.topics.questions, f"q{number}", "What is the error code?", name)])
            watched.await_count(number + 1)
    assert quoted(stream) == {f"q{number}": f"E{number:04}" for number in range(40)}
    assert not stream.read(stream.topics.retries)


def test_a_question_waits_for_a_document_that_arrives_later(stream: Stream) -> None:
    consumer = stream.start()
    consumer.await_event("partitions_assigned")
    stream.publish([question(stream.topics.questions, "early", "What is the error code?", "late-ticket")])
    with stream.watch() as watched:
        consumer.await_event("chunk_published")
        stream.publish([document(stream.topics.documents, "late-ticket", "The error code is E7.")])
        watched.await_count(1)
    assert quoted(stream) == {"early": "E7"}


def test_documents_of_an_aborted_transaction_are_not_seen(stream: Stream) -> None:
    producer = Producer({"bootstrap.servers": stream.bootstrap, "transactional.id": stream.name})
    producer.init_transactions(20)
    stream.publish([document(stream.topics.documents, "ticket", "The error code is E1.")])
    producer.begin_transaction()
    value = json.dumps({"document_id": "ticket", "text": "The error code is E2."}).encode()
    producer.produce(stream.topics.documents, value, b"ticket")
    producer.flush(20)
    producer.abort_transaction(20)
    stream.publish([question(stream.topics.questions, "q", "What is the error code?", "ticket")])
    assert stream.command("run", "--once").returncode == 0
    assert quoted(stream) == {"q": "E1"}


def test_evicted_texts_and_documents_from_before_the_start_are_found_in_the_topic(
    kafka: KafkaBroker, streams: MakeStream
) -> None:
    stream = streams(kafka.bootstrap, **QUICK, DOCUMENTS__MEMORY_BYTES="2000")
    topics = stream.topics
    stream.publish([document(topics.documents, f"t{number}", f"The error code is X{number}.") for number in range(300)])
    stream.publish([document(topics.documents, f"t{number}", f"The error code is E{number}.") for number in range(300)])
    stream.publish(
        [question(topics.questions, f"q{number}", "What is the error code?", f"t{number}") for number in range(300)]
    )
    assert stream.command("run", "--once").returncode == 0
    assert quoted(stream) == {f"q{number}": f"E{number}" for number in range(300)}


def test_a_deleted_document_is_missing_and_another_version_than_the_wanted_one_has_changed(stream: Stream) -> None:
    topics = stream.topics
    stream.publish(
        [document(topics.documents, "gone", "The error code is E1."), Outgoing(topics.documents, b"gone", None)]
    )
    stream.publish([document(topics.documents, "new", "The error code is E2.")])
    asked = "What is the error code?"
    stream.publish([question(topics.questions, "to-gone", asked, "gone")])
    stream.publish([question(topics.questions, "to-old", asked, "new", document_sha256="0" * 64)])
    assert stream.command("run", "--once").returncode == 0
    reasons = {name: from_headers(letter.headers) for name, letter in stream.dead_letters().items()}
    assert {name: letter.reason for name, letter in reasons.items()} == {
        "to-gone": Reason.DOCUMENT_MISSING,
        "to-old": Reason.DOCUMENT_CHANGED,
    }
    assert {letter.attempt for letter in reasons.values()} == {int(QUICK["RETRIES__MAX_ATTEMPTS"])}
    assert {letter.topic for letter in reasons.values()} == {topics.questions}
