"""Spans of the triage stream: what a ticket leads to is below the ticket's own span, however late it comes."""

from __future__ import annotations

import pytest
from opentelemetry.trace import StatusCode

from tests.support.memory.memory_triage import DEADLINE, QUESTIONS, TEXT, TOPICS, MemoryTriage
from tests.support.tracing.span_recorder import PRODUCED, PRODUCER, SpanRecorder, is_below, parent_of


@pytest.fixture
def recorder() -> SpanRecorder:
    return SpanRecorder()


@pytest.fixture
def triage(recorder: SpanRecorder) -> MemoryTriage:
    return MemoryTriage(tracing=recorder.tracing)


def test_its_document_its_questions_and_its_record_are_below_a_tickets_span(
    triage: MemoryTriage, recorder: SpanRecorder
) -> None:
    triage.ask_about(headers=PRODUCED)
    triage.answer_all()
    triage.until(lambda: bool(triage.triages()))
    (ticket,) = recorder.named("process support.tickets")
    assert parent_of(ticket) == PRODUCER
    assert (ticket.attributes or {})["spanstream.outcome"] == "asked"
    published = [
        record
        for topic in (TOPICS.documents, TOPICS.questions, TOPICS.triage)
        for record in triage.broker.records(topic)
    ]
    assert len(published) == 1 + QUESTIONS + 1
    assert all(is_below(record, ticket) for record in published)
    assert len(recorder.named("process qa.answers")) == QUESTIONS


def test_a_record_that_another_member_makes_at_the_deadline_is_below_it_too(
    triage: MemoryTriage, recorder: SpanRecorder
) -> None:
    member = triage.ask_about(headers=PRODUCED)
    triage.die(member)
    triage.start()
    triage.clock.sleep(DEADLINE + 1)
    triage.until(lambda: bool(triage.triages()))
    (ticket,) = recorder.named("process support.tickets")
    (record,) = triage.broker.records(TOPICS.triage)
    assert is_below(record, ticket)


def test_a_ticket_that_is_refused_has_its_reason_in_its_span(triage: MemoryTriage, recorder: SpanRecorder) -> None:
    triage.ticket("t-1", TEXT, headers=PRODUCED, surprise=1)
    triage.start()
    triage.until(lambda: bool(triage.broker.records(TOPICS.dead_letters)))
    (ticket,) = recorder.named("process support.tickets")
    assert ticket.status.status_code is StatusCode.ERROR
    assert (ticket.attributes or {})["error.type"] == "invalid_event"
    assert is_below(triage.broker.records(TOPICS.dead_letters)[0], ticket)


def test_a_ticket_that_is_refused_for_what_it_makes_has_a_span_too(
    triage: MemoryTriage, recorder: SpanRecorder
) -> None:
    triage.broker.topic(TOPICS.documents).max_record_bytes = 2_000
    triage.ticket("t-1", TEXT + " It fails." * 1_000, headers=PRODUCED)
    triage.start()
    triage.until(lambda: bool(triage.broker.records(TOPICS.dead_letters)))
    (ticket,) = recorder.named("process support.tickets")
    assert (ticket.attributes or {})["error.type"] == "too_large"
    assert is_below(triage.broker.records(TOPICS.dead_letters)[0], ticket)


def test_with_traces_off_nothing_is_published_or_kept_of_a_context() -> None:
    triage = MemoryTriage()
    triage.ask_about(headers=PRODUCED)
    triage.answer_all()
    triage.until(lambda: bool(triage.triages()))
    for topic in (TOPICS.documents, TOPICS.questions, TOPICS.triage):
        assert all(record.header("traceparent") is None for record in triage.broker.records(topic))
    assert all(b"trace" not in (record.value or b"") for record in triage.broker.records(TOPICS.triage_state))
