"""What the triage stream does with tickets, answers, deadlines and restarts, over a broker in memory."""

from __future__ import annotations

import hashlib

import pytest

from spanstream.consumer.broker.protocols import Outgoing
from spanstream.consumer.errors import Fenced, Retryable, Stop
from spanstream.consumer.settings import TopicSettings
from spanstream.schemas.dead_letters import Reason, from_headers
from spanstream.schemas.triage import FieldStatus
from tests.support.memory.memory_triage import DEADLINE, GROUP, KEEP, TOPICS, MemoryTriage, TriageMember, small_playbook

TEXT = "FXP-4107 stops the export."
QUESTIONS = 3


@pytest.fixture
def stream() -> MemoryTriage:
    return MemoryTriage()


def asked(stream: MemoryTriage, ticket_id: str = "t-1", body: str = TEXT, **fields: object) -> TriageMember:
    """A member that has asked about a ticket."""
    member = stream.members[0] if stream.members else stream.start()
    before = len(stream.questions(ticket_id))
    stream.ticket(ticket_id, body, **fields)
    stream.until(lambda: len(stream.questions(ticket_id)) == before + QUESTIONS)
    return member


def test_a_ticket_becomes_a_document_and_its_questions_in_its_own_partition(stream: MemoryTriage) -> None:
    asked(stream)
    (ticket,) = stream.broker.records(TOPICS.tickets)
    (document,) = stream.broker.records(TOPICS.documents)
    assert {record.partition.number for record in (*stream.questions(), document)} == {ticket.partition.number}
    assert {record.key for record in stream.questions()} == {document.key}
    assert stream.text_of(stream.questions()[0]) == TEXT


def test_the_last_answer_makes_the_record(stream: MemoryTriage) -> None:
    asked(stream)
    first, second, third = stream.questions()
    stream.answer(first, "export", 0.7)
    stream.answer(second, "FXP-4107", 0.6)
    stream.members[0].turn(10)
    assert not stream.triages()
    stream.answer(third, "FXP-4107", 0.8)
    stream.until(lambda: bool(stream.triages()))
    record = stream.latest("t-1")
    assert (record.revision, record.complete, record.route) == (1, True, "defects")
    product = record.fields["product"]
    assert (product.value, product.question, product.confidence) == ("export", "Which product?", 0.7)
    assert record.fields["error"].answer is not None
    assert record.document.sha256 == hashlib.sha256(TEXT.encode()).hexdigest()
    assert [one.name for one in record.models] == ["m"]


def test_a_field_says_why_it_has_no_answer(stream: MemoryTriage) -> None:
    asked(stream)
    first, second, third = stream.questions()
    stream.dead_letter(first)
    stream.answer(second, confidence=0.1)
    stream.dead_letter(third, Reason.DOCUMENT_MISSING)
    stream.until(lambda: bool(stream.triages()))
    record = stream.latest("t-1")
    assert record.fields["product"].status is FieldStatus.LOW_CONFIDENCE
    error = record.fields["error"]
    assert (error.status, error.detail) == (FieldStatus.DEAD_LETTERED, "document_missing")
    assert record.ask_customer == ["What do you see?"]


def test_at_the_deadline_the_record_says_what_timed_out_and_a_late_answer_corrects_it(stream: MemoryTriage) -> None:
    member = asked(stream)
    first, second, third = stream.questions()
    stream.answer(first)
    stream.answer(second)
    member.turn(5)
    stream.clock.sleep(DEADLINE)
    stream.until(lambda: bool(stream.triages()))
    early = stream.latest("t-1")
    assert (early.complete, early.fields["error"].status, early.route) == (False, FieldStatus.TIMED_OUT, "general")
    stream.answer(third)
    stream.until(lambda: len(stream.triages()["t-1"]) == 2)
    late = stream.latest("t-1")
    assert (late.revision, late.complete, late.route) == (2, True, "defects")


def test_a_deadline_survives_the_member_that_set_it(stream: MemoryTriage) -> None:
    stream.die(asked(stream))
    stream.clock.sleep(DEADLINE)
    stream.start()
    stream.until(lambda: bool(stream.triages()))
    assert {result.status for result in stream.latest("t-1").fields.values()} == {FieldStatus.TIMED_OUT}


def test_a_redelivered_ticket_or_answer_changes_nothing(stream: MemoryTriage) -> None:
    member = asked(stream)
    stream.answer_all()
    stream.until(lambda: bool(stream.triages()))
    stream.answer_all()
    stream.answer(stream.questions()[0], "export", 1.0)
    stream.dead_letter(stream.questions()[1])
    stream.ticket("t-1", TEXT)
    member.turn(20)
    assert len(stream.questions()) == QUESTIONS
    assert len(stream.triages()["t-1"]) == 1
    assert member.metric("tickets_total", outcome="repeated") == 1


def test_an_answer_after_a_dead_letter_corrects_the_record(stream: MemoryTriage) -> None:
    asked(stream)
    for record in stream.questions():
        stream.dead_letter(record)
    stream.until(lambda: bool(stream.triages()))
    stream.answer(stream.questions()[2])
    stream.until(lambda: len(stream.triages()["t-1"]) == 2)
    assert stream.latest("t-1").fields["error"].status is FieldStatus.ANSWERED


def test_a_ticket_sent_again_with_another_text_is_asked_about_anew(stream: MemoryTriage) -> None:
    asked(stream)
    stream.answer_all()
    stream.until(lambda: bool(stream.triages()))
    old = stream.questions("t-1")
    asked(stream, body="GL-88 when saving.")
    stream.answer(old[2], "export")  # about the text that is gone
    for record in stream.questions("t-1")[QUESTIONS:]:
        stream.answer(record)
    stream.until(lambda: len(stream.triages()["t-1"]) == 2)
    triage = stream.latest("t-1")
    assert triage.fields["error"].value == "GL-88"
    assert triage.document.sha256 == hashlib.sha256(b"GL-88 when saving.").hexdigest()


def test_the_same_text_with_other_attributes_is_judged_anew_and_not_asked_about(stream: MemoryTriage) -> None:
    asked(stream)
    stream.answer_all()
    stream.until(lambda: bool(stream.triages()))
    stream.ticket("t-1", TEXT, attributes={"plan": "gold"})
    stream.until(lambda: len(stream.triages()["t-1"]) == 2)
    assert stream.latest("t-1").route == "vip"
    assert len(stream.questions()) == QUESTIONS


def test_a_ticket_is_finished_by_the_playbook_that_began_it(stream: MemoryTriage) -> None:
    stream.close(asked(stream))
    stream.start(small_playbook("2"))
    stream.answer_all()
    stream.until(lambda: bool(stream.triages()))
    assert stream.latest("t-1").playbook.version == "1"
    stream.ticket("t-1", TEXT)
    stream.until(lambda: len(stream.questions()) == 2 * QUESTIONS)
    for record in stream.questions()[QUESTIONS:]:
        stream.answer(record)
    stream.until(lambda: len(stream.triages()["t-1"]) == 2)
    assert stream.latest("t-1").playbook.version == "2"


def test_long_after_its_record_a_ticket_is_forgotten_and_its_documents_are_deleted(stream: MemoryTriage) -> None:
    member = asked(stream)
    asked(stream, "t-1", "GL-88 when saving.")
    stream.answer_all()
    stream.until(lambda: bool(stream.triages()))
    assert all(stream.text_of(question) for question in stream.questions())
    stream.clock.sleep(KEEP)
    stream.until(lambda: member.metric("tickets_total", outcome="forgotten") == 1)
    assert not any(stream.text_of(question) for question in stream.questions())
    assert member.service._parts.store.known == 0
    stream.answer_all()
    member.turn(10)
    assert len(stream.triages()["t-1"]) == 1


def test_a_text_that_another_ticket_has_too_is_not_deleted_with_the_first(stream: MemoryTriage) -> None:
    stream = MemoryTriage(partitions=1)
    asked(stream, "t-1")
    stream.answer_all()
    stream.until(lambda: bool(stream.triages()))
    stream.clock.sleep(KEEP / 2)
    member = asked(stream, "t-2")
    assert len({question.key for question in stream.questions()}) == 1
    stream.answer_all()
    stream.until(lambda: len(stream.triages()) == 2)
    stream.clock.sleep(KEEP * 2 / 3)
    stream.until(lambda: member.metric("tickets_total", outcome="forgotten") == 1)
    assert stream.text_of(stream.questions()[0]) == TEXT


BAD = {
    "not JSON": (b"{", b"t", Reason.UNDECODABLE),
    "nothing": (None, b"t", Reason.UNDECODABLE),
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
    asked(stream, "t-2")
    (letter,) = stream.broker.records(TOPICS.dead_letters)
    assert (letter.key, letter.value) == (key, value)
    found = from_headers(letter.headers)
    assert (found.reason, found.topic) == (reason, TOPICS.tickets)


def test_other_programs_answers_and_dead_letters_are_passed_over(stream: MemoryTriage) -> None:
    member = asked(stream)
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
    stream.until(lambda: all(stream.broker.committed(GROUP).get(at, 0) == end for at, end in ends.items() if end))


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
    asked(stream)
    stream.broker.fail_next("publish", error("as the test wants it"))
    stream.clock.sleep(DEADLINE)
    stream.until(lambda: bool(stream.triages()))
    stream.members[0].turn(20)
    assert [one.revision for one in stream.triages()["t-1"]] == [1]


def test_a_deadline_whose_commit_was_not_heard_of_makes_one_record(stream: MemoryTriage) -> None:
    member = asked(stream)
    stream.broker.lose_next_reply()
    stream.clock.sleep(DEADLINE)
    stream.until(lambda: bool(stream.triages()))
    member.turn(20)
    assert [one.revision for one in stream.triages()["t-1"]] == [1]


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
    assert len({stream.question(one).question_id for one in stream.questions()}) == QUESTIONS
    stream.answer_all()
    stream.until(lambda: bool(stream.triages()))
    assert {one.revision for one in stream.triages()["t-1"]} == {1}


def test_topics_with_different_numbers_of_partitions_are_refused_in_one_line(stream: MemoryTriage) -> None:
    stream.broker.create_topic(TopicSettings().answers, 3)
    with pytest.raises(Stop, match=r"same number of partitions.*qa\.answers 3"):
        stream.start()


def test_a_state_that_cannot_be_read_stops_the_member(stream: MemoryTriage) -> None:
    stream.send(Outgoing(TOPICS.triage_state, b"ticket:t", b'{"ticket_id": "t"}'))
    stream.start()
    with pytest.raises(Stop, match="cannot be read"):
        stream.until(lambda: False, turns=50)
