"""Questions that were declined are answered by documents that come later: on a real broker, engine and model."""

from __future__ import annotations

import json
import random
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from spanstream.schemas.cloudevents import answer_id
from spanstream.schemas.open_questions import AskedAgain
from tests.support.kafka.index_stream import IndexStream
from tests.support.kafka.kafka_broker import KafkaBroker
from tests.support.kafka.program import Program, until
from tests.support.kafka.quick_settings import quick_settings
from tests.support.kafka.stream import named
from tests.support.passages.collected import collected

SEED = 20261126
DEPOTS = 8


@pytest.fixture
def stream(kafka: KafkaBroker, tmp_path: Path) -> Iterator[IndexStream]:
    settings = quick_settings("classic") | {"RETRIES__DELAY_SECONDS": "0.5", "RETRIES__MAX_ATTEMPTS": "300"}
    stream = IndexStream(kafka.bootstrap, tmp_path, 2, settings)
    stream.create_topics()
    yield stream
    stream.close()


def ask(stream: IndexStream, name: str, collection: str, **fields: Any) -> None:
    asked = {"question": "What is the door code of the depot?", "answer_again": True, "min_confidence": 0.0}
    event = {"question_id": name, "collection": collection, **asked, **fields}
    stream.publish([named(name, stream.topics.questions, name, json.dumps(event).encode())])


def put(stream: IndexStream, document_id: str, collection: str, code: int = 17, **metadata: str) -> None:
    text = f"The depot has a door of its own. The door code of the depot is E{code}. Nobody else knows it."
    stream.publish([collected(stream.topics.documents, document_id, text, [collection], **metadata)])


def statuses(stream: IndexStream) -> dict[str, list[str]]:
    """Returns what was answered to each question, in order."""
    found: dict[str, list[str]] = {}
    for answer in stream.answers():
        found.setdefault(answer.question_id, []).append(answer.status)
    return found


def still_open(stream: IndexStream) -> set[str]:
    latest = {record.key: record.value for record in stream.read(stream.topics.open_questions)}
    return {(key or b"").decode() for key, value in latest.items() if value is not None}


def asked_again(stream: IndexStream) -> list[str]:
    found = [AskedAgain.from_headers(record.headers) for record in stream.read(stream.topics.questions)]
    return sorted(one.question_id for one in found if one is not None)


@pytest.mark.timeout(1200)
def test_each_is_answered_once_although_the_indexer_and_the_consumer_are_killed(stream: IndexStream) -> None:
    draw = random.Random(SEED)  # noqa: S311  no secret
    names = [f"q{number}" for number in range(DEPOTS)]
    programs: list[Program] = [stream.start_index(), stream.start("run")]
    for number, name in enumerate(names):
        ask(stream, name, f"depot-{number}")
    until(lambda: statuses(stream) == {name: ["no_answer"] for name in names}, "a no_answer to each", every=0.5)
    assert still_open(stream) == set(names)
    for number in range(DEPOTS):
        put(stream, f"d{number}", f"depot-{number}", 1000 + number)
        time.sleep(draw.uniform(0, 3))  # anywhere between the document and its answer
        place = number % 2
        programs[place].kill()
        programs[place] = stream.start(*(("index", "run") if place == 0 else ("run",)))
        time.sleep(draw.uniform(0, 6))
    until(lambda: still_open(stream) == set(), "all to be closed", every=0.5)
    stream.await_no_lag()
    assert statuses(stream) == {name: ["no_answer", "answered"] for name in names}
    assert asked_again(stream) == names
    late = {record.header("ce_id") for record in stream.read(stream.topics.answers)}
    assert late == {answer_id(name, is_late=is_late).encode() for name in names for is_late in (False, True)}
    quoted = {answer.question_id: answer for answer in stream.answers() if answer.answer is not None}
    assert {name: answer.document_id for name, answer in quoted.items()} == {f"q{n}": f"d{n}" for n in range(DEPOTS)}


@pytest.mark.timeout(900)
def test_only_a_document_of_its_collection_and_metadata_answers_and_only_in_time(stream: IndexStream) -> None:
    stream.start_index(INDEX__OPEN_SECONDS="30")
    stream.start("run")
    ask(stream, "filtered", "kb", filter={"site": "north"})
    ask(stream, "expires", "nothing-comes")
    until(lambda: statuses(stream).keys() == {"filtered", "expires"}, "a no_answer to each", every=0.2)
    put(stream, "other", "another")
    put(stream, "south", "kb", site="south")
    stream.await_indexed()
    put(stream, "north", "kb", site="north")
    until(lambda: statuses(stream)["filtered"] == ["no_answer", "answered"], "the late answer", every=0.2)
    until(lambda: still_open(stream) == set(), "the other one to be closed", every=0.5)
    put(stream, "late", "nothing-comes")
    stream.await_indexed()
    stream.await_no_lag()
    assert statuses(stream) == {"filtered": ["no_answer", "answered"], "expires": ["no_answer"]}
    assert asked_again(stream) == ["filtered"]
