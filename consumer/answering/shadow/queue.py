"""Holds the questions that wait for the second model, bounded by their number and by their bytes."""

from __future__ import annotations

import sys
from collections import deque
from dataclasses import dataclass
from threading import Condition

from spanstream.consumer.answering.question_record import QuestionRecord
from spanstream.models.text.read_plan import ReadPlan
from spanstream.schemas.events import Answer, Question

# A token takes 16 bytes; see `prepare`.
_BYTES_PER_CHAR = 16


@dataclass(frozen=True, slots=True)
class AnsweredQuestion:
    """A question that the first model has answered: its record, its windows and its answer."""

    record: QuestionRecord
    question: Question
    plan: ReadPlan
    answer: Answer

    @property
    def size(self) -> int:
        """Bytes of the text and its tokenization, about."""
        return sys.getsizeof(self.plan.text) + len(self.plan.text) * _BYTES_PER_CHAR


class ShadowQueue:
    """Takes questions from one thread and gives them to another.

    Args:
        max_questions: it is full with so many ...
        max_bytes: ... or so many bytes of texts and tokenizations.
    """

    def __init__(self, *, max_questions: int, max_bytes: int) -> None:
        self._max_questions = max_questions
        self._max_bytes = max_bytes
        self._waiting: deque[AnsweredQuestion] = deque()
        self._bytes = 0
        self._is_closed = False
        self._changed = Condition()

    def __len__(self) -> int:
        return len(self._waiting)

    @property
    def is_closed(self) -> bool:
        """Whether nothing is taken and given any more."""
        return self._is_closed

    def put(self, question: AnsweredQuestion) -> bool:
        """Adds a question; returns whether there was room for it."""
        with self._changed:
            if len(self._waiting) >= self._max_questions or self._bytes + question.size > self._max_bytes:
                return False
            self._waiting.append(question)
            self._bytes += question.size
            self._changed.notify()
        return True

    def take(self) -> AnsweredQuestion | None:
        """Waits for the next question; None once the queue is closed."""
        with self._changed:
            self._changed.wait_for(lambda: self._waiting or self._is_closed)
            if self._is_closed:
                return None
            question = self._waiting.popleft()
            self._bytes -= question.size
            return question

    def forget(self, text_sha256: str) -> None:
        """Drops the questions about a text."""
        with self._changed:
            self._waiting = deque(
                question for question in self._waiting if question.plan.document.text_sha256 != text_sha256
            )
            self._bytes = sum(question.size for question in self._waiting)

    def close(self) -> None:
        """Drops everything; nothing is taken any more."""
        with self._changed:
            self._waiting.clear()
            self._is_closed = True
            self._changed.notify_all()
