"""Whatever was published to the documents topic before a question is what the question is answered from."""

from __future__ import annotations

import pytest
from confluent_kafka import Producer

from spanstream.consumer.broker.kafka import AtLeastOncePublisher
from spanstream.consumer.broker.protocols import Outgoing
from spanstream.schemas.dead_letters import Reason, from_headers
from tests.e2e.conftest import MakeStream
from tests.support.events.small_documents import small_documents
from tests.support.kafka.kafka_broker import KafkaBroker
from tests.support.kafka.quick_settings import QUICK
from tests.support.kafka.stream import Stream, document, name_of, question

ASKED = "Which code is it?"


def text_of(number: int) -> str:
    return f"The code is E{1000 + number}. Nobody knows why."


def test_a_document_published_right_before_its_question_is_the_one_that_is_read(stream: Stream) -> None:
    """Round after round with a running consumer: each time a new version of one document, and a new document."""
    stream.start()
    topics, rounds = stream.topics, 60
    publisher = AtLeastOncePublisher(stream.config)
    with stream.watch() as outcomes:
        for number in range(rounds):
            pair = [
                document(topics.documents, f"d{number}", text_of(number)),
                document(topics.documents, "d", text_of(number)),
            ]
            publisher.publish(pair, {})
            asked = [question(topics.questions, f"{name} {number}", ASKED, name) for name in (f"d{number}", "d")]
            publisher.publish(asked, {})
            outcomes.await_count(2 * number + 2)
    publisher.close()
    quoted = {answer.question_id: answer.candidate and answer.candidate.text for answer in outcomes.answers}
    expected = {f"{name} {number}": f"E{1000 + number}" for number in range(rounds) for name in (f"d{number}", "d")}
    assert quoted == expected
    assert not stream.read(topics.retries)


def test_documents_of_an_aborted_transaction_are_never_seen(stream: Stream) -> None:
    topics = stream.topics
    stream.publish([document(topics.documents, "kept", text_of(1))])
    producer = Producer({"bootstrap.servers": stream.bootstrap, "transactional.id": stream.name})
    producer.init_transactions(30)
    producer.begin_transaction()
    for aborted in (document(topics.documents, "kept", text_of(2)), document(topics.documents, "never", text_of(3))):
        producer.produce(aborted.topic, aborted.value, aborted.key)
    producer.flush(30)
    producer.abort_transaction(30)
    stream.start()
    stream.publish([question(topics.questions, name, ASKED, name) for name in ("kept", "never")])
    with stream.watch() as outcomes:
        outcomes.await_count(2)
        assert [answer.candidate and answer.candidate.text for answer in outcomes.answers] == ["E1001"]
        assert [from_headers(letter.headers).reason for letter in outcomes.dead_letters] == [Reason.DOCUMENT_MISSING]
        stream.await_no_lag()


def test_a_consumer_that_comes_later_answers_from_the_latest_versions(stream: Stream) -> None:
    """And reads those again from the topic that it had no memory for."""
    topics, count = stream.topics, 3000
    records: list[Outgoing] = [
        document(topics.documents, f"d{number}", text_of(version * count + number))
        for version in range(2)
        for number in range(count)
    ]
    stream.publish(records)
    names = [f"d{number}" for number in range(0, count, 30)]
    stream.publish([question(topics.questions, name, ASKED, name) for name in names])
    program = stream.start("run", "--once", DOCUMENTS__MEMORY_BYTES="4000", CACHE__MEMORY_BYTES="1")
    assert program.wait() == 0
    quoted = {answer.question_id: answer.candidate and answer.candidate.text for answer in stream.answers()}
    assert quoted == {name: f"E{1000 + count + int(name[1:])}" for name in names}
    assert not stream.lag()


@pytest.mark.parametrize("memory_bytes", [1, 1 << 20])
def test_a_documents_topic_that_is_replaced_while_a_consumer_lives_is_read_anew(
    kafka: KafkaBroker, streams: MakeStream, memory_bytes: int
) -> None:
    """Deleted, created and filled in another order; the texts are read back from it, or are in memory."""
    stream = streams(kafka.bootstrap, partitions=1, **QUICK, DOCUMENTS__MEMORY_BYTES=str(memory_bytes))
    topics, names = stream.topics, [f"d{number}" for number in range(8)]
    stream.publish([document(topics.documents, name, text_of(number)) for number, name in enumerate(names)])
    stream.start()
    with stream.watch() as outcomes:
        stream.publish([question(topics.questions, f"old {name}", ASKED, name) for name in names])
        outcomes.await_count(len(names))
        stream.recreate_documents()
        kept = names[:0:-1]
        new = [document(topics.documents, name, text_of(100 + number)) for number, name in enumerate(kept)]
        stream.publish([document(topics.documents, "stranger", text_of(500)), *new])
        stream.publish([question(topics.questions, f"new {name}", ASKED, name) for name in names])
        outcomes.await_count(2 * len(names))
    quoted = {answer.question_id: answer.candidate and answer.candidate.text for answer in outcomes.answers}
    expected = {f"old {name}": f"E{1000 + number}" for number, name in enumerate(names)}
    assert quoted == expected | {f"new {name}": f"E{1100 + number}" for number, name in enumerate(kept)}
    assert [name_of(letter) for letter in outcomes.dead_letters] == [f"new {names[0]}"]


def test_a_producer_with_another_partitioner_is_understood(stream: Stream) -> None:
    """Only the number of the partition ties a question to its document, in its retries too."""
    topics = stream.topics
    samples = small_documents(12, seed=3)
    placed = list(enumerate(samples))
    stream.start()
    with stream.watch() as outcomes:
        stream.publish(
            [
                question(
                    topics.questions, sample.document_id, sample.questions[0], sample.document_id, partition=number % 3
                )
                for number, sample in placed
            ]
        )
        stream.await_retries(len(samples))
        stream.publish(
            [
                document(topics.documents, sample.document_id, sample.text, partition=number % 3)
                for number, sample in placed
            ]
        )
        outcomes.await_count(len(samples))
    assert {answer.question_id for answer in outcomes.answers} == {sample.document_id for sample in samples}
