"""Tickets and answers that come again: read below what was read before, or below what the group has committed."""

from __future__ import annotations

import pytest

from spanstream.consumer.broker.protocols import Partition
from spanstream.consumer.errors import Stop
from spanstream.consumer.settings import KafkaSettings
from tests.support.memory.memory_triage import GROUP, KEEP, QUESTIONS, TEXT, TOPICS, MemoryTriage, TriageMember


@pytest.fixture
def stream() -> MemoryTriage:
    return MemoryTriage(partitions=1)


def rewind(member: TriageMember, topic: str) -> None:
    """Makes the consumer read the topic from its beginning again, as after a reset that nobody asked for."""
    member.consumer._cursor.start(Partition(topic, 0), 0)


def forget(stream: MemoryTriage, member: TriageMember) -> None:
    """Lets time pass until the ticket's state is forgotten: nothing but its offset tells that it was triaged."""
    stream.answer_all()
    stream.until(lambda: "t-1" in stream.triages())
    stream.clock.sleep(KEEP + 1)
    stream.until(lambda: member.metric("known_tickets") == 0)


@pytest.mark.parametrize("topic", [TOPICS.tickets, TOPICS.answers])
def test_records_that_were_committed_are_not_triaged_again(stream: MemoryTriage, topic: str) -> None:
    member = stream.ask_about("t-1")
    forget(stream, member)
    rewind(member, topic)
    stream.ask_about("t-2")
    member.turn(50)
    assert len(stream.questions("t-1")) == QUESTIONS
    assert len(stream.triages()["t-1"]) == 1
    assert member.metric("rewinds_total") == 1


def test_a_ticket_that_is_read_again_while_it_waits_for_its_commit_is_asked_about_once(stream: MemoryTriage) -> None:
    member = stream.start()
    stream.until(lambda: member.metric("partitions_owned") == 1)
    stream.broker.lose_next_reply()
    stream.ticket("t-1", TEXT)
    stream.until(lambda: bool(stream.questions("t-1")))
    rewind(member, TOPICS.tickets)
    member.turn(50)
    assert len(stream.questions("t-1")) == QUESTIONS
    assert member.metric("rewinds_total") == 1


def test_a_group_whose_offsets_have_expired_may_refuse_to_triage_everything_again(stream: MemoryTriage) -> None:
    member = stream.ask_about("t-1")
    forget(stream, member)
    stream.close(member)
    stream.broker.groups[GROUP].committed.clear()
    stream.kafka = KafkaSettings(auto_offset_reset="error")
    again = stream.start()
    with pytest.raises(Stop, match="offsets have expired"):
        again.turn(20)
    assert len(stream.questions("t-1")) == QUESTIONS
