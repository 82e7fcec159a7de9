"""The desk's follower when topics are deleted, created anew, enlarged or compacted, or may not be seen."""

from __future__ import annotations

from typing import Any, cast

import pytest

from spanstream.consumer.broker.protocols import Partition, PartitionReader
from spanstream.consumer.desk.view import topic_follower
from spanstream.consumer.errors import MissingRight
from tests.support.desk.desk_scene import TOPICS, DeskScene, browser_of
from tests.support.kafka.program import until

TEXT = "Since Tuesday the nightly export stops with error FXP-4107."


@pytest.fixture(autouse=True)
def quick_look(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(topic_follower, "_LOOK_EVERY", 0.05)


def test_a_topic_that_is_created_anew_is_read_anew_and_the_pages_say_so() -> None:
    scene = DeskScene()
    document = scene.document(TEXT)
    scene.answer(document, "Which error?", "FXP-4107")
    with scene.open() as parts:
        browser = browser_of(parts)
        assert "Which error?" in browser.get("/").text
        del scene.broker.topics[TOPICS.answers]
        until(lambda: TOPICS.answers in parts.follower.missing, "the topic to be missed")
        assert "Which error?" not in browser.get("/").text
        scene.broker.create_topic(TOPICS.answers, 3)
        scene.answer(document, "Since when?", "Tuesday")
        until(lambda: "Since when?" in browser.get("/").text, "the new topic to be read")
        page = browser.get("/").text
        assert "created anew, while the desk ran: <bdi>qa.answers</bdi>" in page
        assert "Which error?" not in page
        assert "Tuesday" in browser.get("/document?id=ticket-1").text  # the other topics were read again
        assert parts.follower.problem is None


def test_a_partition_that_is_added_is_followed_too() -> None:
    scene = DeskScene()
    with scene.open() as parts:
        scene.broker.add_partitions(TOPICS.answers, 12)
        for number in range(30):
            scene.answer(scene.document(TEXT, f"ticket-{number}"), f"Question {number}?", "Tuesday")
        until(lambda: len(parts.view.answers) == 30, "the answers of all partitions")


def test_what_was_compacted_or_dropped_by_age_is_told_to_be_gone_and_the_rest_is_shown() -> None:
    scene = DeskScene()
    document = scene.document(TEXT)
    scene.answer(document, "Which error?", "FXP-4107")
    with scene.open() as parts:
        browser = browser_of(parts)
        [row] = parts.view.answers.all()
        scene.send(TOPICS.documents, "ticket-1", None)
        scene.broker.compact(TOPICS.documents)
        page = browser.get(f"/answer?place={row.place}").text
        assert "The text is not here" in page
        assert "FXP-4107" in page
        scene.broker.cut_before(row.place.partition, row.place.offset + 1)
        reply = browser.get(f"/answer?place={row.place}")
        assert reply.status_code == 404
        assert "it was deleted" in reply.text
        scene.answer(scene.document(TEXT, "ticket-2"), "Since when?", "Tuesday")
        until(lambda: "Since when?" in browser.get("/").text, "the next answer")


def test_a_topic_that_may_not_be_seen_is_told_and_the_others_are_shown() -> None:
    scene = DeskScene()
    scene.answer(scene.document(TEXT), "Which error?", "FXP-4107")

    def open_reader() -> PartitionReader:
        return cast("PartitionReader", NearSighted(scene.broker.reader()))

    with scene.open(open_reader=open_reader) as parts:
        page = browser_of(parts).get("/").text
    assert "This desk may not see everything" in page
    assert "grant this user Describe on the topic support.tickets" in page
    assert "Which error?" in page


class NearSighted:
    """A reader whose user may not see the tickets."""

    def __init__(self, reader: PartitionReader) -> None:
        self._reader = reader

    def partitions(self, topic: str) -> list[Partition]:
        if topic == TOPICS.tickets:
            raise MissingRight("refused", hint=f"grant this user Describe on the topic {topic}")
        return self._reader.partitions(topic)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._reader, name)
