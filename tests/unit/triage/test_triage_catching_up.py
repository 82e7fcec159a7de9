"""Deadlines that passed while nobody read: the answers that stand in the topics count before a ticket is timed out."""

from __future__ import annotations

import pytest

from spanstream.consumer.broker.protocols import Outgoing
from spanstream.consumer.errors import Retryable
from spanstream.consumer.triage import intake, service
from spanstream.schemas.triage import FieldStatus
from tests.support.memory.memory_triage import DEADLINE, KEEP, TOPICS, MemoryTriage


@pytest.fixture
def stream(monkeypatch: pytest.MonkeyPatch) -> MemoryTriage:
    """A stream that reads two records a turn, behind many that are no answers of its own."""
    for module in (service, intake):
        monkeypatch.setattr(module, "MAX_RECORDS", 2)
    return MemoryTriage(partitions=1)


def others_answers(stream: MemoryTriage) -> None:
    stream.send(*(Outgoing(TOPICS.answers, b"k", b"{}", partition=0) for _ in range(40)))


@pytest.mark.parametrize("is_killed", [True, False], ids=["killed", "frozen"])
def test_after_an_outage_longer_than_the_deadline_the_answers_that_stand_in_the_topic_count(
    stream: MemoryTriage, is_killed: bool
) -> None:
    member = stream.ask_about()
    if is_killed:
        stream.die(member)
    others_answers(stream)
    stream.answer_all()
    stream.clock.sleep(KEEP)
    if is_killed:
        stream.start()
    stream.until(lambda: bool(stream.triages()))
    stream.members[0].turn(60)
    (record,) = stream.triages()["t-1"]
    assert record.complete


def test_dead_letters_that_stand_in_the_topic_count_too(stream: MemoryTriage) -> None:
    stream.die(stream.ask_about())
    stream.send(*(Outgoing(TOPICS.dead_letters, b"k", b"{}", partition=0) for _ in range(40)))
    for record in stream.questions():
        stream.dead_letter(record)
    stream.clock.sleep(DEADLINE)
    stream.start()
    stream.until(lambda: bool(stream.triages()))
    assert stream.latest("t-1").fields["error"].status is FieldStatus.DEAD_LETTERED


def test_what_has_no_answer_in_the_topic_is_timed_out_although_new_records_keep_coming(stream: MemoryTriage) -> None:
    stream.die(stream.ask_about())
    others_answers(stream)
    stream.clock.sleep(DEADLINE)
    member = stream.start()
    for _ in range(200):
        member.turn()
        stream.send(*(Outgoing(TOPICS.answers, b"k", b"{}", partition=0) for _ in range(2)))
        if stream.triages():
            break
    assert stream.latest("t-1").fields["error"].status is FieldStatus.TIMED_OUT


def test_a_broker_that_does_not_say_where_the_answers_end_delays_deadlines_and_nothing_else(
    stream: MemoryTriage,
) -> None:
    member = stream.ask_about()
    stream.clock.sleep(DEADLINE)
    for _ in range(5):
        stream.broker.fail_next("end_offsets", Retryable("as the test wants it"))
    stream.ask_about("t-2")
    stream.until(lambda: bool(stream.triages()))
    assert [record.revision for record in stream.triages()["t-1"]] == [1]
    assert member.application.health.waiting_for == ""


def test_answers_that_retention_took_away_meanwhile_are_not_waited_for(stream: MemoryTriage) -> None:
    stream.die(stream.ask_about())
    others_answers(stream)
    stream.clock.sleep(DEADLINE)
    member = stream.start()
    member.turn(4)
    assert not stream.triages()
    # The topic is deleted, created again and shorter.
    stream.broker.create_topic(TOPICS.answers, 1)
    stream.until(lambda: bool(stream.triages()))
