"""Finds a question that was published, the text it is about, and what was answered then."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from typing import TypeVar

from spanstream.consumer.broker.protocols import PartitionReader, Record
from spanstream.consumer.broker.reading import tail
from spanstream.consumer.clock import Clock
from spanstream.consumer.errors import Stop
from spanstream.consumer.formats.opening import open_formats
from spanstream.consumer.replay.current_documents import CurrentDocuments
from spanstream.consumer.settings import Settings
from spanstream.schemas.errors import InvalidRecord
from spanstream.schemas.events import Answer, Question

_PATIENCE_SECONDS = 30.0
_Event = TypeVar("_Event", Question, Answer)


@dataclass(frozen=True, slots=True)
class PublishedQuestion:
    """A question as it was published last.

    Attributes:
        question: the event.
        text: of its context, or of the document as it stands now: of a collection, the one that was quoted.
        answer: the latest one that was published; None: none stands in the topic.
    """

    question: Question
    text: str
    answer: Answer | None

    @property
    def document_id(self) -> str | None:
        """The document whose text it is; None: it is the question's context."""
        return document_of(self.question, self.answer)


def find_published(
    question_id: str, settings: Settings, open_reader: Callable[[], PartitionReader], clock: Clock
) -> PublishedQuestion:
    """Reads the questions, the answers and the documents from their topics.

    Args:
        question_id: of the question.
        settings: name the topics.
        open_reader: opens a reader; each of them is closed.
        clock: bounds how long Kafka may be silent.

    Raises:
        Stop: there is no such question, its document is gone, or its collection gave none; the text says which.
        Retryable: Kafka did not answer in time.
    """
    formats = open_formats(settings).patient(clock, _PATIENCE_SECONDS)
    with closing(open_reader()) as reader:
        question = _latest(reader, settings.topics.questions, formats.question, question_id)
    if question is None:
        raise Stop(f"there is no question {question_id} in {settings.topics.questions}")
    with closing(open_reader()) as reader:
        answer = _latest(reader, settings.topics.answers, formats.answer, question_id)
    if question.context is not None:
        return PublishedQuestion(question, question.context, answer)
    document_id = document_of(question, answer)
    if document_id is None:
        raise Stop(
            f"question {question_id}: no document of the collection {question.collection} was quoted",
            hint=f"`spanstream ask --collection {question.collection}` shows what is looked at now",
        )
    with closing(CurrentDocuments(open_reader(), settings, formats, clock, _PATIENCE_SECONDS)) as documents:
        document = documents.find(document_id)
    if document is None:
        raise Stop(f"question {question_id}: its document {document_id} is not in {settings.topics.documents}")
    return PublishedQuestion(question, document.text, answer)


def document_of(question: Question, answer: Answer | None) -> str | None:
    """Returns the document that a question names; of a collection, the one that its answer quotes."""
    if question.collection is None:
        return question.document_id
    return None if answer is None else answer.document_id


def _latest(reader: PartitionReader, topic: str, read: Callable[[Record], _Event], question_id: str) -> _Event | None:
    """Returns the latest event of a question in a topic; what cannot be read is passed over."""
    found = None
    for record in tail(reader, topic):
        try:
            event = read(record)
        except InvalidRecord:
            continue
        if event.question_id == question_id:
            found = event
    return found
