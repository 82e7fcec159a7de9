"""Members come, go, hang and are told to stop while questions flow: each question comes out once."""

from __future__ import annotations

import signal
from collections import Counter

import pytest

from spanstream.consumer.broker.protocols import Outgoing
from spanstream.consumer.cli.exit_codes import TERMINATED
from tests.e2e.conftest import MakeStream
from tests.support.events.small_documents import small_documents
from tests.support.kafka.kafka_broker import KafkaBroker
from tests.support.kafka.quick_settings import QUICK, QUICK_CLASSIC
from tests.support.kafka.stream import Stream, document, question

QUESTIONS = 900


def publish(stream: Stream, numbers: range = range(QUESTIONS)) -> list[str]:
    samples = small_documents(60, seed=3)
    stream.publish([document(stream.topics.documents, sample.document_id, sample.text) for sample in samples])
    asked: list[Outgoing] = []
    for number in numbers:
        about = samples[number % len(samples)]
        text = about.questions[number % len(about.questions)]
        asked.append(question(stream.topics.questions, f"q{number}", text, about.document_id))
    stream.publish(asked)
    return [f"q{number}" for number in numbers]


@pytest.mark.parametrize("protocol", ["classic", "consumer"])
def test_members_that_join_and_leave_take_their_documents_along(
    kafka: KafkaBroker, streams: MakeStream, protocol: str
) -> None:
    settings = QUICK | (QUICK_CLASSIC if protocol == "classic" else {})
    stream = streams(kafka.bootstrap, 4, **settings, KAFKA__GROUP_PROTOCOL=protocol)
    first = stream.start()
    asked = publish(stream, range(QUESTIONS // 2))
    with stream.watch() as watched:
        watched.await_count(100)
        second = stream.start()
        second.await_event("partitions_assigned")
        asked += publish(stream, range(QUESTIONS // 2, QUESTIONS))
        second.await_event("chunk_published")
        assert first.stop() == TERMINATED
        watched.await_count(QUESTIONS)
        assert second.stop() == TERMINATED
        watched.poll()
    assert Counter(watched.names) == Counter(asked)
    assert watched.failures == []
    stream.await_no_lag()


def test_sigterm_finishes_what_was_begun_and_the_next_one_goes_on_from_there(stream: Stream) -> None:
    asked = publish(stream)
    with stream.watch() as watched:
        for _ in range(3):
            consumer = stream.start()
            consumer.await_event("chunk_published", 2)
            assert consumer.stop() == TERMINATED
            assert not consumer.events("publish_failed")
        stream.start()
        watched.await_count(QUESTIONS)
        watched.poll()
    assert Counter(watched.names) == Counter(asked)


def test_a_member_that_hung_past_its_session_is_fenced_and_goes_on(kafka: KafkaBroker, streams: MakeStream) -> None:
    stream = streams(kafka.bootstrap, 4, **QUICK, **QUICK_CLASSIC_ONLY)
    hung, healthy = stream.start(), stream.start()
    # Both have partitions before there is anything to do: on a busy machine the first could be done before the second.
    hung.await_event("partitions_assigned")
    healthy.await_event("partitions_assigned")
    asked = publish(stream)
    with stream.watch() as watched:
        hung.await_event("chunk_published")
        healthy.await_event("chunk_published")
        hung.send(signal.SIGSTOP)
        owned = len(healthy.events("partitions_assigned"))
        healthy.await_event("partitions_assigned", owned + 1)
        hung.send(signal.SIGCONT)
        watched.await_count(QUESTIONS)
        assert hung.stop() == TERMINATED
        assert healthy.stop() == TERMINATED
        watched.poll()
    assert Counter(watched.names) == Counter(asked)


# QUICK has a Kafka client table of its own.
QUICK_CLASSIC_ONLY = {name: value for name, value in QUICK_CLASSIC.items() if name not in QUICK}
