"""Nothing deleted or replaced is ever quoted, whoever is killed while documents change and collections are asked.

`SPANSTREAM_TEST_COLLECTION_DOCUMENTS` asks for more documents than the few that every run can afford.
"""

from __future__ import annotations

import os
import random
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from spanstream.consumer.cli.exit_codes import TERMINATED
from tests.support.kafka.index_stream import IndexStream
from tests.support.kafka.kafka_broker import KafkaBroker
from tests.support.kafka.program import Program
from tests.support.kafka.quick_settings import quick_settings
from tests.support.kafka.stream import StreamOutcomes
from tests.support.passages.changing_collection import ChangingCollection
from tests.support.passages.quoted_versions import QuotedVersions

SEED = 20261126
DOCUMENTS = int(os.environ.get("SPANSTREAM_TEST_COLLECTION_DOCUMENTS", "300"))
SECONDS = 300 + DOCUMENTS / 5
ROUNDS = 12 + DOCUMENTS // 100
KILLS = ROUNDS // 2
# In a round.
CHANGES, QUESTIONS = 6 + DOCUMENTS // 100, 20
# Questions and bad records that are waited for when the next round begins, at most.
OPEN = 40


@pytest.fixture
def stream(kafka: KafkaBroker, tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[IndexStream]:
    protocol, engine = request.param
    settings = quick_settings(protocol) | {"RETRIES__MAX_ATTEMPTS": "1000"}
    if engine == "opensearch":
        settings["INDEX__URI"] = request.getfixturevalue("opensearch").url
    stream = IndexStream(kafka.bootstrap, tmp_path, 4, settings)
    stream.create_topics()
    yield stream
    stream.close()


def run_through_chaos(stream: IndexStream, collection: ChangingCollection, watched: StreamOutcomes) -> list[Program]:
    """Two indexers, two consumers and a rebuild; any of them is killed and replaced when the seed says so."""
    draw = collection.draw
    starts: list[Callable[[], Program]] = [stream.start_index, stream.start_index, stream.start, stream.start]
    members = [start() for start in starts]
    collection.publish_all()
    stream.await_indexed(SECONDS)
    kills = set(draw.sample(range(ROUNDS), KILLS))
    starts.append(lambda: stream.start("index", "rebuild", "--grace", "2"))
    members.append(starts[-1]())
    for number in range(ROUNDS):
        collection.change(CHANGES)
        collection.ask(QUESTIONS)
        watched.await_count(max(0, collection.outcomes - OPEN), SECONDS)
        if number in kills:
            time.sleep(draw.uniform(0, 1))  # anywhere in the life of a batch or a chunk
            place = draw.randrange(len(members))
            members[place].kill()
            members[place] = starts[place]()
    assert members.pop().wait(SECONDS) == 0
    return members


@pytest.mark.timeout(600 + 3 * SECONDS)
@pytest.mark.parametrize(
    "stream", [("classic", "sqlite"), ("consumer", "sqlite"), ("consumer", "opensearch")], indirect=True, ids="-".join
)
def test_killed_indexers_and_consumers_never_quote_what_was_deleted_or_replaced(stream: IndexStream) -> None:
    collection = ChangingCollection(stream, DOCUMENTS, random.Random(SEED))  # noqa: S311  no secret
    began = time.monotonic()
    with stream.watch() as watched:
        members = run_through_chaos(stream, collection, watched)
        watched.await_count(collection.outcomes, SECONDS)
        stream.await_no_lag()
        stream.await_indexed(SECONDS)
        for member in members:
            member.await_event("started")  # one that was started last may not listen to signals yet
            assert member.stop() == TERMINATED
        watched.poll()
    assert Counter(watched.names) == Counter([*collection.asked, *collection.bad])
    assert {answer.question_id for answer in watched.answers} == collection.asked.keys()

    records = stream.read(stream.topics.documents)
    assert len(records) == collection.versions  # every version is there to judge by
    versions = QuotedVersions(records)
    wrong = [why for answer in watched.answers for why in versions.wrong(answer, collection.asked[answer.question_id])]
    assert wrong == []
    assert sum(answer.candidate is not None for answer in watched.answers) > len(collection.asked) * 9 / 10

    status = stream.status(check=True)
    assert (status["check"]["is_equal"], status["check"]["behind"], status["lag"]) == (True, 0, 0), status
    contents = stream.contents()
    rebuilt = stream.command("index", "rebuild", "--grace", "0", "--from-scratch", seconds=SECONDS)
    assert rebuilt.returncode == 0, rebuilt.stderr
    assert stream.contents() == contents
    retries = len(stream.read(stream.topics.retries))
    print(  # noqa: T201  figures, for people
        f"{DOCUMENTS} documents, {collection.versions - DOCUMENTS} changes, {len(collection.asked)} questions, "
        f"{KILLS} kills, {retries} retries, {len(contents)} passages, {time.monotonic() - began:.0f} s"
    )
