"""The ids of a ticket's document and questions."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from spanstream.consumer.broker.partitioner import partition_of
from spanstream.consumer.triage.questions import document_id_of, field_questions
from tests.support.memory.memory_triage import small_playbook


@given(st.sampled_from(["a" * 64, "0" * 64]), st.integers(1, 64), st.data())
def test_a_documents_id_leads_to_its_tickets_partition(sha256: str, partitions: int, data: st.DataObject) -> None:
    number = data.draw(st.integers(0, partitions - 1))
    assert partition_of(document_id_of(sha256, number, partitions).encode(), partitions) == number


def test_question_ids_tell_ticket_text_field_phrasing_and_playbook_apart_and_nothing_else() -> None:
    first, second = small_playbook("1"), small_playbook("2")
    ids = [
        question.question_id
        for playbook in (first, second)
        for ticket_id in ("t", "u")
        for sha256 in ("0" * 64, "1" * 64)
        for question in field_questions(ticket_id, sha256, playbook)
    ]
    assert len(set(ids)) == len(ids) == 24
    assert [question.question_id for question in field_questions("t", "0" * 64, first)] == ids[:3]
