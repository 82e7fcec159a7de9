"""Feedback that somebody types: what is made of it, and what is refused before it is published."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from spanstream.consumer.errors import Stop
from spanstream.consumer.feedback.checking import make_label
from spanstream.consumer.feedback.judged_answers import judged_answer
from spanstream.consumer.operations.giving_feedback import (
    Opinion,
    PublishedField,
    feedback_on_field,
    feedback_on_question,
)
from spanstream.consumer.operations.published_questions import PublishedQuestion
from spanstream.consumer.triage.questions import field_questions
from spanstream.schemas.answer_parts import ModelInfo, Span, WindowsRead
from spanstream.schemas.events import Answer, Document, Question
from spanstream.schemas.feedback import Verdict
from spanstream.schemas.triage import Triage
from tests.support.memory.memory_triage import MemoryTriage, small_playbook

TEXT = "The export stops with error FXP-4107 since Tuesday, and FXP-4107 is new."
DOCUMENT = Document(document_id="d", text=TEXT)
SPAN = Span(text="FXP-4107", char_start=28, char_end=36)
QUESTION = Question(question_id="q", question="Which error?", document_id="d")
NOW = datetime(2026, 1, 1, tzinfo=UTC)


def opinion(verdict: Verdict, text: str | None = None, nth: int | None = None) -> Opinion:
    return Opinion(verdict, text, nth, "agent-7", NOW)


def answered(span: Span | None = SPAN, **fields: Any) -> Answer:
    event: dict[str, Any] = {
        "question_id": "q",
        "document_id": "d",
        "document_sha256": DOCUMENT.sha256,
        "status": "no_answer" if span is None else "answered",
        "answer": span,
        "candidate": SPAN,
        "confidence": 0.5,
        "null_score_diff": -1.0,
        "windows": WindowsRead(total=1, read=1),
        "model": ModelInfo(name="m", version="1", precision="int8", calibration="c"),
        "metadata": {},
        "answered_at": NOW,
    }
    return Answer(**(event | fields))


@pytest.mark.parametrize(
    ("said", "quoted"),
    [
        (opinion("accepted"), SPAN),
        (opinion("corrected", "Tuesday"), Span(text="Tuesday", char_start=43, char_end=50)),
        (opinion("corrected", " Tuesday\n"), Span(text="Tuesday", char_start=43, char_end=50)),
        (opinion("corrected", "FXP-4107", 2), Span(text="FXP-4107", char_start=56, char_end=64)),
        (opinion("no_answer"), None),
        (opinion("unsure"), None),
    ],
)
def test_what_is_said_of_an_answer_becomes_feedback_that_holds(said: Opinion, quoted: Span | None) -> None:
    feedback = feedback_on_question(PublishedQuestion(QUESTION, TEXT, answered()), said)
    assert (feedback.verdict, feedback.span, feedback.by) == (said.verdict, quoted, "agent-7")
    assert make_label(feedback, lambda _: DOCUMENT) == feedback
    judged = judged_answer(feedback)
    assert judged is not None
    assert (judged.calibration, judged.confidence, judged.answered_at) == ("c", 0.5, NOW)
    right = said.verdict == "accepted" or said.text == SPAN.text
    assert judged.is_wrong is (None if said.verdict == "unsure" else not right)


@pytest.mark.parametrize(
    "damaged", [{"answer_confidence": "much"}, {"answer_confidence": "nan"}, {"answered_at": "today"}]
)
def test_what_is_not_noted_as_it_should_be_judges_nothing(damaged: dict[str, str]) -> None:
    feedback = feedback_on_question(PublishedQuestion(QUESTION, TEXT, answered()), opinion("accepted"))
    assert judged_answer(feedback.model_copy(update={"metadata": feedback.metadata | damaged})) is None
    assert judged_answer(feedback.model_copy(update={"metadata": {}})) is None
    assert judged_answer(feedback.model_copy(update={"source": "suggested"})) is None


def test_a_declined_question_is_no_wrong_answer() -> None:
    feedback = feedback_on_question(PublishedQuestion(QUESTION, TEXT, answered(None)), opinion("corrected", "Tuesday"))
    judged = judged_answer(feedback)
    assert judged is not None
    assert judged.is_wrong is None


def test_a_question_that_brought_its_text_along_gives_it_to_its_feedback() -> None:
    inline = Question(question_id="q", question="Which error?", context=TEXT)
    feedback = feedback_on_question(PublishedQuestion(inline, TEXT, None), opinion("corrected", "Tuesday"))
    assert (feedback.document_id, feedback.context) == (None, TEXT)
    assert make_label(feedback, lambda _: None) == feedback


def test_feedback_on_a_collections_answer_is_about_the_document_that_it_quotes_and_keyed_by_it() -> None:
    asked = Question(question_id="q", question="Which error?", collection="kb")
    published = PublishedQuestion(asked, TEXT, answered(collection="kb"))
    feedback = feedback_on_question(published, opinion("accepted"))
    assert (feedback.document_id, feedback.context, feedback.record_key) == ("d", None, "d")
    assert make_label(feedback, lambda _: DOCUMENT) == feedback


REFUSED = {
    "is new.": (answered(None), opinion("accepted"), "was declined: there is no answer to accept; --no-answer"),
    "no answer": (None, opinion("accepted"), "there is no answer to accept"),
    "another text": (answered(document_sha256="0" * 64), opinion("unsure"), "has changed since it was answered"),
    "nowhere": (answered(), opinion("corrected", "GL-88"), "does not stand in the document, verbatim"),
    "inside": (answered(), opinion("corrected", "FXP-41"), "only inside of words"),
    "twice": (answered(), opinion("corrected", "FXP-4107"), r"at 2 places in the document \(28, 56\); --nth"),
    "past the last": (answered(), opinion("corrected", "FXP-4107", 3), "not at 3"),
    "nothing": (answered(), opinion("corrected", ""), "does not stand in the document"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_does_not_fit_is_refused_in_one_line_without_a_text(name: str) -> None:
    answer, said, why = REFUSED[name]
    with pytest.raises(Stop, match=why) as refused:
        feedback_on_question(PublishedQuestion(QUESTION, TEXT, answer), said)
    assert "export" not in str(refused.value)


@pytest.fixture
def record() -> Triage:
    stream = MemoryTriage()
    stream.ask_about("T", TEXT)
    stream.answer_all()
    stream.until(lambda: bool(stream.triages()))
    return stream.latest("T")


def test_what_is_said_of_a_field_names_the_ticket_and_the_question_that_was_asked(record: Triage) -> None:
    feedback = feedback_on_field(PublishedField(record, "error", TEXT), opinion("corrected", "Tuesday"))
    asked = {one.question_id: one for one in field_questions("T", record.document.sha256, small_playbook())}
    assert asked[feedback.question_id or ""].field == "error"
    assert feedback.label_key == "T\terror"
    assert feedback.question == asked[feedback.question_id or ""].text
    assert make_label(feedback, lambda _: DOCUMENT) == feedback


def test_a_field_that_is_not_there_or_of_another_text_is_refused(record: Triage) -> None:
    with pytest.raises(Stop, match="no such field; it has error, product"):
        feedback_on_field(PublishedField(record, "colour", TEXT), opinion("unsure"))
    with pytest.raises(Stop, match="text is another one now"):
        feedback_on_field(PublishedField(record, "error", "another"), opinion("unsure"))
