"""The loop and the documents: questions wait for those that were published before them."""

from __future__ import annotations

from typing import Any

import pytest

from spanstream.consumer.broker.partitioner import partition_of
from spanstream.consumer.broker.protocols import Partition, Record
from spanstream.consumer.errors import Retryable
from spanstream.consumer.settings import DocumentSettings
from spanstream.models.text.tokenization import sha256_of
from spanstream.schemas.dead_letters import Reason
from tests.support.memory.memory_stream import TOPICS, MemoryStream, name_of, quick_retries
from tests.support.memory.turns import ONE, TEXT, ZERO, ask, once, turns_in, two_documents


@pytest.fixture
def stream() -> MemoryStream:
    return two_documents()


def test_no_question_is_fetched_before_it_is_known_how_far_its_documents_are_to_be_read(stream: MemoryStream) -> None:
    member = stream.start()
    ask(stream, "a")
    for _ in range(10):
        stream.broker.fail_next("committed", Retryable("no answer"))
    member.turn(5)
    assert member.metric("backlog_records") == 0
    assert member.health.waiting_for == "documents"
    assert stream.broker.records(TOPICS.retries) == []
    stream.settle("a")
    assert len(stream.answers()) == 1
    assert stream.broker.records(TOPICS.retries) == []


def test_questions_wait_for_documents_that_are_behind_and_are_retried_in_the_end(stream: MemoryStream) -> None:
    member = stream.start(documents=DocumentSettings(catch_up_seconds=3.0), retries=quick_retries(max_attempts=50))
    stream.until(lambda: not member.health.waiting_for)
    stuck = stream.broker.log(Partition(TOPICS.documents, 0))
    stuck.end += 5  # offsets that hold no record, and which the reader is kept from passing
    reader: Any = member.service._parts.documents._reader

    def read_nothing(_: int, seconds: float) -> list[Record]:
        stream.clock.sleep(seconds)
        return []

    reader.poll = read_nothing
    ask(stream, "a")
    ask(stream, "b", about=ONE)
    started = stream.clock.now
    stream.until(lambda: "b" in stream.outcomes())
    assert 3.0 <= stream.clock.now - started < 4.0
    assert "a" not in stream.outcomes()
    assert {name_of(record) for record in stream.broker.records(TOPICS.retries)} == {"a"}
    del reader.poll
    stream.settle("a")
    assert {answer.question_id for answer in stream.answers()} == {"a", "b"}


def test_questions_of_a_partition_without_documents_stay_where_they_are_and_the_others_are_answered() -> None:
    stream = MemoryStream()
    stream.broker.create_topic(TOPICS.documents, 1)
    stream.document(ZERO, TEXT, partition=0)
    ask(stream, "a")
    ask(stream, "b", about=ONE)
    member = stream.start()
    stream.settle("a")
    member.turn(20)
    assert once(stream, "a")
    assert stream.committed(TOPICS.questions).get(1, 0) == 0
    assert "(qa.questions 2, qa.retries 2, qa.documents 1)" in member.health.waiting_for


def test_bad_documents_are_dead_lettered_once_without_any_question(stream: MemoryStream) -> None:
    member = stream.start()
    stream.garbage("bad", ZERO, TOPICS.documents)
    stream.settle(["bad"])
    stream.close(member)
    again = stream.start()
    stream.until(lambda: not again.health.waiting_for)
    turns_in(stream, again, 5.0)
    assert once(stream, "bad")
    assert stream.dead_letters()["bad"].topic == TOPICS.documents
    assert again.metric("dead_letters_total", reason="undecodable") == 0


def test_more_bad_documents_than_are_held_at_a_time_all_come_out(stream: MemoryStream) -> None:
    names = [f"bad{number}" for number in range(250)]
    for name in names:
        stream.garbage(name, name, TOPICS.documents)
    stream.start()
    ask(stream, "a")
    started = stream.clock.now
    stream.settle([*names, "a"])
    assert set(stream.outcomes().values()) == {1}
    assert stream.clock.now - started < 5.0


@pytest.mark.parametrize("room", [1, 1 << 20])
def test_after_the_documents_topic_was_replaced_nothing_is_answered_out_of_the_old_one(room: int) -> None:
    """Deleted, created and filled in another order while a consumer lives, whether the texts are in memory or not."""
    stream = two_documents()
    member = stream.start(documents=DocumentSettings(memory_bytes=room), retries=quick_retries())
    ask(stream, "before")
    stream.settle(["before"])
    stream.broker.create_topic(TOPICS.documents, stream.partitions)
    strangers = ["x0", "x1", "x2", "x3"]
    assert {partition_of(name.encode(), 2) for name in strangers} == {0, 1}
    for name in (*strangers, ZERO):
        stream.document(name, f"The ferry leaves at 10:00 from {name}.")
    ask(stream, "after", about=ZERO)
    ask(stream, "deleted", about=ONE)
    stream.settle(["after", "deleted"])
    answers = {answer.question_id: answer for answer in stream.answers()}
    assert answers["before"].document_sha256 == sha256_of(TEXT)
    assert answers["after"].document_sha256 == sha256_of(f"The ferry leaves at 10:00 from {ZERO}.")
    assert stream.dead_letters()["deleted"].reason is Reason.DOCUMENT_MISSING
    assert once(stream, "before after deleted")
    assert not member.health.waiting_for


def test_a_deleted_document_leaves_the_memory_of_a_running_consumer_its_tokenization_too() -> None:
    stream = MemoryStream()
    stream.document("d", "from Rome to Paris .")
    stream.question("q", "d")
    member = stream.start()
    stream.until(lambda: len(stream.answers()) == 1)
    assert member.application.cache.memory_bytes > 0
    stream.document("d", None)
    stream.until(lambda: member.application.cache.memory_bytes == 0)
