"""Topics that take smaller records than triage makes: the ticket is a dead letter, and the stream goes on."""

from __future__ import annotations

import pytest

from spanstream.consumer.broker.protocols import Partition
from spanstream.schemas.dead_letters import Reason, from_headers
from tests.support.memory.memory_triage import QUESTIONS, TEXT, TOPICS, MemoryTriage, TriageMember

LARGE = TEXT + " It fails." * 1_000


@pytest.mark.parametrize("transactions", [True, False])
@pytest.mark.parametrize(
    ("topic", "body", "attributes"),
    [(TOPICS.documents, LARGE, {}), (TOPICS.triage_state, TEXT, {"log": "x" * 8_000})],
    ids=["documents", "state"],
)
def test_a_ticket_of_which_a_topic_takes_no_record_is_a_dead_letter_and_its_neighbours_are_asked_about(
    topic: str, body: str, attributes: dict[str, str], *, transactions: bool
) -> None:
    stream = MemoryTriage(transactions=transactions)
    stream.broker.topic(topic).max_record_bytes = 6_000
    member = stream.start()
    for ticket_id in ("before", "large", "after"):
        is_large = ticket_id == "large"
        stream.ticket(ticket_id, body if is_large else TEXT, attributes=attributes if is_large else {})
    stream.until(
        lambda: len(stream.questions("after")) >= QUESTIONS and bool(stream.broker.records(TOPICS.dead_letters))
    )
    (record,) = stream.broker.records(TOPICS.dead_letters)
    assert (record.key, from_headers(record.headers).reason) == (b"large", Reason.TOO_LARGE)
    assert topic in from_headers(record.headers).detail
    assert len(stream.questions("before")) >= QUESTIONS
    stream.answer_all()
    stream.until(lambda: stream.triages().keys() == {"before", "after"})
    assert member.metric("tickets_total", outcome="dead_letter") == 1


@pytest.fixture
def refusing() -> tuple[MemoryTriage, TriageMember]:
    """A member that has found a ticket's document to be too large, and has not published the dead letter yet."""
    stream = MemoryTriage(partitions=1)
    documents = stream.broker.topic(TOPICS.documents)
    documents.max_record_bytes = 6_000
    member = stream.start()
    stream.ticket("large", LARGE)
    stream.until(lambda: bool(member.service._parts.intake._refused))
    documents.max_record_bytes = 1 << 20
    return stream, member


def test_a_ticket_that_comes_again_before_its_dead_letter_is_published_is_judged_anew(
    refusing: tuple[MemoryTriage, TriageMember],
) -> None:
    stream, member = refusing
    member.consumer._cursor.start(Partition(TOPICS.tickets, 0), 0)
    stream.until(lambda: len(stream.questions("large")) == QUESTIONS)
    assert stream.broker.records(TOPICS.dead_letters) == []


def test_a_member_remembers_no_refusal_of_tickets_that_are_another_members(
    refusing: tuple[MemoryTriage, TriageMember],
) -> None:
    _, member = refusing
    member.service.on_lost([Partition(topic, 0) for topic in TOPICS.consumed_by_triage])
    assert not member.service._parts.intake._refused
