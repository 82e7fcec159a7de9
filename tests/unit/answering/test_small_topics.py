"""Topics that take smaller records than were read: what is refused for its size stops nothing and is not lost."""

from __future__ import annotations

import pytest

from spanstream.consumer.broker.protocols import Outgoing
from spanstream.consumer.errors import Stop
from spanstream.schemas.dead_letters import DLQ_OMITTED, Reason, from_headers
from tests.support.memory.memory_stream import NAME, TOPICS, MemoryStream, quick_retries
from tests.support.memory.turns import TEXT, ZERO, ask, once, two_documents


@pytest.fixture
def stream() -> MemoryStream:
    return two_documents()


@pytest.mark.parametrize("transactions", [True, False])
def test_an_answer_that_its_topic_does_not_take_is_a_dead_letter_and_the_others_are_answered(
    *, transactions: bool
) -> None:
    stream = MemoryStream(transactions=transactions)
    stream.document(ZERO, TEXT)
    stream.broker.create_topic(TOPICS.answers, 2, max_record_bytes=4_000)
    stream.start()
    ask(stream, "a")
    stream.question("large", ZERO, metadata={"note": "x" * 5_000})
    ask(stream, "b")
    stream.settle(["a", "large", "b"])
    assert once(stream, "a large b")
    letter = stream.dead_letters()["large"]
    assert letter.reason is Reason.TOO_LARGE
    assert letter.detail.startswith(f"{TOPICS.answers} takes no record of ")


def test_a_dead_letter_that_its_topic_does_not_take_goes_without_its_content_and_says_where_that_is(
    stream: MemoryStream,
) -> None:
    stream.broker.create_topic(TOPICS.dead_letters, 2, max_record_bytes=4_000)
    stream.start()
    stream.send(Outgoing(TOPICS.questions, ZERO.encode(), b"\xff" * 9_000, ((NAME, b"x" * 9_000),)))
    stream.send(Outgoing(TOPICS.documents, b"k" * 9_000, b"\xff"))
    ask(stream, "a")
    stream.until(lambda: len(stream.broker.records(TOPICS.dead_letters)) == 2 and bool(stream.answers()))
    for record in stream.broker.records(TOPICS.dead_letters):
        letter = from_headers(record.headers)
        assert letter.topic in {TOPICS.questions, TOPICS.documents}
        assert (record.key, record.value) == (ZERO.encode() if letter.topic == TOPICS.questions else None, None)
        assert int(record.header(DLQ_OMITTED) or b"") > 9_000
        assert letter.reason in {Reason.UNDECODABLE, Reason.TOO_LARGE}


def test_a_question_that_the_retries_do_not_take_is_a_dead_letter_at_once(stream: MemoryStream) -> None:
    stream.broker.create_topic(TOPICS.retries, 2, max_record_bytes=4_000)
    stream.start(retries=quick_retries())
    stream.question("large", "missing", metadata={"note": "x" * 5_000})
    stream.settle(["large"])
    assert stream.dead_letters()["large"].detail.startswith(f"{TOPICS.retries} takes no record of ")


def test_a_dead_letter_topic_that_takes_nothing_at_all_stops_the_consumer(stream: MemoryStream) -> None:
    stream.broker.create_topic(TOPICS.dead_letters, 2, max_record_bytes=10)
    member = stream.start()
    stream.garbage("bad")
    with pytest.raises(Stop, match=r"raise its max\.message\.bytes"):
        member.turn(100)
