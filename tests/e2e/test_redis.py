"""Redis may stop, hang, lie or never be there: the answers are the same bytes."""

from __future__ import annotations

import random

import pytest

from tests.e2e.conftest import MakeStream
from tests.support.events.small_documents import SmallDocument, small_documents
from tests.support.kafka.kafka_broker import KafkaBroker
from tests.support.kafka.program import until
from tests.support.kafka.quick_settings import QUICK
from tests.support.kafka.stream import Stream, document, question, without_times
from tests.support.redis.redis_server import RedisServer

DOCUMENTS = small_documents(120, seed=7)
QUESTIONS = [
    (f"q-{sample.document_id}-{number}", sample, asked)
    for sample in DOCUMENTS
    for number, asked in enumerate(sample.questions)
]


def publish(stream: Stream, part: list[tuple[str, SmallDocument, str]]) -> None:
    stream.publish([document(stream.topics.documents, sample.document_id, sample.text) for _, sample, _ in part])
    stream.publish([question(stream.topics.questions, name, asked, sample.document_id) for name, sample, asked in part])


@pytest.fixture(scope="module")
def plain(kafka: KafkaBroker, tmp_path_factory: pytest.TempPathFactory) -> dict[str, object]:
    """Returns the answers of a consumer without Redis, in large chunks and on two threads."""
    settings = QUICK | {"CHUNK__MAX_QUESTIONS": "64", "MODEL__THREADS": "2"}
    stream = Stream(kafka.bootstrap, tmp_path_factory.mktemp("plain"), 3, settings)
    stream.create_topics()
    publish(stream, QUESTIONS)
    assert stream.command("run", "--once").returncode == 0
    answers = dict(without_times(stream.read(stream.topics.answers)))
    assert len(answers) == len(QUESTIONS)
    return dict(answers)


def test_answers_do_not_depend_on_redis_whatever_happens_to_it(
    kafka: KafkaBroker, streams: MakeStream, own_redis: RedisServer, plain: dict[str, object]
) -> None:
    settings = QUICK | {"REDIS__BREAKER_RESET_SECONDS": "0.2", "CACHE__MEMORY_BYTES": "1", "CHUNK__MAX_QUESTIONS": "5"}
    stream = streams(kafka.bootstrap, **settings, REDIS__URL=own_redis.url)
    consumer = stream.start()
    draw = random.Random(11)  # noqa: S311  no secret

    def fill_with_garbage() -> None:
        with own_redis.client() as client:
            for key in client.keys("*"):
                client.set(key, draw.randbytes(draw.choice([0, 10, 5000])))

    happenings = [
        lambda: None,
        own_redis.pause,
        own_redis.resume,
        fill_with_garbage,
        own_redis.stop,
        own_redis.start,
        own_redis.flood,
        own_redis.drain,
        own_redis.kill,
        own_redis.restart,
    ]
    size = len(QUESTIONS) // len(happenings)
    with stream.watch() as watched:
        for number, happen in enumerate(happenings):
            happen()
            publish(stream, QUESTIONS[number * size : (number + 1) * size])
            watched.await_count((number + 1) * size)
    assert without_times(stream.read(stream.topics.answers)) == plain
    assert consumer.events("redis_left_alone"), "Redis was never missed: the test proves nothing"
    assert consumer.events("redis_available")


def test_a_second_consumer_takes_the_tokenizations_from_redis(
    kafka: KafkaBroker, streams: MakeStream, own_redis: RedisServer, plain: dict[str, object]
) -> None:
    part = QUESTIONS[:50]
    for _ in range(2):
        stream = streams(kafka.bootstrap, **QUICK, REDIS__URL=own_redis.url)
        publish(stream, part)
        assert stream.command("run", "--once").returncode == 0
        answers = without_times(stream.read(stream.topics.answers))
        assert answers == {name: plain[name] for name, _, _ in part}
    with own_redis.client() as client:
        assert len(client.keys("spanstream:tokens:*")) == len({sample.text for _, sample, _ in part})
        assert client.info("stats")["keyspace_hits"] >= 1


def test_one_question_at_a_time_gets_the_same_answers(
    kafka: KafkaBroker, streams: MakeStream, plain: dict[str, object]
) -> None:
    stream = streams(kafka.bootstrap, **QUICK, CHUNK__MAX_WINDOWS="1", CHUNK__BACKLOG_RECORDS="2")
    publish(stream, QUESTIONS[:60])
    assert stream.command("run", "--once").returncode == 0
    until(lambda: len(stream.read(stream.topics.answers)) == 60, "all answers")
    assert without_times(stream.read(stream.topics.answers)) == {name: plain[name] for name, _, _ in QUESTIONS[:60]}
