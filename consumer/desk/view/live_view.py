"""Keeps the last rows of each topic, for all pages. Threads may share it: one writes, many read."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, TypeVar

from spanstream.consumer.broker.protocols import Record
from spanstream.consumer.desk.view.rows import AnswerRow, FeedbackRow, LetterRow, QuestionRow, RecordPlace, TriageRow
from spanstream.consumer.replay.ledger import Ledger
from spanstream.consumer.replay.letters.letter import LetterState

_Key = TypeVar("_Key")
_Row = TypeVar("_Row")

Condition = Callable[[AnswerRow, str], bool]
"""Whether an answer is wanted, given the text of its question (empty where it is not known)."""


class BoundedRows(Generic[_Key, _Row]):
    """The last rows by key; past `most`, the one that was put first goes. Each call is atomic."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._rows: OrderedDict[_Key, _Row] = OrderedDict()
        self._lock = threading.Lock()

    def put(self, key: _Key, row: _Row) -> None:
        """Adds a row, or replaces the one of this key; it is the newest then."""
        with self._lock:
            self._rows[key] = row
            self._rows.move_to_end(key)
            if len(self._rows) > self._most:
                self._rows.popitem(last=False)

    def remove(self, key: _Key) -> None:
        """Takes a row out, where there is one."""
        with self._lock:
            self._rows.pop(key, None)

    def get(self, key: _Key) -> _Row | None:
        """Returns the row of a key; None where it is not kept."""
        with self._lock:
            return self._rows.get(key)

    def all(self) -> list[_Row]:
        """Returns all rows, the oldest first."""
        with self._lock:
            return list(self._rows.values())

    def clear(self) -> None:
        """Takes all rows out."""
        with self._lock:
            self._rows.clear()

    def __len__(self) -> int:
        return len(self._rows)


@dataclass(frozen=True, slots=True)
class ShownAnswer:
    """An answer with its question's text; empty where the question is not kept."""

    row: AnswerRow
    question: str


class LiveView:
    """The last `most` answers, questions, dead letters and triage records, and the places of documents and tickets."""

    def __init__(self, most: int) -> None:
        self.most = most
        self.answers: BoundedRows[RecordPlace, AnswerRow] = BoundedRows(most)
        self.questions: BoundedRows[str, QuestionRow] = BoundedRows(most)
        self.documents: BoundedRows[str, RecordPlace] = BoundedRows(most)
        self.letters: BoundedRows[RecordPlace, LetterRow] = BoundedRows(most)
        self.triage: BoundedRows[str, TriageRow] = BoundedRows(most)
        self.tickets: BoundedRows[str, RecordPlace] = BoundedRows(most)
        self.feedback: BoundedRows[str, FeedbackRow] = BoundedRows(most)
        self.ledger: Ledger | None = None

    def clear(self) -> None:
        """Forgets everything."""
        self.ledger = None
        for rows in (self.answers, self.questions, self.documents, self.letters, self.triage, self.tickets):
            rows.clear()
        self.feedback.clear()

    def state_of(self, row: LetterRow) -> LetterState:
        """Returns whether a dead letter was dealt with, as far as the ledger was read."""
        return self.ledger.state_of(Record(*row.place, None, None)) if self.ledger else LetterState.OPEN

    def matching(self, wanted: Condition, limit: int) -> tuple[list[ShownAnswer], int]:
        """Returns the newest answers that are wanted, at most `limit`, and how many there are in all."""
        texts = {row.question_id: row.text for row in self.questions.all()}
        rows = [row for row in self.answers.all() if wanted(row, texts.get(row.question_id, ""))]
        rows.sort(key=lambda row: -row.answered_ms)
        return [ShownAnswer(row, texts.get(row.question_id, "")) for row in rows[:limit]], len(rows)

    def shown(self, row: AnswerRow) -> ShownAnswer:
        """Returns an answer with its question's text."""
        question = self.questions.get(row.question_id)
        return ShownAnswer(row, question.text if question else "")

    def of_document(self, document_id: str) -> list[ShownAnswer]:
        """Returns the latest answer to each question about a document, in their order in its text."""
        rows = [row for row in self.latest_answers() if row.document_id == document_id]
        rows.sort(key=lambda row: (row.text is None, row.char_start, row.question_id))
        return [self.shown(row) for row in rows]

    def take_feedback(self, row: FeedbackRow) -> None:
        """Keeps the newest feedback on each answer."""
        known = self.feedback.get(row.key)
        if known is None or known.given_ms <= row.given_ms:
            self.feedback.put(row.key, row)

    def latest_answers(self) -> list[AnswerRow]:
        """Returns the latest answer to each question."""
        latest: dict[str, AnswerRow] = {}
        for row in self.answers.all():
            known = latest.get(row.question_id)
            if known is None or known.answered_ms <= row.answered_ms:
                latest[row.question_id] = row
        return list(latest.values())

    def answered_since(self, since_ms: int) -> int:
        """Counts the answers that were given since then."""
        return sum(row.answered_ms >= since_ms for row in self.answers.all())
