"""Every question comes out exactly once, whatever is killed meanwhile."""

from __future__ import annotations

import random
import time
from collections import Counter
from dataclasses import dataclass

import pytest

from spanstream.consumer.broker.protocols import Outgoing
from spanstream.schemas.dead_letters import Reason, from_headers
from tests.e2e.conftest import MakeStream
from tests.support.events.small_documents import small_documents
from tests.support.kafka.kafka_broker import KafkaBroker
from tests.support.kafka.program import Program
from tests.support.kafka.quick_settings import QUICK, QUICK_CLASSIC
from tests.support.kafka.stream import Stream, StreamOutcomes, document, named, question

SEED = 20260723
QUESTIONS = 2000
DOCUMENTS = 200
# Of ten questions one is bad and one is about a document that never comes.
BAD_EVERY, MISSING_EVERY = 10, 15
LATE = 20


@dataclass(frozen=True)
class Input:
    """What is asked, and the texts that the answers have to quote."""

    early: list[Outgoing]
    asked: list[Outgoing]
    late: list[Outgoing]
    texts: dict[str, str]
    bad: set[str]
    missing: set[str]

    @property
    def names(self) -> list[str]:
        return [dict(record.headers)["test-name"].decode() for record in self.asked]  # type: ignore[union-attr]  # ours


def make_input(stream: Stream, count: int = QUESTIONS) -> Input:
    """Questions in a seeded order; the documents of some of them come only when the first questions are answered."""
    draw = random.Random(SEED)  # noqa: S311  no secret
    samples = small_documents(DOCUMENTS, SEED)
    topic = stream.topics.questions
    asked: list[Outgoing] = []
    bad, missing = set(), set()
    for number in range(count):
        name = f"q{number}"
        about = samples[number % DOCUMENTS]
        if number % BAD_EVERY == 3:
            bad.add(name)
            asked.append(named(name, topic, about.document_id, b'{"question_id": "%s", "question": 7}' % name.encode()))
        elif number % MISSING_EVERY == 4:
            missing.add(name)
            asked.append(question(topic, name, "Who?", f"nowhere-{number}"))
        else:
            asked.append(question(topic, name, draw.choice(about.questions), about.document_id))
    draw.shuffle(asked)
    published = [document(stream.topics.documents, sample.document_id, sample.text) for sample in samples]
    texts = {sample.document_id: sample.text for sample in samples}
    return Input(published[LATE:], asked, published[:LATE], texts, bad, missing)


def check(outcomes: StreamOutcomes, given: Input) -> None:
    """One outcome for each question, the right kind of it, and every answer verbatim."""
    for answer in outcomes.answers:
        for span in (answer.answer, answer.candidate):
            if span is not None:
                assert given.texts[answer.document_id or ""][span.char_start : span.char_end] == span.text
    assert {answer.question_id for answer in outcomes.answers} == set(given.names) - given.bad - given.missing
    reasons = {
        dict(letter.headers)["test-name"]: from_headers(letter.headers).reason for letter in outcomes.dead_letters
    }
    assert reasons == {
        **{name.encode(): Reason.INVALID_EVENT for name in given.bad},
        **{name.encode(): Reason.DOCUMENT_MISSING for name in given.missing},
    }
    assert sum(answer.status == "answered" for answer in outcomes.answers) > len(outcomes.answers) / 2


def settings_for(protocol: str) -> dict[str, str]:
    settings = QUICK | {"KAFKA__GROUP_PROTOCOL": protocol, "RETRIES__DELAY_SECONDS": "1", "RETRIES__MAX_ATTEMPTS": "8"}
    return settings | (QUICK_CLASSIC if protocol == "classic" else {})


def run_through_chaos(
    stream: Stream, broker: KafkaBroker, given: Input, watched: StreamOutcomes, *, kills: int
) -> None:
    """Two consumers; each is killed and replaced at moments that the seed picks, and once the broker is."""
    draw = random.Random(SEED)  # noqa: S311  no secret
    members: list[Program] = [stream.start(), stream.start()]
    stream.publish(given.early)
    stream.publish(given.asked)
    moments = sorted(draw.sample(range(20, QUESTIONS * 3 // 4), kills + 1))
    for number, moment in enumerate(moments):
        watched.await_count(moment)
        if number == 1:
            stream.publish(given.late)
        time.sleep(draw.uniform(0, 0.05))  # anywhere in a chunk's life
        if number == kills // 2:
            broker.kill()
            broker.restart()
            continue
        place = draw.randrange(2)
        members[place].kill()
        members[place] = stream.start()


@pytest.mark.parametrize("protocol", ["classic", "consumer"])
def test_killed_consumers_and_a_killed_broker_lose_and_repeat_nothing(
    own_kafka: KafkaBroker, streams: MakeStream, protocol: str
) -> None:
    stream = streams(own_kafka.bootstrap, 4, **settings_for(protocol))
    given = make_input(stream)
    with stream.watch() as watched:
        run_through_chaos(stream, own_kafka, given, watched, kills=5)
        watched.await_count(QUESTIONS, 120)
        stream.await_no_lag()
        watched.poll()
    assert Counter(watched.names) == Counter(given.names)
    check(watched, given)


def test_without_transactions_nothing_is_lost_and_what_comes_twice_has_the_same_id(
    own_kafka: KafkaBroker, streams: MakeStream
) -> None:
    stream = streams(own_kafka.bootstrap, 4, **settings_for("classic"), KAFKA__TRANSACTIONS="false")
    given = make_input(stream)
    with stream.watch() as watched:
        run_through_chaos(stream, own_kafka, given, watched, kills=3)
        watched.await_count(QUESTIONS, 120)
        stream.await_no_lag()
        watched.poll()
    ids: dict[str, set[bytes | None]] = {}
    for record in stream.read(stream.topics.answers):
        ids.setdefault((record.value or b"").split(b'"', 4)[3].decode(), set()).add(record.header("ce_id"))
    assert all(len(event_ids) == 1 for event_ids in ids.values())
    assert set(watched.names) == set(given.names)
    check(watched, given)
