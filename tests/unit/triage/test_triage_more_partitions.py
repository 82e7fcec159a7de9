"""A ticket stream whose topics get more partitions while it runs."""

from __future__ import annotations

import pytest

from spanstream.consumer.broker.partitioner import partition_of
from tests.support.memory.memory_triage import QUESTIONS, TEXT, TOPICS, MemoryTriage

BEFORE, AFTER = 2, 3
# Lands in the partition that is new.
NEW = next(f"t-{number}" for number in range(99) if partition_of(b"t-%d" % number, AFTER) == AFTER - 1)
# Lands in the same partition as before.
SAME = next(
    f"t-{number}" for number in range(99) if len({partition_of(b"t-%d" % number, n) for n in (BEFORE, AFTER)}) == 1
)

pytestmark = pytest.mark.timeout(60)


def enlarge(stream: MemoryTriage, *topics: str) -> None:
    for topic in topics:
        stream.broker.add_partitions(topic, AFTER)


@pytest.mark.parametrize("group_protocol", ["classic", "consumer"])
def test_a_ticket_in_a_new_partition_is_asked_about_there_and_gets_its_record(group_protocol: str) -> None:
    stream = MemoryTriage(partitions=BEFORE, group_protocol=group_protocol)
    stream.start().turn(5)
    enlarge(stream, *stream.all_topics)
    stream.ask_about(NEW)
    assert {record.partition.number for record in stream.questions(NEW)} == {AFTER - 1}
    assert {partition_of(record.key or b"", AFTER) for record in stream.questions(NEW)} == {AFTER - 1}
    stream.answer_all()
    stream.until(lambda: bool(stream.triages()))
    assert stream.latest(NEW).complete


def test_a_ticket_in_a_partition_that_its_questions_do_not_have_yet_waits_for_it_and_holds_up_no_other() -> None:
    stream = MemoryTriage(partitions=BEFORE)
    member = stream.start()
    member.turn(5)
    enlarge(stream, *TOPICS.consumed_by_triage)
    stream.ticket(NEW, TEXT)
    member.turn(20)
    stream.ask_about("other")
    assert "same number of partitions" in member.application.health.waiting_for
    assert not stream.questions(NEW)
    enlarge(stream, TOPICS.questions, TOPICS.documents)
    stream.until(lambda: len(stream.questions(NEW)) == QUESTIONS)
    assert not stream.broker.records(TOPICS.dead_letters)


def test_a_ticket_sent_again_after_its_topics_were_enlarged_is_asked_about_under_a_key_that_leads_to_it() -> None:
    stream = MemoryTriage(partitions=BEFORE)
    stream.ask_about(SAME)
    old = stream.questions()
    enlarge(stream, *stream.all_topics)
    stream.members[0].turn(5)
    stream.ask_about(SAME)
    new = stream.questions()[QUESTIONS:]
    assert {partition_of(record.key or b"", AFTER) for record in new} == {record.partition.number for record in old}
    assert {stream.question(record).question_id for record in new} == {
        stream.question(record).question_id for record in old
    }
    for record in new:
        stream.answer(record)
    stream.until(lambda: bool(stream.triages()))
    assert stream.latest(SAME).document.document_id.encode() == new[0].key
