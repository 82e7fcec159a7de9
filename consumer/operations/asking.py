"""Asks questions about a text without Kafka: the answers are the events that the stream would publish."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from pydantic_core import to_json

from spanstream.consumer.answering.answer_event import answer_event
from spanstream.consumer.clock import Clock, to_datetime
from spanstream.models.reader import Reader
from spanstream.schemas.codec import decode_document, decode_question
from spanstream.schemas.events import Answer
from spanstream.schemas.limits import Limits


@dataclass(frozen=True, slots=True)
class TextAnswerer:
    """Answers questions about texts, within the limits that hold for records.

    Attributes:
        reader: the model.
        limits: how long a text and a question may be.
        clock: gives the time of the answers.
    """

    reader: Reader
    limits: Limits
    clock: Clock

    def answer(self, name: str, text: str, questions: Sequence[str]) -> list[Answer]:
        """Returns one answer for each question, in their order; `metadata.question` echoes it.

        Args:
            name: becomes the document's id.
            text: what is read.
            questions: what is asked.

        Raises:
            InvalidRecord: the text or a question is too long, or a question has nothing to read.
            QuestionTooLong, InferenceFailed, InvalidSpan: as `Reader.read`; in the stream they become dead letters.
        """
        document = decode_document(to_json({"document_id": name, "text": text}), self.limits)
        asked = []
        for number, question in enumerate(questions, start=1):
            event = {"question_id": str(number), "question": question, "document_id": name}
            asked.append(decode_question(to_json({**event, "metadata": {"question": question}}), self.limits))
        readings = self.reader.read(document.text, questions)
        manifest, answered_at = self.reader.artifact.manifest, to_datetime(self.clock.now_ms())
        return [
            answer_event(question, document.sha256, reading, manifest, answered_at)
            for question, reading in zip(asked, readings, strict=True)
        ]
