"""What the triage stream does with bad tickets, too many open tickets, and brokers and members that fail."""

from __future__ import annotations

import pytest

from spanstream.consumer.broker.protocols import Outgoing
from spanstream.consumer.errors import CircuitOpen, Fenced, Retryable, Stop
from spanstream.consumer.settings import CircuitSettings, TopicSettings
from spanstream.schemas.dead_letters import Reason, from_headers
from tests.support.memory.memory_triage import (
    DEADLINE,
    GROUP,
    QUESTIONS,
    TEXT,
    TOPICS,
    MemoryTriage,
)


@pytest.fixture
def stream() -> MemoryTriage:
    return MemoryTriage()


BAD = {
    "not JSON": (b"{", b"t", Reason.UNDECODABLE),
    "nothing": (b"", b"t", Reason.UNDECODABLE),
    "neither key nor value": (None, None, Reason.UNDECODABLE),
    "no body": (b'{"ticket_id": "t", "subject": "s"}', b"t", Reason.INVALID_EVENT),
    "a time without a zone": (
        b'{"ticket_id": "t", "subject": "s", "body": "b", "created_at": "2026-01-01T00:00:00"}',
        b"t",
        Reason.INVALID_EVENT,
    ),
    "another key": (b'{"ticket_id": "t", "subject": "s", "body": "b"}', b"u", Reason.INVALID_EVENT),
    "a body that is too long": (
        b'{"ticket_id": "t", "subject": "s", "body": "%s"}' % (b"a" * 1_000_001),
        b"t",
        Reason.TOO_LARGE,
    ),
    "a text that is too long with its subject": (
        b'{"ticket_id": "t", "subject": "s", "body": "%s"}' % (b"a" * 1_000_000),
        b"t",
        Reason.TOO_LARGE,
    ),
}


@pytest.mark.parametrize("name", BAD)
def test_a_bad_ticket_is_dead_lettered_with_its_reason_and_its_neighbours_are_asked_about(
    stream: MemoryTriage, name: str
) -> None:
    value, key, reason = BAD[name]
    stream.send(Outgoing(TOPICS.tickets, key, value))
    stream.ask_about("t-2")
    (letter,) = stream.broker.records(TOPICS.dead_letters)
    assert (letter.key, letter.value) == (key, value)
    headers = from_headers(letter.headers)
    assert (headers.reason, headers.topic) == (reason, TOPICS.tickets)


def test_other_programs_answers_and_dead_letters_are_passed_over(stream: MemoryTriage) -> None:
    member = stream.ask_about()
    stream.send(
        Outgoing(TOPICS.answers, b"k", b"no answer, but triage.ticket_id"),
        Outgoing(TOPICS.answers, b"k", b'{"question_id": "q"}'),
        Outgoing(TOPICS.dead_letters, b"k", b"triage.ticket_id", (("dlq.reason", b"who knows"),)),
        Outgoing(TOPICS.dead_letters, b"k", None),
    )
    member.turn(30)
    stream.answer_all()
    stream.until(lambda: bool(stream.triages()))
    ends = {
        log.partition: log.end for topic in TOPICS.consumed_by_triage[:3] for log in stream.broker.topic(topic).logs
    }
    stream.until(lambda: all(stream.broker.committed(GROUP).get(place, 0) == end for place, end in ends.items() if end))


def test_no_more_tickets_are_open_than_the_setting_says(stream: MemoryTriage) -> None:
    member = stream.start(max_open_tickets=2)
    for number in range(5):
        stream.ticket(f"t-{number}", TEXT)
    member.turn(30)
    assert len(stream.questions()) == 2 * QUESTIONS
    stream.answer_all()
    stream.until(lambda: len(stream.questions()) == 4 * QUESTIONS)
    stream.answer_all()
    stream.until(lambda: len(stream.questions()) == 5 * QUESTIONS)


@pytest.mark.parametrize("error", [Retryable, Fenced])
def test_a_failed_deadline_is_tried_again_and_makes_one_record(
    stream: MemoryTriage, error: type[Retryable | Fenced]
) -> None:
    stream.ask_about()
    stream.broker.fail_next("publish", error("as the test wants it"))
    stream.clock.sleep(DEADLINE)
    stream.until(lambda: bool(stream.triages()))
    stream.members[0].turn(20)
    assert [record.revision for record in stream.triages()["t-1"]] == [1]


def test_a_deadline_whose_commit_was_not_heard_of_makes_one_record(stream: MemoryTriage) -> None:
    member = stream.ask_about()
    stream.broker.lose_next_reply()
    stream.clock.sleep(DEADLINE)
    stream.until(lambda: bool(stream.triages()))
    member.turn(20)
    assert [record.revision for record in stream.triages()["t-1"]] == [1]


def test_without_transactions_a_crash_before_the_offsets_loses_no_ticket() -> None:
    stream = MemoryTriage(transactions=False)
    member = stream.start()
    stream.ticket("t-1", TEXT)
    stream.until(lambda: bool(stream.broker.committed(GROUP)) or bool(member.service._ownership.followed))
    # The documents and questions go out; then the member dies before its state and offsets do.
    stream.broker.lose_next_reply()
    stream.until(lambda: bool(stream.questions()))
    stream.die(member)
    stream.start()
    stream.until(lambda: len(stream.questions()) >= 2 * QUESTIONS)
    assert len({stream.question(record).question_id for record in stream.questions()}) == QUESTIONS
    stream.answer_all()
    stream.until(lambda: bool(stream.triages()))
    assert {record.revision for record in stream.triages()["t-1"]} == {1}


def test_topics_with_different_numbers_of_partitions_are_refused_in_one_line(stream: MemoryTriage) -> None:
    stream.broker.create_topic(TopicSettings().answers, 3)
    with pytest.raises(Stop, match=r"same number of partitions.*qa\.answers 3"):
        stream.start()


def test_a_state_that_cannot_be_read_stops_the_member(stream: MemoryTriage) -> None:
    stream.send(Outgoing(TOPICS.triage_state, b"ticket:t", b'{"ticket_id": "t"}'))
    stream.start()
    with pytest.raises(Stop, match="cannot be read"):
        stream.until(lambda: False, turns=50)


@pytest.mark.parametrize("error", [Retryable, Fenced])
def test_tickets_that_are_given_back_again_and_again_count_once_for_the_circuit(
    stream: MemoryTriage, error: type[Retryable | Fenced]
) -> None:
    stream.start(circuit=CircuitSettings(window=10, min_records=3, max_share=0.5))
    bad = Outgoing(TOPICS.tickets, b"t", b"\xff")
    stream.send(bad, bad)
    for _ in range(4):
        stream.broker.fail_next("publish", error("as the test wants it"))
    stream.until(lambda: len(stream.broker.records(TOPICS.dead_letters)) == 2)
    stream.send(bad)
    with pytest.raises(CircuitOpen, match="3 of the latest 3"):
        stream.until(lambda: len(stream.broker.records(TOPICS.dead_letters)) == 3)


def test_tickets_that_change_nothing_count_for_the_circuit_too(stream: MemoryTriage) -> None:
    member = stream.start(circuit=CircuitSettings(window=10, min_records=3, max_share=0.5))
    stream.ask_about("t-1", TEXT)
    for _ in range(2):
        stream.ticket("t-1", TEXT)
        stream.until(lambda: not member.service._parts.intake.has_work)
    stream.send(*2 * [Outgoing(TOPICS.tickets, b"t", b"\xff")])
    stream.until(lambda: len(stream.broker.records(TOPICS.dead_letters)) == 2)
