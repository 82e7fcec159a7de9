"""Whatever happens to the members, every ticket ends with one record of its latest text: random histories."""

from __future__ import annotations

import hashlib
import json
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import initialize, invariant, precondition, rule

from spanstream.consumer.broker.protocols import Outgoing, Partition
from spanstream.consumer.errors import Retryable
from spanstream.schemas.triage import FieldStatus
from tests.support.memory.group_machine import GroupMachine
from tests.support.memory.memory_triage import DEADLINE, GROUP, QUESTIONS, TOPICS, MemoryTriage, TriageMember

TICKETS = [f"t{number}" for number in range(4)]
TEXTS = ["FXP-1 stops it.", "GL-88 when saving.", "Nothing works."]


class Triaging(GroupMachine[TriageMember]):
    stream: MemoryTriage
    group = GROUP

    def __init__(self) -> None:
        super().__init__()
        self.texts: dict[str, str] = {}
        self.bad = 0

    @initialize(group_protocol=st.sampled_from(["classic", "consumer"]))
    def begin(self, group_protocol: str) -> None:
        self.stream = MemoryTriage(group_protocol=group_protocol)
        self.join()

    # What helpdesks and consumers do.

    @rule(ticket_id=st.sampled_from(TICKETS), text=st.sampled_from(TEXTS))
    def send_ticket(self, ticket_id: str, text: str) -> None:
        self.texts[ticket_id] = text
        self.stream.ticket(ticket_id, text)

    @rule(key=st.sampled_from(TICKETS))
    def send_garbage(self, key: str) -> None:
        self.bad += 1
        self.stream.send(Outgoing(TOPICS.tickets, key.encode(), b"\xff"))

    @rule(data=st.data(), lost=st.booleans())
    def outcome(self, data: st.DataObject, lost: bool) -> None:
        questions = self.stream.questions()
        if questions:
            record = data.draw(st.sampled_from(questions))
            (self.stream.dead_letter if lost else self.stream.answer)(record)

    @rule()
    def answer_all(self) -> None:
        self.stream.answer_all()

    @rule(topic=st.sampled_from([TOPICS.answers, TOPICS.dead_letters]))
    def others_use_the_topics_too(self, topic: str) -> None:
        self.stream.send(
            Outgoing(topic, b"k", json.dumps({"question_id": "triage:x", "a": "triage.ticket_id"}).encode())
        )

    # What members do.

    @precondition(lambda self: len(self.stream.members) < 3)
    @rule()
    def join(self) -> None:
        self.stream.start(keep_seconds=10_000.0, max_open_tickets=3)

    # What the broker and the clock do.

    @rule(operation=st.sampled_from(["committed", "end_offsets"]))
    def refuse_a_question(self, operation: Any) -> None:
        self.stream.broker.fail_next(operation, Retryable("as the test wants it"))

    @rule()
    def compact(self) -> None:
        self.stream.broker.compact(TOPICS.triage_state)

    @rule(seconds=st.sampled_from([0.6, 5.0, DEADLINE]))
    def pass_time(self, seconds: float) -> None:
        self.stream.clock.sleep(seconds)

    # What holds whatever happens.

    @invariant()
    def revisions_count_from_one_without_a_gap(self) -> None:
        for ticket_id, records in self.stream.triages().items():
            assert [record.revision for record in records] == list(range(1, len(records) + 1)), ticket_id

    def teardown(self) -> None:
        if not hasattr(self, "stream"):
            return
        self.end_refusals()
        self.answered: set[tuple[Partition, int]] = set()
        for _ in range(60):
            for member in 10 * self.stream.members:
                member.turn()
            if self.answer_the_rest():
                break
        assert self.answer_the_rest(), "a ticket has no record of its latest text"
        before = len(self.stream.broker.records(TOPICS.triage))
        for member in list(self.stream.members):
            member.turn(5)
        assert len(self.stream.broker.records(TOPICS.triage)) == before
        assert self.letters() == self.bad
        for member in list(self.stream.members):
            self.stream.close(member)
        self.revisions_count_from_one_without_a_gap()
        self.nothing_committed_is_taken_back()

    def answer_the_rest(self) -> bool:
        """Answers what was not answered here; whether nothing more is to come."""
        for record in self.stream.questions():
            if (record.partition, record.offset) not in self.answered:
                self.stream.answer(record)
                self.answered.add((record.partition, record.offset))
        settled = all(self.is_settled(ticket_id, text) for ticket_id, text in self.texts.items())
        return settled and self.is_all_consumed()

    def is_all_consumed(self) -> bool:
        """Whether the group has committed every record of its topics, the answers written just now included.

        The records alone do not tell that nothing more is to come: a text that came back after another one is asked
        about again, and until its answers are consumed the latest record is the one that was made of it before.
        """
        topics = [topic for topic in TOPICS.consumed_by_triage if topic != TOPICS.triage_state]
        committed = self.stream.broker.committed(GROUP)
        with self.stream.broker.changed:
            logs = [log for topic in topics for log in self.stream.broker.topic(topic).logs]
            return all(committed.get(log.partition, 0) == log.end for log in logs)

    def letters(self) -> int:
        """Bad tickets that were dead-lettered."""
        return sum(record.value == b"\xff" for record in self.stream.broker.records(TOPICS.dead_letters))

    def is_settled(self, ticket_id: str, text: str) -> bool:
        """Tells whether the highest revision is about the latest text, with every question answered."""
        records = self.stream.triages()[ticket_id]
        if not records or not records[-1].complete:
            return False
        fields = records[-1].fields.values()
        is_latest = records[-1].document.sha256 == hashlib.sha256(text.encode()).hexdigest()
        return is_latest and all(result.status is FieldStatus.ANSWERED for result in fields)


Triaging.TestCase.settings = settings(
    max_examples=60, stateful_step_count=25, deadline=None, suppress_health_check=list(HealthCheck)
)
TestTriaging = Triaging.TestCase


@pytest.mark.parametrize("group_protocol", ["classic", "consumer"])
def test_a_text_that_comes_back_after_another_one_has_a_record_of_its_own(group_protocol: str) -> None:
    triaging = Triaging()
    triaging.begin(group_protocol)
    triaging.join()
    first, other = TEXTS[:2]
    triaging.send_ticket("t0", first)
    triaging.stream.until(lambda: len(triaging.stream.questions()) == QUESTIONS)
    triaging.answer_all()
    triaging.stream.until(lambda: bool(triaging.stream.triages()))
    triaging.send_ticket("t0", other)
    triaging.send_ticket("t0", first)
    triaging.teardown()
    records = triaging.stream.triages()["t0"]
    assert [record.document.sha256 for record in records] == 2 * [hashlib.sha256(first.encode()).hexdigest()]
