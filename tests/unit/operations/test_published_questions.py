"""Questions that are read back from their topics, with the text that was answered from."""

from __future__ import annotations

from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

import pytest

from spanstream.consumer.broker.memory.broker import MemoryBroker
from spanstream.consumer.broker.protocols import Outgoing
from spanstream.consumer.clock import SystemClock
from spanstream.consumer.errors import Stop
from spanstream.consumer.operations.explaining import compared_with
from spanstream.consumer.operations.published_questions import PublishedQuestion, find_published
from spanstream.consumer.settings import Settings
from spanstream.schemas.answer_parts import ModelInfo, Span, WindowsRead
from spanstream.schemas.codec import encode
from spanstream.schemas.events import Answer, Document, Question

SETTINGS = Settings()
TOPICS = SETTINGS.topics
DOCUMENT = Document(document_id="d", text="Error E42 since Monday.", collections=["kb"])
ASKED = Question(question_id="q", question="Which error?", collection="kb")
SPAN = Span(text="E42", char_start=6, char_end=9)
ANSWER: dict[str, Any] = {
    "question_id": "q",
    "document_id": "d",
    "document_sha256": DOCUMENT.sha256,
    "status": "answered",
    "answer": SPAN,
    "candidate": SPAN,
    "confidence": 0.9,
    "null_score_diff": -1.0,
    "windows": WindowsRead(total=1, read=1),
    "model": ModelInfo(name="m", version="1", precision="int8", calibration="c"),
    "metadata": {},
    "answered_at": datetime(2026, 2, 1, tzinfo=UTC),
    "collection": "kb",
}
NOTHING = {
    **dict.fromkeys(("document_id", "document_sha256", "answer", "candidate", "null_score_diff")),
    "status": "no_answer",
}


def found(*answers: Answer, asked: Question = ASKED) -> PublishedQuestion:
    broker = MemoryBroker()
    for topic in (TOPICS.documents, TOPICS.questions, TOPICS.answers):
        broker.create_topic(topic, 4)
    records = [Outgoing(TOPICS.documents, b"d", encode(DOCUMENT)), Outgoing(TOPICS.questions, b"q", encode(asked))]
    broker.publisher(transactions=False).publish(
        records + [Outgoing(TOPICS.answers, b"q", encode(answer)) for answer in answers], {}
    )
    return find_published("q", SETTINGS, broker.reader, SystemClock())


def test_of_a_collection_the_text_is_that_of_the_document_that_the_latest_answer_quotes() -> None:
    published = found(Answer(**ANSWER | NOTHING), Answer(**ANSWER))
    assert (published.document_id, published.text) == ("d", DOCUMENT.text)


@pytest.mark.parametrize("answers", [[], [Answer(**ANSWER), Answer(**ANSWER | NOTHING)]])
def test_of_a_collection_that_quotes_no_document_there_is_no_text(answers: list[Answer]) -> None:
    with pytest.raises(Stop, match="question q: no document of the collection kb was quoted"):
        found(*answers)


def test_a_question_that_brings_its_text_along_has_no_document() -> None:
    published = found(asked=Question(question_id="q", question="Which error?", context="E7"))
    assert (published.document_id, published.text) == (None, "E7")


def test_a_question_that_names_its_document_needs_no_answer() -> None:
    published = found(asked=Question(question_id="q", question="Which error?", document_id="d"))
    assert (published.document_id, published.text) == ("d", DOCUMENT.text)


def test_an_explanation_says_that_it_is_of_one_document_where_a_collection_was_asked() -> None:
    explanation: Any = SimpleNamespace(model="m 1")
    assert compared_with(Answer(**ANSWER), explanation, DOCUMENT.text).endswith(
        "; asked of the collection kb: the confidence and thresholds above are those of this document alone"
    )
    alone = Answer(**ANSWER | {"collection": None, "retrieved": []})
    assert "collection" not in compared_with(alone, explanation, DOCUMENT.text)
