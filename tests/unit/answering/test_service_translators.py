"""A translator that is away: records wait where they are, nothing becomes a dead letter, no try is counted."""

from __future__ import annotations

import pytest

from spanstream.consumer.formats.event_formats import EventFormats
from spanstream.consumer.settings import DocumentSettings
from spanstream.models.text.tokenization import sha256_of
from spanstream.schemas.dead_letters import Reason
from spanstream.schemas.limits import Limits
from tests.support.memory.memory_stream import TOPICS, MemoryStream, quick_retries
from tests.support.memory.translators import Away, Prefixed
from tests.support.memory.turns import ONE, TEXT, ZERO, ask, once, two_documents


@pytest.fixture
def stream() -> MemoryStream:
    return two_documents()


def test_questions_wait_for_their_translator_and_are_answered_when_it_is_back(stream: MemoryStream) -> None:
    away = Away(names={b'"b"'})
    member = stream.start(formats=EventFormats(Limits(), questions=[away]))
    ask(stream, "a")
    ask(stream, "b")
    ask(stream, "c", about=ONE)
    stream.settle("a")
    began = stream.clock.now
    stream.until(lambda: stream.clock.now - began > 100.0)
    assert "b" not in stream.outcomes()
    assert member.health.waiting_for == "the registry at r:1 does not answer"
    assert member.health.stuck_for is None
    away.names.clear()
    stream.settle("abc")
    member.turn()
    assert once(stream, "a b c")
    assert member.health.waiting_for == ""
    assert (stream.dead_letters(), stream.broker.records(TOPICS.retries)) == ({}, [])


def test_a_member_that_stops_meanwhile_leaves_the_records_to_the_next_owner(stream: MemoryStream) -> None:
    member = stream.start(formats=EventFormats(Limits(), questions=[Away(calls=10**9)]))
    ask(stream, "a", "b")
    member.turn(50)
    stream.close(member)
    assert not stream.outcomes()
    stream.start()
    stream.settle("ab")
    assert once(stream, "a b")


@pytest.mark.parametrize("catch_up_seconds", [0.5, 30.0])
def test_a_document_that_cannot_be_read_yet_is_waited_for_however_long(
    stream: MemoryStream, catch_up_seconds: float
) -> None:
    away = Away()
    member = stream.start(
        formats=EventFormats(Limits(), documents=[away]),
        documents=DocumentSettings(catch_up_seconds=catch_up_seconds),
        retries=quick_retries(),
    )
    stream.until(lambda: not member.health.waiting_for)
    away.names = {b"later"}
    stream.document(ZERO, "A later text.", partition=0)
    stream.document("other", TEXT, partition=0)
    ask(stream, "a")
    began = stream.clock.now
    stream.until(lambda: stream.clock.now - began > 100.0)
    assert member.health.waiting_for == "the registry at r:1 does not answer"
    assert stream.committed(TOPICS.documents)[0] <= stream.ends(TOPICS.documents)[0] - 4
    assert (stream.outcomes(), stream.broker.records(TOPICS.retries)) == ({}, [])
    away.names.clear()
    stream.settle("a")
    assert [answer.document_sha256 for answer in stream.answers()] == [sha256_of("A later text.")]


def test_a_document_that_has_to_be_read_again_is_waited_for(stream: MemoryStream) -> None:
    stream.close(member := stream.start())
    away = Away(calls=100)
    member = stream.start(formats=EventFormats(Limits(), documents=[away]), retries=quick_retries(max_attempts=2))
    ask(stream, "a")
    stream.settle("a")
    member.turn()
    assert (away.calls, len(stream.answers()), stream.broker.records(TOPICS.retries)) == (0, 1, [])


def test_a_dead_letter_holds_what_came_not_what_a_translator_made_of_it(stream: MemoryStream) -> None:
    stream.start(formats=EventFormats(Limits(), questions=[Prefixed(b"x:")]))
    stream.garbage("bad")
    stream.settle(["bad"])
    (letter,) = stream.broker.records(TOPICS.dead_letters)
    assert letter.value == b"\xff not an event"
    assert (stream.dead_letters()["bad"].reason, stream.dead_letters()["bad"].detail) == (Reason.UNDECODABLE, "no x:")
