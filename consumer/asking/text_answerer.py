"""Answers questions about a text without Kafka: the answers are the events that the stream would publish."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from spanstream.consumer.answering.answer_event import answer_event
from spanstream.consumer.clock import Clock, to_datetime
from spanstream.models.reader import Reader
from spanstream.models.text.read_plan import ReadPlan
from spanstream.schemas.events import Answer, Question
from spanstream.schemas.requests import AnswersRequest

# Windows that are read at a time, as many as one question has at most by default. The stream shares the session: its
# batches take their turn after these.
_WINDOWS_AT_A_TIME: Final = 32

_Asked = tuple[Question, ReadPlan]


@dataclass(frozen=True, slots=True)
class TextAnswerer:
    """Answers questions about texts.

    Attributes:
        reader: the model.
        clock: gives the time of the answers.
    """

    reader: Reader
    clock: Clock

    def answers(self, request: AnswersRequest) -> Iterator[Answer]:
        """Yields one answer for each question, in their order; `metadata.question` echoes it.

        A few questions are read at a time: who takes no further answer saves the work for it.

        Raises:
            QuestionTooLong, InferenceFailed, InvalidSpan: as `Reader.read`; in the stream they become dead letters.
        """
        document = self.reader.tokenize(request.text)
        asked: list[_Asked] = []
        windows = 0
        for number, text in enumerate(request.questions, start=1):
            [plan] = self.reader.plan(request.text, document, [text], max_answers=request.max_answers or 1)
            asked.append((_question(number, text, request), plan))
            windows += max(1, len(plan.windows))  # a blank text has none, and is some work all the same
            if windows >= _WINDOWS_AT_A_TIME:
                yield from self._read(asked)
                asked, windows = [], 0
        yield from self._read(asked)

    def _read(self, asked: Sequence[_Asked]) -> Iterator[Answer]:
        outcomes = self.reader.score([plan for _, plan in asked])
        manifest, answered_at = self.reader.artifact.manifest, to_datetime(self.clock.now_ms())
        for question, plan in asked:
            reading = self.reader.conclude(plan, outcomes)
            yield answer_event(question, plan.document.text_sha256, reading, manifest, answered_at)


def _question(number: int, text: str, request: AnswersRequest) -> Question:
    """Returns the event that would ask this; a text without an id is a context that is brought along."""
    return Question(
        question_id=str(number),
        question=text,
        document_id=request.document_id,
        context=request.text if request.document_id is None else None,
        min_confidence=request.min_confidence,
        metadata={"question": text},
        max_answers=request.max_answers,
    )
