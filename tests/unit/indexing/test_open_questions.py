"""A declined question is answered by a document that comes later: once, and only where it was asked for."""

from __future__ import annotations

import random

import pytest

from spanstream.consumer.broker.protocols import Outgoing
from spanstream.consumer.errors import Fenced, Retryable, Stop
from spanstream.consumer.settings import IndexSettings
from spanstream.schemas.cloudevents import answer_id
from spanstream.schemas.open_questions import AskedAgain
from tests.support.memory.late_stream import LateStream
from tests.support.memory.memory_stream import TOPICS, quick_retries
from tests.support.memory.turns import ONE, ZERO

FERRY = "when does the ferry sail ?"
SAILS = "The ferry does sail when the tide is high."
BUS = "The bus to the airport departs every hour from the main gate."


@pytest.fixture
def stream() -> LateStream:
    stream = LateStream()
    stream.index_now()
    stream.start_late()
    stream.start(retries=quick_retries(max_attempts=50))
    return stream


def asked_again(stream: LateStream) -> int:
    return sum(AskedAgain.from_headers(one.headers) is not None for one in stream.broker.records(TOPICS.questions))


def late_turns(stream: LateStream) -> None:
    """Lets only what asks again take turns."""
    assert stream.late is not None
    for _ in range(30):
        stream.late.turn()


def declined(stream: LateStream, name: str = "a", question: str = FERRY, **fields: object) -> None:
    stream.ask(name, question, **({"answer_again": True, "min_confidence": 0.0} | fields))  # type: ignore[arg-type]
    stream.until(lambda: stream.statuses(name) == ["no_answer"] and name in stream.open_questions())
    stream.rest()


def test_a_question_that_was_declined_is_answered_when_a_document_comes(stream: LateStream) -> None:
    declined(stream)
    stream.put(ZERO, SAILS)
    stream.rest()
    assert asked_again(stream) == 0  # the document is not in the index yet
    stream.index_now()
    stream.until(lambda: stream.statuses("a") == ["no_answer", "answered"])
    stream.rest()
    first, later = (record.header("ce_id") for record in stream.broker.records(TOPICS.answers))
    assert (first, later) == (answer_id("a").encode(), answer_id("a", is_late=True).encode())
    assert [record.key for record in stream.broker.records(TOPICS.answers)] == [b"a", b"a"]
    assert (stream.open_questions(), asked_again(stream), stream.late_metric("asked_again_total")) == ({}, 1, 1)
    assert stream.late_metric("open_questions") == 0
    stream.put(ONE, SAILS)
    stream.index_now()
    stream.rest()
    assert stream.statuses("a") == ["no_answer", "answered"]


def test_what_does_not_ask_for_it_is_not_kept_open_and_leads_to_one_record(stream: LateStream) -> None:
    stream.ask("a", FERRY)
    stream.settle("a")
    stream.put(ZERO, SAILS)
    stream.index_now()
    stream.rest()
    assert (stream.statuses("a"), stream.broker.records(TOPICS.open_questions)) == (["no_answer"], [])


def test_a_question_that_is_declined_again_stays_open_without_a_second_no_answer(stream: LateStream) -> None:
    declined(stream, min_confidence=1.0)
    since = dict(stream.open_questions()["a"].headers)["open.since"]
    for number, document_id in enumerate((ZERO, ONE), start=1):
        stream.put(document_id, SAILS)
        stream.index_now()
        stream.until(lambda asked=number: asked_again(stream) == asked)  # type: ignore[misc]
        stream.rest()
        assert asked_again(stream) == number
    assert stream.statuses("a") == ["no_answer"]
    assert dict(stream.open_questions()["a"].headers)["open.since"] == since
    (member,) = stream.members
    assert member.metric("records_total", outcome="still_open") == 2


def test_a_document_that_is_far_away_or_elsewhere_asks_nothing_again(stream: LateStream) -> None:
    declined(stream, filter={"language": "en"})
    stream.put("far", "Paint dries overnight.", language="en")
    stream.put(ZERO, SAILS, "other", language="en")
    stream.put(ONE, SAILS, language="de")
    stream.index_now()
    stream.rest()
    assert asked_again(stream) == 0
    stream.put(ONE, SAILS, language="en")
    stream.index_now()
    stream.until(lambda: stream.statuses("a") == ["no_answer", "answered"])


def test_what_changes_no_passage_of_the_search_asks_nothing_again(stream: LateStream) -> None:
    stream.put(ZERO, SAILS)
    stream.index_now()
    declined(stream, min_confidence=1.0)
    stream.put(ZERO, SAILS, author="somebody")
    stream.index_now()
    stream.rest()
    assert asked_again(stream) == 0


def test_a_document_that_came_between_the_search_and_its_record_is_not_missed(stream: LateStream) -> None:
    (member,) = stream.members
    member.pool.at_once = False
    stream.put(ONE, BUS)
    stream.index_now()
    stream.ask("a", FERRY, answer_again=True, min_confidence=1.0)
    member.turn(10)  # searched for, and not read yet
    stream.put(ZERO, SAILS)
    stream.index_now()
    late_turns(stream)
    assert stream.position(TOPICS.documents, 0) == stream.ends(TOPICS.documents)[0]
    member.pool.at_once = True
    stream.until(lambda: asked_again(stream) == 1)


def test_a_record_under_a_key_that_is_no_id_is_no_open_question_and_the_others_are_asked(stream: LateStream) -> None:
    declined(stream)
    record = stream.open_questions()["a"]
    stream.send(Outgoing(TOPICS.open_questions, b"\xff", record.value, record.headers))
    stream.put(ZERO, SAILS)
    stream.index_now()
    stream.until(lambda: stream.statuses("a") == ["no_answer", "answered"])


def test_a_question_is_closed_when_its_time_is_over(stream: LateStream) -> None:
    stream.limits = {"open_seconds": 100.0}
    stream.start_late()
    declined(stream)
    stream.clock.sleep(101.0)
    stream.until(lambda: stream.open_questions() == {})
    assert stream.late_metric("open_closed_total", reason="expired") == 1
    stream.put(ZERO, SAILS)
    stream.index_now()
    stream.rest()
    assert stream.statuses("a") == ["no_answer"]


def test_of_too_many_questions_the_oldest_are_closed(stream: LateStream) -> None:
    stream.limits = {"open_questions": 2}
    stream.start_late()
    for name in ("a", "b", "c"):
        declined(stream, name)
        stream.clock.sleep(1.0)
    stream.until(lambda: stream.open_questions().keys() == {"b", "c"})
    assert stream.late_metric("open_closed_total", reason="surplus") == 1


def test_a_question_that_fails_when_it_is_asked_again_is_a_dead_letter_and_closed(stream: LateStream) -> None:
    (member,) = stream.members
    declined(stream)
    stream.close(member)
    stream.put(ZERO, SAILS)
    stream.index_now()
    late_turns(stream)
    stream.put(ZERO, SAILS + " Ask the harbour.")  # the index is behind from here on
    stream.start(retries=quick_retries(max_attempts=1))
    stream.until(lambda: bool(stream.dead_letters()))
    stream.until(lambda: stream.open_questions() == {})
    assert stream.statuses("a") == ["no_answer"]


def test_while_it_is_asked_nothing_else_asks_it_again(stream: LateStream) -> None:
    declined(stream)
    (member,) = stream.members
    stream.close(member)
    for document_id in (ZERO, ONE):
        stream.put(document_id, SAILS)
        stream.index_now()
        late_turns(stream)
        stream.start_late()
    assert asked_again(stream) == 1
    stream.start()
    stream.until(lambda: stream.statuses("a") == ["no_answer", "answered"])
    stream.rest()
    assert (asked_again(stream), stream.open_questions()) == (1, {})


@pytest.mark.parametrize("seed", range(20))
def test_whatever_fails_each_question_is_answered_once(stream: LateStream, seed: int) -> None:
    draw = random.Random(seed)  # noqa: S311  no secret
    names = [f"q{number}" for number in range(6)]
    for name in names:
        stream.ask(name, f"{FERRY} {name}", answer_again=True, min_confidence=0.0)
    stream.until(lambda: all(stream.statuses(name) == ["no_answer"] for name in names))
    stream.put(ZERO, SAILS)
    stream.index_now()
    for _ in range(30):
        match draw.randrange(5):
            case 0:
                stream.broker.fail_next("publish", draw.choice([Retryable("away"), Fenced("another")]))
            case 1:
                stream.broker.lose_next_reply()
            case 2:
                stream.start_late()
            case 3:
                stream.die(stream.members[0])
                stream.start()
            case _:
                pass
        stream.rest(draw.randrange(4))
    stream.broker.faults.errors.clear()
    stream.broker.faults.lost_replies = 0
    stream.until(lambda: stream.open_questions() == {})
    stream.rest()
    assert {name: stream.statuses(name) for name in names} == {name: ["no_answer", "answered"] for name in names}


def test_consumers_that_search_for_less_than_the_indexer_are_not_asked_without_end(stream: LateStream) -> None:
    (member,) = stream.members
    stream.close(member)
    stream.start(index=IndexSettings(uri="memory", passages=1))
    stream.put(ONE, BUS)
    stream.put(ZERO, SAILS)
    stream.index_now()
    stream.ask("a", FERRY, answer_again=True, min_confidence=1.0)
    stream.until(lambda: "a" in stream.open_questions())
    stream.rest(200)
    assert asked_again(stream) == 1


def test_an_open_question_that_the_encoder_fails_on_is_left_alone_and_closed_in_its_time(stream: LateStream) -> None:
    stream.limits["open_seconds"] = 600.0
    declined(stream, "bad", "does the poison ferry sail ?")
    declined(stream, "good")
    stream.encoder.poison = "poison"
    assert stream.late is not None
    stream.late.close()
    stream.start_late()
    stream.put(ZERO, SAILS)
    stream.index_now()
    stream.until(lambda: stream.statuses("good") == ["no_answer", "answered"])
    stream.rest()
    assert (stream.statuses("bad"), set(stream.open_questions())) == (["no_answer"], {"bad"})
    stream.clock.now += 700
    stream.until(lambda: not stream.open_questions())


def test_an_encoder_that_fails_on_all_open_questions_is_told(stream: LateStream) -> None:
    for number in range(20):
        declined(stream, f"q{number}", f"does ferry {number} sail ?")
    stream.encoder.poison = ""
    assert stream.late is not None
    stream.late.close()
    stream.start_late()
    with pytest.raises(Stop, match="20 open questions in a row"):
        late_turns(stream)
