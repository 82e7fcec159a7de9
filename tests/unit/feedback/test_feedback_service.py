"""What becomes of feedback, and of its labels when documents change, over a broker in memory."""

from __future__ import annotations

from datetime import timedelta

import pytest

from spanstream.consumer.broker.protocols import Outgoing
from spanstream.consumer.clock import to_datetime
from spanstream.consumer.errors import CircuitOpen, Fenced, Retryable, Stop
from spanstream.consumer.feedback.judged_answers import answer_metadata
from spanstream.consumer.settings import CircuitSettings, ModelSettings
from spanstream.schemas.answer_parts import Span
from spanstream.schemas.codec import encode
from spanstream.schemas.dead_letters import Reason, Stage
from spanstream.schemas.events import Document
from spanstream.schemas.feedback import TicketField
from tests.support.memory.memory_feedback import GROUP, QUOTED, TEXT, TOPICS, MemoryFeedback, sha256_of, span_of

OTHER = "Since Monday it stops with GL-88."


@pytest.fixture
def stream() -> MemoryFeedback:
    stream = MemoryFeedback()
    stream.document("d")
    stream.start()
    return stream


def test_what_holds_becomes_a_label_in_its_documents_partition_with_everything_filled_in(
    stream: MemoryFeedback,
) -> None:
    said = stream.say("q", verdict="corrected", by="agent-7", metadata={"tool": "desk"})
    stream.settle()
    (label,) = stream.labels().values()
    assert label == said.identified()
    (record,) = stream.label_records()
    headers = dict(record.headers)
    assert headers["ce_id"] == (label.feedback_id or "").encode()
    assert headers["ce_type"] == b"dev.spanstream.feedback.v1"
    assert stream.members[0].metric("labels_total", verdict="corrected", source="person") == 1
    assert stream.members[0].metric("records_total", outcome="labelled") == 1


@pytest.mark.parametrize("verdict", ["no_answer", "unsure"])
def test_a_verdict_without_a_span_is_a_label_too(stream: MemoryFeedback, verdict: str) -> None:
    stream.say("q", verdict=verdict)
    stream.settle()
    assert stream.verdicts() == {"q": verdict}


def test_an_inline_context_is_checked_and_kept_with_the_label(stream: MemoryFeedback) -> None:
    stream.give(stream.feedback("q", None, document_sha256=None))
    stream.say("other", None, span=Span(text="GL-88", char_start=0, char_end=5))
    stream.settle()
    label = stream.labels()["q"]
    assert (label.context, label.document_sha256) == (TEXT, sha256_of(TEXT))
    assert stream.reasons() == [Reason.SPAN_MISMATCH]


def test_the_newest_verdict_counts_in_whatever_order_they_come(stream: MemoryFeedback) -> None:
    first, second, third = (stream.feedback("q", verdict=verdict) for verdict in ("accepted", "unsure", "no_answer"))
    for feedback in (second, first):
        stream.give(feedback)
    stream.settle()
    assert stream.verdicts() == {"q": "unsure"}
    stream.give(third)
    stream.settle()
    assert stream.verdicts() == {"q": "no_answer"}
    assert stream.members[0].metric("records_total", outcome="superseded") == 1


def test_a_suggestion_never_takes_a_persons_place(stream: MemoryFeedback) -> None:
    stream.say("q", verdict="unsure", source="suggested")
    stream.settle()
    stream.say("q", given_at=to_datetime(0))
    stream.say("q", verdict="no_answer", source="suggested")
    stream.settle()
    assert {key: (label.verdict, label.source) for key, label in stream.labels().items()} == {
        "q": ("accepted", "person")
    }


def test_the_same_feedback_again_is_no_second_label(stream: MemoryFeedback) -> None:
    said = stream.say("q")
    stream.give(said)
    stream.settle()
    stream.give(said)
    stream.settle()
    assert len(stream.label_records()) == 1
    assert stream.members[0].metric("records_total", outcome="repeated") == 2


def test_a_tickets_fields_have_a_label_each_whatever_question_asked_them(stream: MemoryFeedback) -> None:
    for name, question_id in (("error", "q1"), ("product", None), ("error", "q2")):
        stream.give(stream.feedback(question_id, field=TicketField(ticket_id="T", name=name)))
    stream.settle()
    assert stream.labels().keys() == {"T\terror", "T\tproduct"}
    assert stream.labels()["T\terror"].question_id == "q2"


def test_the_promise_is_tested_with_each_label_that_says_what_was_looked_at_and_forgets_those_that_go(
    stream: MemoryFeedback,
) -> None:
    member = stream.members[0]
    member.turn()
    assert member.promise("evidence", "confidence") == 1
    stream.document("other")
    noted = answer_metadata(QUOTED, 0.9, "c", to_datetime(0)) | {"sampling": "random"}
    for number in range(12):
        document, verdict = ("d", "accepted") if number % 2 else ("other", "no_answer")
        stream.say(f"q-{number}", document, verdict=verdict, metadata=noted)
    stream.say("unknown", verdict="no_answer")
    stream.settle()
    stream.clock.sleep(120)
    member.turn()
    assert (member.promise("labels", "confidence"), member.promise("wrong", "confidence")) == (12, 6)
    assert member.promise("evidence", "confidence") > 20
    assert 0.1 < member.promise("least_wrong_ratio", "confidence") < 0.5
    assert 0.5 < member.promise("most_wrong_ratio", "confidence") < 1
    stream.document("other", None)
    stream.settle()
    stream.clock.sleep(120)
    member.turn()
    assert (member.promise("labels", "confidence"), member.promise("wrong", "confidence")) == (6, 0)


def test_a_guarantee_of_the_settings_is_tested_too() -> None:
    stream = MemoryFeedback()
    stream.document("d")
    member = stream.start(model=ModelSettings(threshold="guarantee-90"))
    noted = answer_metadata(QUOTED, 0.6, "c", to_datetime(0)) | {"sampling": "random"}
    for number in range(12):
        stream.say(f"q-{number}", verdict="accepted" if number % 2 else "no_answer", metadata=noted)
    stream.settle()
    stream.clock.sleep(120)
    member.turn()
    assert member.promise("evidence", "confidence") < 20 < member.promise("evidence", "allowed")


def test_what_does_not_hold_is_a_dead_letter_that_says_why(stream: MemoryFeedback) -> None:
    member = stream.members[0]
    wrong = {
        Reason.DOCUMENT_MISSING: stream.feedback("q", "other"),
        Reason.DOCUMENT_CHANGED: stream.feedback("q", text=OTHER, quoted="GL-88"),
        Reason.SPAN_MISMATCH: stream.feedback("q", span=Span(text=QUOTED, char_start=0, char_end=8)),
        Reason.INVALID_EVENT: stream.feedback("q", given_at=to_datetime(stream.clock.now_ms() + 7_200_000)),
    }
    for feedback in wrong.values():
        stream.give(feedback)
    stream.send_raw(b"d", b"{")
    stream.settle()
    letters = {letter.reason: letter for letter in stream.letters()}
    assert letters.keys() == {*wrong, Reason.UNDECODABLE}
    assert stream.labels() == {}
    assert letters[Reason.DOCUMENT_CHANGED].stage is Stage.RESOLVE
    assert letters[Reason.SPAN_MISMATCH].stage is Stage.VALIDATE
    assert (letters[Reason.SPAN_MISMATCH].candidate or {})["text"] == QUOTED
    assert all(TEXT not in letter.detail and QUOTED not in letter.detail for letter in letters.values())
    assert member.metric("dead_letters_total", reason="span_mismatch") == 1


def test_a_span_that_cuts_a_word_or_shows_nothing_is_refused(stream: MemoryFeedback) -> None:
    stream.say("q1", quoted="FXP-410")
    stream.say("q2", quoted=" ")
    stream.say("q3", quoted="error FXP-4107")
    stream.settle()
    assert stream.labels().keys() == {"q3"}
    assert stream.reasons() == [Reason.SPAN_MISMATCH, Reason.SPAN_MISMATCH]


def test_a_key_that_is_not_the_documents_is_refused(stream: MemoryFeedback) -> None:
    stream.send_raw(b"another", encode(stream.feedback("q")))
    stream.settle()
    assert stream.reasons() == [Reason.INVALID_EVENT]


def test_a_document_that_is_published_right_before_is_the_one_that_is_looked_at(stream: MemoryFeedback) -> None:
    for number in range(20):
        text = f"The code is E{number}."
        stream.document("d", text)
        stream.say("q", text=text, quoted=f"E{number}")
        stream.settle()
        assert (stream.labels()["q"].span or span_of(TEXT, QUOTED)).text == f"E{number}"
    assert stream.reasons() == []


def test_when_a_document_is_deleted_its_labels_are_and_no_others(stream: MemoryFeedback) -> None:
    stream.document("e")
    for question_id, document_id in (("q1", "d"), ("q2", "d"), ("q3", "e"), ("q4", None)):
        stream.say(question_id, document_id)
    stream.settle()
    stream.document("d", None)
    stream.until(lambda: len(stream.labels()) < 4)
    assert stream.labels().keys() == {"q3", "q4"}
    assert stream.members[0].metric("labels_deleted_total") == 2


def test_when_a_document_gets_another_text_the_labels_of_the_old_one_are_deleted(stream: MemoryFeedback) -> None:
    stream.say("q")
    stream.settle()
    stream.document("d")  # the same again
    stream.settle()
    assert stream.labels().keys() == {"q"}
    stream.document("d", OTHER)
    stream.until(lambda: not stream.labels())


def test_a_latest_record_that_is_no_document_takes_the_labels_along(stream: MemoryFeedback) -> None:
    stream.say("q")
    stream.settle()
    stream.send(Outgoing(TOPICS.documents, b"d", b"{"))
    stream.until(lambda: not stream.labels())
    stream.say("q")
    stream.settle()
    assert stream.reasons() == [Reason.DOCUMENT_MISSING]


@pytest.mark.parametrize("compacted", [False, True])
def test_a_document_that_went_while_nobody_ran_takes_its_labels_along(stream: MemoryFeedback, compacted: bool) -> None:
    stream.document("e")
    stream.say("q1")
    stream.say("q2", "e")
    stream.settle()
    stream.close(stream.members[0])
    stream.document("d", None)
    stream.document("e", OTHER)
    if compacted:
        stream.broker.compact(TOPICS.documents)
    stream.start()
    stream.until(lambda: not stream.labels())


def test_labels_survive_a_restart_and_are_known_to_the_next_member(stream: MemoryFeedback) -> None:
    said = stream.say("q")
    stream.settle()
    stream.close(stream.members[0])
    stream.start()
    stream.give(said)
    stream.say("q", verdict="unsure", given_at=said.given_at - timedelta(seconds=1))
    stream.settle()
    assert len(stream.label_records()) == 1
    assert stream.members[0].metric("known_labels") == 1


def test_a_lost_reply_or_a_fence_makes_no_second_label(stream: MemoryFeedback) -> None:
    stream.broker.lose_next_reply()
    stream.say("q1")
    stream.settle()
    stream.broker.fail_next("publish", Fenced("as the test wants it"))
    stream.say("q2")
    stream.settle()
    assert len(stream.label_records()) == 2
    stream.broker.lose_next_reply()
    stream.document("d", None)
    stream.until(lambda: not stream.labels())
    assert len(stream.label_records()) == 4


@pytest.mark.parametrize("operation", ["end_offsets", "committed", "read_at"])
def test_a_broker_that_does_not_answer_is_asked_again(operation: str) -> None:
    stream = MemoryFeedback()
    stream.document("d")
    for _ in range(3):
        stream.broker.fail_next(operation, Retryable("as the test wants it"))  # type: ignore[arg-type]
    stream.start()
    stream.say("q")
    stream.settle()
    assert stream.labels().keys() == {"q"}


def test_a_documents_topic_that_is_replaced_is_read_anew(stream: MemoryFeedback) -> None:
    stream.say("q")
    stream.settle()
    stream.broker.create_topic(TOPICS.documents, stream.partitions)
    stream.document("e")
    stream.say("q2", "e")
    stream.settle()
    stream.until(lambda: stream.labels().keys() == {"q2"})


def test_a_label_that_its_topic_does_not_take_is_a_dead_letter(stream: MemoryFeedback) -> None:
    stream.broker.create_topic(TOPICS.labels, stream.partitions, max_record_bytes=900)
    stream.close(stream.members[0])
    stream.start()
    stream.say("large", metadata={"note": "x" * 900})
    stream.say("small")
    stream.settle()
    assert stream.labels().keys() == {"small"}
    assert stream.reasons() == [Reason.TOO_LARGE]


def test_the_circuit_stops_before_a_wrong_topic_is_emptied_into_the_dead_letters() -> None:
    stream = MemoryFeedback()
    member = stream.start(CircuitSettings(window=20, min_records=10, max_share=0.5))
    for number in range(40):
        stream.send_raw(str(number).encode(), b"garbage")
    with pytest.raises(CircuitOpen):
        member.turn(200)
    assert stream.letters() == []


def test_topics_of_different_numbers_of_partitions_are_refused_at_the_start() -> None:
    stream = MemoryFeedback()
    stream.broker.create_topic(TOPICS.labels, 5)
    with pytest.raises(Stop, match=r"feedback needs topics with the same number of partitions.*qa.labels 5"):
        stream.start()


def test_without_transactions_the_same_labels_come_out() -> None:
    stream = MemoryFeedback(transactions=False)
    stream.document("d")
    stream.start()
    stream.say("q")
    stream.settle()
    stream.document("d", None)
    stream.until(lambda: not stream.labels())


def test_nothing_is_fetched_before_labels_and_documents_are_read(stream: MemoryFeedback) -> None:
    assert stream.members[0].service._waiting_for() == "partitions"
    stream.settle()
    assert stream.members[0].service._waiting_for() == ""
    assert stream.broker.committed(GROUP).keys() >= set(stream.broker.topic(TOPICS.feedback).partitions)


def test_a_document_of_the_size_of_a_memory_is_read_back_from_its_topic(stream: MemoryFeedback) -> None:
    stream.send(Outgoing(TOPICS.documents, b"e", encode(Document(document_id="e", text=TEXT))))
    stream.say("q", "e")
    stream.settle()
    assert stream.labels().keys() == {"q"}
