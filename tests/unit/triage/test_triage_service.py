"""What the triage stream does with tickets, answers and deadlines, over a broker in memory."""

from __future__ import annotations

import hashlib

import pytest

from spanstream.schemas.dead_letters import Reason
from spanstream.schemas.triage import FieldStatus
from tests.support.memory.memory_triage import (
    DEADLINE,
    KEEP,
    QUESTIONS,
    TEXT,
    TOPICS,
    MemoryTriage,
    small_playbook,
)


@pytest.fixture
def stream() -> MemoryTriage:
    return MemoryTriage()


def test_a_ticket_becomes_a_document_and_its_questions_in_its_own_partition(stream: MemoryTriage) -> None:
    stream.ask_about()
    (ticket,) = stream.broker.records(TOPICS.tickets)
    (document,) = stream.broker.records(TOPICS.documents)
    assert {record.partition.number for record in (*stream.questions(), document)} == {ticket.partition.number}
    assert {record.key for record in stream.questions()} == {document.key}
    assert stream.text_of(stream.questions()[0]) == TEXT


def test_the_last_answer_makes_the_record(stream: MemoryTriage) -> None:
    stream.ask_about()
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
    assert [model.name for model in record.models] == ["m"]


def test_a_field_says_why_it_has_no_answer(stream: MemoryTriage) -> None:
    stream.ask_about()
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
    member = stream.ask_about()
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
    stream.die(stream.ask_about())
    stream.clock.sleep(DEADLINE)
    stream.start()
    stream.until(lambda: bool(stream.triages()))
    assert {result.status for result in stream.latest("t-1").fields.values()} == {FieldStatus.TIMED_OUT}


@pytest.mark.parametrize("is_restarted", [False, True])
def test_a_clock_that_is_set_back_delays_neither_the_record_nor_the_forgetting(
    stream: MemoryTriage, *, is_restarted: bool
) -> None:
    member = stream.ask_about()
    stream.clock.wall_shift = -3600.0
    if is_restarted:
        stream.close(member)
        member = stream.start()
        member.turn(20)
    stream.clock.sleep(DEADLINE)
    member.turn(20)
    assert not stream.latest("t-1").complete
    stream.clock.wall_shift = -7200.0
    if is_restarted:
        stream.close(member)
        member = stream.start()
        member.turn(20)
    stream.clock.sleep(KEEP)
    member.turn(20)
    assert member.metric("tickets_total", outcome="forgotten") == 1


def test_a_clock_that_is_set_ahead_does_not_end_the_wait_for_answers(stream: MemoryTriage) -> None:
    member = stream.ask_about()
    stream.clock.wall_shift = 3600.0
    member.turn(20)
    assert not stream.triages()


def test_a_redelivered_ticket_or_answer_changes_nothing(stream: MemoryTriage) -> None:
    member = stream.ask_about()
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
    stream.ask_about()
    for record in stream.questions():
        stream.dead_letter(record)
    stream.until(lambda: bool(stream.triages()))
    stream.answer(stream.questions()[2])
    stream.until(lambda: len(stream.triages()["t-1"]) == 2)
    assert stream.latest("t-1").fields["error"].status is FieldStatus.ANSWERED


def test_a_ticket_sent_again_with_another_text_is_asked_about_anew(stream: MemoryTriage) -> None:
    stream.ask_about()
    stream.answer_all()
    stream.until(lambda: bool(stream.triages()))
    old = stream.questions("t-1")
    stream.ask_about(body="GL-88 when saving.")
    stream.answer(old[2], "export")  # about the text that is gone
    for record in stream.questions("t-1")[QUESTIONS:]:
        stream.answer(record)
    stream.until(lambda: len(stream.triages()["t-1"]) == 2)
    triage = stream.latest("t-1")
    assert triage.fields["error"].value == "GL-88"
    assert triage.document.sha256 == hashlib.sha256(b"GL-88 when saving.").hexdigest()


def test_the_same_text_with_other_attributes_is_judged_anew_and_not_asked_about(stream: MemoryTriage) -> None:
    stream.ask_about()
    stream.answer_all()
    stream.until(lambda: bool(stream.triages()))
    stream.ticket("t-1", TEXT, attributes={"plan": "gold"})
    stream.until(lambda: len(stream.triages()["t-1"]) == 2)
    assert stream.latest("t-1").route == "vip"
    assert len(stream.questions()) == QUESTIONS


def test_a_ticket_is_finished_by_the_playbook_that_began_it(stream: MemoryTriage) -> None:
    stream.close(stream.ask_about())
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
    member = stream.ask_about()
    stream.ask_about("t-1", "GL-88 when saving.")
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
    stream.ask_about("t-1")
    stream.answer_all()
    stream.until(lambda: bool(stream.triages()))
    stream.clock.sleep(KEEP / 2)
    member = stream.ask_about("t-2")
    assert len({question.key for question in stream.questions()}) == 1
    stream.answer_all()
    stream.until(lambda: len(stream.triages()) == 2)
    stream.clock.sleep(KEEP * 2 / 3)
    stream.until(lambda: member.metric("tickets_total", outcome="forgotten") == 1)
    assert stream.text_of(stream.questions()[0]) == TEXT
