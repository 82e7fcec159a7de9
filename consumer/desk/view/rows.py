"""What is kept of a record: little enough for a hundred thousand of them, with the place where the whole one stands."""

from __future__ import annotations

from dataclasses import dataclass
from sys import intern
from typing import Final, NamedTuple

from spanstream.consumer.broker.protocols import Partition, Record
from spanstream.consumer.clock import to_milliseconds
from spanstream.consumer.replay.letters.letter import Letter
from spanstream.models.labelling.choosing import group_of
from spanstream.models.labelling.labels import SAMPLING
from spanstream.schemas.events import Answer, Question
from spanstream.schemas.feedback import Feedback, Verdict
from spanstream.schemas.triage import Triage

MOST_CHARS: Final = 240
"""Characters that a row keeps of a text."""


class RecordPlace(NamedTuple):
    """Where a record stands: partition and offset, as `PARTITION-OFFSET` in addresses."""

    partition: Partition
    offset: int

    def __str__(self) -> str:
        return f"{self.partition.number}-{self.offset}"


def place_of_record(record: Record) -> RecordPlace:
    """Returns where a record stands."""
    return RecordPlace(record.partition, record.offset)


@dataclass(frozen=True, slots=True)
class AnswerRow:
    """An answer; `text`, `char_start` and `char_end` are its candidate's, None and 0 where there is none.

    So are `document_id` and `document_sha256` of a question about a `collection`: None and empty without a candidate.
    """

    place: RecordPlace
    question_id: str
    document_id: str | None
    document_sha256: str
    status: str
    text: str | None
    char_start: int
    char_end: int
    confidence: float
    model: str
    calibration: str
    answered_ms: int
    collection: str | None


@dataclass(frozen=True, slots=True)
class QuestionRow:
    """A question; its text is cut to `MOST_CHARS`. `group` is that of the whole text, for drawing labels."""

    place: RecordPlace
    question_id: str
    text: str
    group: str


@dataclass(frozen=True, slots=True)
class LetterRow:
    """A dead letter."""

    place: RecordPlace
    reason: str
    detail: str
    origin: str | None
    failed_ms: int | None
    key: bytes | None


@dataclass(frozen=True, slots=True)
class TriageRow:
    """A triage record."""

    place: RecordPlace
    ticket_id: str
    revision: int
    route: str
    priority: str
    complete: bool
    document_id: str
    decided_ms: int


@dataclass(frozen=True, slots=True)
class FeedbackRow:
    """What somebody said of an answer; `text` is the right piece, None where there is none.

    `sampling` says how the answer was drawn; None: it was not.
    """

    key: str
    question_id: str | None
    document_sha256: str | None
    verdict: Verdict
    text: str | None
    given_ms: int
    sampling: str | None


def answer_row(record: Record, answer: Answer) -> AnswerRow:
    """Returns the row of an answer."""
    span = answer.candidate
    return AnswerRow(
        place_of_record(record),
        answer.question_id,
        answer.document_id,
        answer.document_sha256 or "",
        answer.status,
        span.text[:MOST_CHARS] if span else None,
        span.char_start if span else 0,
        span.char_end if span else 0,
        answer.confidence,
        intern(f"{answer.model.name} {answer.model.version}"),
        intern(answer.model.calibration),
        to_milliseconds(answer.answered_at),
        answer.collection and intern(answer.collection),
    )


def question_row(record: Record, question: Question) -> QuestionRow:
    """Returns the row of a question."""
    text = question.question
    return QuestionRow(place_of_record(record), question.question_id, text[:MOST_CHARS], intern(group_of(text)))


def letter_row(letter: Letter) -> LetterRow:
    """Returns the row of a dead letter."""
    record = letter.record
    key = record.key and record.key[:MOST_CHARS]
    place, detail = place_of_record(record), letter.detail[:MOST_CHARS]
    return LetterRow(place, letter.reason, detail, letter.origin, letter.failed_at_ms, key)


def triage_row(record: Record, triage: Triage) -> TriageRow:
    """Returns the row of a triage record."""
    return TriageRow(
        place_of_record(record),
        triage.ticket_id,
        triage.revision,
        triage.route,
        triage.priority,
        triage.complete,
        triage.document.document_id,
        to_milliseconds(triage.times.decided_at),
    )


def feedback_row(feedback: Feedback) -> FeedbackRow:
    """Returns the row of feedback, or of a label."""
    return FeedbackRow(
        feedback.label_key,
        feedback.question_id,
        feedback.document_sha256,
        feedback.verdict,
        feedback.span.text[:MOST_CHARS] if feedback.span else None,
        to_milliseconds(feedback.given_at),
        feedback.metadata.get(SAMPLING),
    )
