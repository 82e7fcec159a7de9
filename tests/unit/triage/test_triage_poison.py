"""Tickets whose own content makes the program fail: each ends as one dead letter or one record, and stops nothing."""

from __future__ import annotations

import json
from typing import Any

import pytest
from structlog.testing import capture_logs

from spanstream.consumer.broker.protocols import Outgoing
from spanstream.consumer.triage import outcome_reading, processor
from spanstream.consumer.triage.decision import field_results
from spanstream.consumer.triage.decision import record as decision_record
from spanstream.consumer.triage.playbook.load import parse_playbook
from spanstream.schemas.dead_letters import Reason, Stage, from_headers
from spanstream.schemas.triage import FieldStatus
from tests.support.memory.memory_triage import DEADLINE, QUESTIONS, TEXT, TOPICS, MemoryTriage

QUOTE = "FXP-4107"
DATED = """
playbook: dated
version: "1"
fields:
  started: {questions: [When did it start?], min_confidence: 0.1, format: date}
routes: [{route: general, because: all}]
priorities: [{priority: normal, because: all}]
"""


@pytest.fixture
def stream() -> MemoryTriage:
    return MemoryTriage()


def fail_for(monkeypatch: pytest.MonkeyPatch, module: Any, name: str, poison: str) -> None:
    """Lets a function raise, with the text in its message, where one of its arguments holds the poison."""
    function = getattr(module, name)

    def failing(*args: Any, **kwargs: Any) -> Any:
        if poison in repr(args):
            raise ZeroDivisionError(f"cannot divide {args}")
        return function(*args, **kwargs)

    monkeypatch.setattr(module, name, failing)


@pytest.mark.parametrize(
    "created_at", ["9999-12-31T23:59:59.9999999Z", "0001-01-01T00:00:00Z", "1969-12-31T23:59:59.9995Z"]
)
def test_a_ticket_of_any_time_that_can_be_written_gets_its_record(stream: MemoryTriage, created_at: str) -> None:
    stream.ask_about(created_at=created_at)
    stream.answer_all()
    stream.until(lambda: bool(stream.triages()))
    created = stream.latest("t-1").times.created_at
    assert created is not None
    assert created.isoformat()[:19] == created_at[:19]


@pytest.mark.parametrize("timestamp_ms", [1_790_000_000_000_000, 1_790_000_000_000_000_000, 2**63 - 1, -(2**63)])
def test_a_ticket_with_an_impossible_kafka_timestamp_gets_its_record_without_one(
    stream: MemoryTriage, timestamp_ms: int
) -> None:
    stream.start()
    value = json.dumps({"ticket_id": "t-1", "subject": "", "body": TEXT}).encode()
    with stream.broker.changed:
        ticket = Outgoing(TOPICS.tickets, b"t-1", value)
        stream.broker.topic(TOPICS.tickets).append([ticket], timestamp_ms, transactional=False)
    stream.until(lambda: len(stream.questions()) == QUESTIONS)
    stream.answer_all()
    stream.until(lambda: bool(stream.triages()))
    assert stream.latest("t-1").times.received_at is None


def test_a_state_with_an_impossible_time_of_an_earlier_version_gets_its_record(stream: MemoryTriage) -> None:
    member = stream.ask_about()
    (place,) = [record for record in stream.broker.records(TOPICS.triage_state) if record.key == b"ticket:t-1"]
    stream.die(member)
    state = json.loads(place.value or b"") | {"created_ms": 253_402_300_800_000, "received_ms": 1_790_000_000_000_000}
    stream.send(Outgoing(TOPICS.triage_state, place.key, json.dumps(state).encode(), partition=place.partition.number))
    stream.start()
    stream.answer_all()
    stream.until(lambda: bool(stream.triages()))
    assert stream.latest("t-1").times.created_at is None


def test_a_day_before_the_first_year_is_no_date(stream: MemoryTriage) -> None:
    stream.start(parse_playbook(DATED, "dated"))
    stream.ticket("t-1", "It stopped on Tuesday.", created_at="0001-01-01T00:00:00Z")
    stream.until(lambda: len(stream.questions()) == 1)
    stream.answer(stream.questions()[0], "Tuesday")
    stream.until(lambda: bool(stream.triages()))
    assert stream.latest("t-1").fields["started"].status is FieldStatus.BAD_FORMAT


@pytest.mark.parametrize("place", ["document_text", "field_questions", "make_record"])
def test_a_ticket_on_which_the_program_fails_is_a_dead_letter_and_its_neighbours_are_asked_about(
    stream: MemoryTriage, monkeypatch: pytest.MonkeyPatch, place: str
) -> None:
    fail_for(monkeypatch, processor, place, "t-2")
    stream.start()
    for number in (1, 2, 3):
        stream.ticket(f"t-{number}", TEXT)
    with capture_logs() as logs:
        stream.until(lambda: len(stream.questions()) == 2 * QUESTIONS)
        stream.members[0].turn(20)
    (letter,) = stream.broker.records(TOPICS.dead_letters)
    headers = from_headers(letter.headers)
    assert (letter.key, headers.reason, headers.stage) == (b"t-2", Reason.INFERENCE_FAILED, Stage.PREPARE)
    assert "ZeroDivisionError" in headers.detail
    assert not stream.questions("t-2")
    assert [line["event"] for line in logs if line["log_level"] == "error"] == ["ticket_failed"]
    assert QUOTE not in repr(logs) + headers.detail


def test_an_answer_that_cannot_be_formatted_costs_its_field_alone(
    stream: MemoryTriage, monkeypatch: pytest.MonkeyPatch
) -> None:
    fail_for(monkeypatch, field_results, "formatted_value", QUOTE)
    stream.ask_about()
    with capture_logs() as logs:
        for record in stream.questions():
            stream.answer(record, QUOTE if stream.question(record).question == "Which error?" else "export")
        stream.until(lambda: bool(stream.triages()))
    fields = stream.latest("t-1").fields
    assert (fields["error"].status, fields["product"].status) == (FieldStatus.BAD_FORMAT, FieldStatus.ANSWERED)
    assert "ZeroDivisionError" in (fields["error"].detail or "")
    assert QUOTE not in repr([line for line in logs if line["log_level"] == "error"])


@pytest.mark.parametrize("is_late", [False, True], ids=["with the last answer", "at the deadline"])
def test_a_record_that_cannot_be_made_with_its_answers_is_made_without_them(
    stream: MemoryTriage, monkeypatch: pytest.MonkeyPatch, is_late: bool
) -> None:
    member = stream.ask_about()
    fail_for(monkeypatch, decision_record, "first_matching_rule", QUOTE)
    with capture_logs() as logs:
        for record in stream.questions()[: QUESTIONS - is_late]:
            stream.answer(record, QUOTE)
        if is_late:
            member.turn(20)
            stream.clock.sleep(DEADLINE)
        stream.until(lambda: bool(stream.triages()))
        member.turn(20)
    (triage,) = stream.triages()["t-1"]
    assert {result.status for result in triage.fields.values()} <= {FieldStatus.DEAD_LETTERED, FieldStatus.TIMED_OUT}
    failures = [line for line in logs if line["log_level"] == "error"]
    assert [line["event"] for line in failures] == ["deciding_failed"]
    assert QUOTE not in repr(failures)


def test_a_ticket_of_which_no_record_can_be_made_any_more_is_closed_and_stops_nothing(
    stream: MemoryTriage, monkeypatch: pytest.MonkeyPatch
) -> None:
    member = stream.ask_about("t-1")
    stream.ask_about("t-2")
    fail_for(monkeypatch, decision_record, "first_matching_rule", "'subject': 'poison'")
    monkeypatch.setattr(processor.TicketProcessor, "_check_record_can_be_made", lambda *_: None)
    stream.ask_about("t-3", subject="poison")
    stream.clock.sleep(DEADLINE)
    stream.until(lambda: len(stream.triages()) == 2)
    member.turn(20)
    assert stream.triages().keys() == {"t-1", "t-2"}
    assert member.metric("open_tickets") == 0
    assert member.metric("records_total", kind="failed") == 1


def test_an_outcome_on_which_the_program_fails_is_passed_over_and_its_ticket_times_out(
    stream: MemoryTriage, monkeypatch: pytest.MonkeyPatch
) -> None:
    member = stream.ask_about()
    fail_for(monkeypatch, outcome_reading, "ticket_id_in", stream.question(stream.questions()[0]).question_id)
    with capture_logs() as logs:
        stream.answer_all()
        member.turn(30)
        stream.clock.sleep(DEADLINE)
        stream.until(lambda: bool(stream.triages()))
    assert not stream.latest("t-1").complete
    assert [line["event"] for line in logs if line["log_level"] == "error"] == ["outcome_failed"]


def test_a_bad_ticket_that_no_dead_letter_topic_takes_whole_stops_nothing(stream: MemoryTriage) -> None:
    stream.broker.create_topic(TOPICS.dead_letters, stream.partitions, max_record_bytes=4_000)
    stream.start()
    stream.send(Outgoing(TOPICS.tickets, b"t-0", b"\xff" * 9_000, (("own", b"x" * 9_000),)))
    stream.ask_about()
    stream.until(lambda: len(stream.questions()) == QUESTIONS)
    (record,) = stream.broker.records(TOPICS.dead_letters)
    assert (record.key, record.value) == (b"t-0", None)
    assert from_headers(record.headers).topic == TOPICS.tickets
