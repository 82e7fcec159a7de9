"""How tickets are forgotten: beside other work, in time that grows with their number, with every document of theirs."""

from __future__ import annotations

from collections import Counter

import pytest
from structlog.testing import capture_logs

from spanstream.consumer.broker.protocols import Outgoing
from spanstream.consumer.triage.state import transaction
from spanstream.consumer.triage.state.ticket_state import decode_state
from tests.support.memory.memory_triage import DEADLINE, KEEP, QUESTIONS, TEXT, TOPICS, MemoryTriage, TriageMember

MANY = 500


def decided(count: int) -> MemoryTriage:
    """A stream of one partition with so many tickets that have their record."""
    stream = MemoryTriage(partitions=1)
    member = stream.start(max_open_tickets=count)
    for number in range(count):
        stream.ticket(f"t-{number}", f"{TEXT} {number}")
    stream.until(lambda: len(stream.questions()) == count * QUESTIONS)
    for record in stream.questions():
        stream.dead_letter(record)
    stream.until(lambda: member.metric("records_total", kind="complete") == count)
    return stream


def forgotten(member: TriageMember) -> float:
    return member.metric("tickets_total", outcome="forgotten")


def living_documents(stream: MemoryTriage) -> int:
    latest = {(record.partition, record.key): record.value for record in stream.broker.records(TOPICS.documents)}
    return sum(value is not None for value in latest.values())


def test_a_ticket_that_arrives_does_not_wait_until_all_old_ones_are_forgotten() -> None:
    stream = decided(MANY)
    stream.clock.sleep(KEEP)
    stream.ask_about("new")
    assert forgotten(stream.members[0]) < MANY
    stream.until(lambda: forgotten(stream.members[0]) == MANY)
    assert living_documents(stream) == 1


def test_a_deadline_does_not_wait_until_all_old_tickets_are_forgotten() -> None:
    stream = decided(MANY)
    stream.clock.sleep(KEEP - DEADLINE)
    stream.ask_about("new")
    stream.clock.sleep(DEADLINE + 1)
    stream.until(lambda: "new" in stream.triages())
    assert forgotten(stream.members[0]) < MANY


def test_the_work_of_forgetting_grows_with_the_number_of_tickets_only(monkeypatch: pytest.MonkeyPatch) -> None:
    decodings: Counter[bool] = Counter()

    def counting(value: bytes) -> object:
        decodings[True] += 1
        return decode_state(value)

    stream = decided(MANY)
    monkeypatch.setattr(transaction, "decode_state", counting)
    stream.clock.sleep(KEEP)
    stream.until(lambda: forgotten(stream.members[0]) == MANY)
    assert decodings[True] <= 4 * MANY


def test_a_ticket_whose_text_changes_again_and_again_keeps_few_documents_and_a_small_state() -> None:
    stream = MemoryTriage(partitions=1)
    member = stream.start()
    sizes = []
    for number in range(60):
        stream.ask_about("t-1", f"{TEXT} {number}")
        sizes.append(len(stream.broker.records(TOPICS.triage_state)[-1].value or b""))
    assert max(sizes[30:]) == sizes[30]
    assert living_documents(stream) < 20
    stream.answer_all()
    stream.until(lambda: bool(stream.triages()))
    stream.clock.sleep(KEEP)
    stream.until(lambda: forgotten(member) == 1)
    assert living_documents(stream) == 0


def test_a_text_that_comes_back_keeps_its_document_until_the_ticket_is_forgotten() -> None:
    stream = MemoryTriage(partitions=1)
    stream.start()
    for number in range(60):
        stream.ask_about("t-1", f"{TEXT} {number % 2}")
    assert all(stream.text_of(question) for question in stream.questions())
    assert living_documents(stream) == 2


def test_a_state_under_a_key_that_is_not_its_tickets_is_deleted_and_told_once_and_stops_nothing() -> None:
    stream = MemoryTriage(partitions=1)
    stream.die(stream.ask_about())
    state = next(record for record in stream.broker.records(TOPICS.triage_state) if record.key == b"ticket:t-1")
    stray = Outgoing(TOPICS.triage_state, b"ticket:stray", state.value, partition=0)
    stream.send(stray)
    with capture_logs() as lines:
        member = stream.start()
        stream.clock.sleep(KEEP)
        stream.ask_about("t-2")
        member.turn(20)
    latest = {record.key: record.value for record in stream.broker.records(TOPICS.triage_state)}
    assert latest[b"ticket:stray"] is None
    assert latest[b"ticket:t-1"] is not None
    assert [line["event"] for line in lines].count("misplaced_state_deleted") == 1
    # And where the stray's key is a ticket's own, the ticket is one that was never seen.
    stream.die(member)
    stream.send(stray)
    stream.start()
    stream.ask_about("stray")
    assert stream.latest_state("stray").ticket_id == "stray"


def deleted(stream: MemoryTriage, ticket_id: str) -> None:
    stream.send(Outgoing(TOPICS.tickets, ticket_id.encode(), None))


def test_a_ticket_record_without_a_value_forgets_the_ticket_and_deletes_its_documents_at_once() -> None:
    stream = MemoryTriage(partitions=1)
    member = stream.ask_about("t-1", "an earlier text")
    stream.ask_about("t-1")
    stream.ask_about("t-2", "another text")
    deleted(stream, "t-1")
    stream.until(lambda: forgotten(member) == 1)
    assert living_documents(stream) == 1
    assert stream.broker.records(TOPICS.triage_state)[-1].value is None
    stream.answer_all()
    stream.until(lambda: bool(stream.triages()))
    assert stream.triages().keys() == {"t-2"}


def test_a_ticket_that_is_decided_is_forgotten_too_and_may_come_anew() -> None:
    stream = decided(1)
    deleted(stream, "t-0")
    stream.until(lambda: forgotten(stream.members[0]) == 1)
    assert living_documents(stream) == 0
    stream.ask_about("t-0")
    assert stream.latest_state("t-0").revision == 0


def test_a_ticket_and_its_deletion_read_together_leave_nothing() -> None:
    stream = MemoryTriage(partitions=1)
    stream.ticket("t-1", TEXT)
    deleted(stream, "t-1")
    member = stream.start()
    stream.until(lambda: forgotten(member) == 1)
    assert living_documents(stream) == 0


def test_the_deletion_of_a_ticket_keeps_a_text_that_another_ticket_has() -> None:
    stream = MemoryTriage(partitions=1)
    member = stream.ask_about("t-1")
    stream.ask_about("t-2")
    deleted(stream, "t-1")
    stream.until(lambda: forgotten(member) == 1)
    assert living_documents(stream) == 1


def test_the_deletion_of_a_ticket_that_nobody_knows_changes_nothing_and_is_no_dead_letter() -> None:
    stream = MemoryTriage(partitions=1)
    stream.start()
    deleted(stream, "nobody")
    stream.send(Outgoing(TOPICS.tickets, b"\xff", None))
    stream.ask_about("t-1")
    assert not stream.broker.records(TOPICS.dead_letters)
