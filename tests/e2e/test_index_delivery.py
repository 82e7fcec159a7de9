"""The index is what a fresh rebuild would be, whatever is killed, and while it is rebuilt.

`SPANSTREAM_TEST_INDEX_DOCUMENTS` asks for more documents than the few that every run can afford.
"""

from __future__ import annotations

import os
import random
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from spanstream.consumer.cli.exit_codes import TERMINATED
from spanstream.consumer.passages.index import DocumentPassages
from spanstream.consumer.passages.opening import open_passage_indexes
from tests.support.kafka.index_stream import IndexStream, Versions
from tests.support.kafka.kafka_broker import KafkaBroker
from tests.support.kafka.program import Program, until
from tests.support.kafka.quick_settings import quick_settings

SEED = 20261126
DOCUMENTS = int(os.environ.get("SPANSTREAM_TEST_INDEX_DOCUMENTS", "60"))
KILLS = 5


@pytest.fixture
def stream(kafka: KafkaBroker, tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[IndexStream]:
    stream = IndexStream(kafka.bootstrap, tmp_path, 4, quick_settings(getattr(request, "param", "classic")))
    stream.create_topics()
    yield stream
    stream.close()


def text_of(number: int, version: int) -> str:
    return f"Machine {number} stops with code E{1000 + number}.\n\nIts manual has the version {version}, and is short."


def changes(draw: random.Random, version: int, count: int = DOCUMENTS // 2) -> Versions:
    """Returns new versions of some documents; one of six is deleted."""
    numbers = draw.sample(range(DOCUMENTS), count)
    return {f"d{number}": text_of(number, version) if draw.random() < 5 / 6 else None for number in numbers}


def assert_is_what_the_topic_says(stream: IndexStream, documents: int) -> None:
    status = stream.status(check=True)
    assert status["check"]["is_equal"], status["check"]
    assert (status["check"]["documents"], status["check"]["behind"], status["lag"]) == (documents, 0, 0)


@pytest.mark.timeout(900 + 4 * DOCUMENTS)
@pytest.mark.parametrize("stream", ["classic", "consumer"], indirect=True)
def test_killed_members_leave_neither_holes_nor_ghosts(stream: IndexStream) -> None:
    draw = random.Random(SEED)  # noqa: S311  no secret
    standing: Versions = {f"d{number}": text_of(number, 0) for number in range(DOCUMENTS)}
    stream.write(standing)
    members: list[Program] = [stream.start_index(), stream.start_index()]
    for version in range(1, KILLS + 1):
        for member in members:
            member.await_event("partitions_assigned")
        written = changes(draw, version)
        stream.write(written)
        standing |= written
        time.sleep(draw.uniform(0, 1.5))  # anywhere in the life of a batch
        place = draw.randrange(len(members))
        members[place].kill()
        members[place] = stream.start_index()
    stream.await_indexed()
    for member in members:
        member.await_event("started")
        assert member.stop() == TERMINATED
    count = sum(text is not None for text in standing.values())
    assert_is_what_the_topic_says(stream, count)
    rebuilt = stream.command("index", "rebuild", "--grace", "0")
    assert rebuilt.returncode == 0, rebuilt.stderr
    assert b" 0 embedded" in rebuilt.stdout
    assert_is_what_the_topic_says(stream, count)


def test_a_rebuild_while_documents_flow_and_a_member_runs_leaves_the_same(stream: IndexStream) -> None:
    draw = random.Random(SEED)  # noqa: S311  no secret
    standing: Versions = {f"d{number}": text_of(number, 0) for number in range(DOCUMENTS)}
    stream.write(standing)
    member = stream.start_index()
    stream.await_indexed()
    before = stream.status()["generation"]
    rebuilt = threading.Event()

    def flow() -> None:
        version = 0
        while not rebuilt.is_set():
            version += 1
            written = changes(draw, version, 10)
            stream.write(written)
            standing.update(written)
            time.sleep(0.3)

    writer = threading.Thread(target=flow)
    writer.start()
    done = stream.command("index", "rebuild", "--grace", "5", "--from-scratch")
    rebuilt.set()
    writer.join()
    assert done.returncode == 0, done.stderr
    stream.write({"last": "Written after the switch."})
    member.await_event("index_opened", 2)
    stream.await_indexed()
    status = stream.status()
    assert status["generation"] != before
    assert status["others"] == []
    until(lambda: stream.status()["lag"] == 0, "the index to come to the end", every=0.5)
    assert_is_what_the_topic_says(stream, 1 + sum(text is not None for text in standing.values()))
    assert member.stop() == TERMINATED


def test_a_killed_rebuild_is_cleared_away_by_the_next_one(stream: IndexStream) -> None:
    stream.write({f"d{number}": text_of(number, 0) for number in range(DOCUMENTS)})
    assert stream.start("index", "run", "--once").wait() == 0
    before = stream.status()["generation"]
    indexes = open_passage_indexes(stream.index)
    killed = stream.start("index", "rebuild", "--from-scratch", INDEX__BATCH_DOCUMENTS="1")
    until(lambda: len(indexes.names()) == 2, "the new generation to be begun")
    killed.kill()
    status = stream.status(check=True)
    assert (status["generation"], status["check"]["is_equal"]) == (before, True)
    assert stream.command("index", "rebuild", "--grace", "0").returncode == 0
    status = stream.status(check=True)
    assert (status["generation"] != before, status["others"], status["check"]["is_equal"]) == (True, [], True)


def test_a_difference_is_named_and_mended_by_a_rebuild(stream: IndexStream) -> None:
    stream.write({"d1": text_of(1, 0), "d2": text_of(2, 0), "d3": None})
    assert stream.start("index", "run", "--once").wait() == 0
    indexes = open_passage_indexes(stream.index)
    index = indexes.open(indexes.current() or "")
    index.apply([DocumentPassages("d1", ())], {})
    index.close()
    indexes.close()
    shown = stream.command("index", "status", "--check")
    assert shown.returncode == 1
    assert "missing: 1 documents: d1\n`spanstream index rebuild` mends it" in shown.stdout.decode()
    assert stream.command("index", "rebuild", "--grace", "0").returncode == 0
    shown = stream.command("index", "status", "--check")
    assert (shown.returncode, "it is what the topic says: 2 documents" in shown.stdout.decode()) == (0, True)


def test_without_an_index_the_line_says_what_makes_one(stream: IndexStream) -> None:
    shown = stream.command("index", "status")
    assert (shown.returncode, shown.stdout) == (1, b"")
    assert b"spanstream: there is no passage index yet; `spanstream index run` makes it\n" in shown.stderr
