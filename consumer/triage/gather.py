"""Outcomes of a field's phrasings -> one result: the surest answer in the format, or the best reason why there is none.

for each phrasing: waiting | dead letter | answer ── confidence, format ──> answered, low_confidence, bad_format ...
                                                                 └─> the best of them, in the order of `_RANK`
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from spanstream.consumer.triage.playbook.formats import BadFormat, value_of
from spanstream.schemas.events import ModelInfo, Span
from spanstream.schemas.fields import Closed, Count, Probability, Text
from spanstream.schemas.playbook import FieldSpec
from spanstream.schemas.triage import FieldResult, FieldStatus

# Only a word without end makes a longer one; some of them would make a record that no topic takes.
MAX_ANSWER_CHARS = 2_000

_RANK = (
    FieldStatus.ANSWERED,
    # It may still become an answer.
    FieldStatus.TIMED_OUT,
    FieldStatus.BAD_FORMAT,
    FieldStatus.LOW_CONFIDENCE,
    # Another phrasing did read the ticket and found nothing, but this one did not read it.
    FieldStatus.DEAD_LETTERED,
    FieldStatus.NO_ANSWER,
)


class QuestionOutcome(Closed):
    """What came back for one question: an answer's substance, or the reason of a dead letter."""

    candidate: Span | None = None
    confidence: Probability = 0.0
    null_score_diff: float | None = None
    model: ModelInfo | None = None
    too_long: Count = 0
    dead_letter: Text | None = None

    @classmethod
    def of(
        cls, candidate: Span | None, *, confidence: float, null_score_diff: float | None, model: ModelInfo
    ) -> QuestionOutcome:
        """What counts of an answer; a candidate that is too long is counted, not kept."""
        chars = len(candidate.text) if candidate else 0
        is_kept = chars <= MAX_ANSWER_CHARS
        return cls(
            candidate=candidate if is_kept else None,
            confidence=confidence,
            null_score_diff=null_score_diff,
            model=model,
            too_long=0 if is_kept else chars,
        )

    @property
    def is_answer(self) -> bool:
        """Whether it was read."""
        return self.dead_letter is None


@dataclass(frozen=True, slots=True)
class _Judged:
    status: FieldStatus
    question: str
    value: str | None = None
    detail: str | None = None
    outcome: QuestionOutcome | None = None

    @property
    def rank(self) -> tuple[int, float]:
        return _RANK.index(self.status), -(self.outcome.confidence if self.outcome else 0.0)


def field_result(
    field: FieldSpec, outcomes: Sequence[tuple[str, QuestionOutcome | None]], now: datetime
) -> FieldResult:
    """The result of one field.

    Args:
        field: as the playbook has it.
        outcomes: of each phrasing, in order: its text, and what came back; None: nothing yet.
        now: when the ticket was written.
    """
    best = min((_judge(field, question, outcome, now) for question, outcome in outcomes), key=lambda one: one.rank)
    candidate = best.outcome.candidate if best.outcome else None
    is_answered = best.status is FieldStatus.ANSWERED
    return FieldResult(
        status=best.status,
        value=best.value if is_answered else field.if_missing.value,
        is_default=not is_answered and field.if_missing.value is not None,
        answer=candidate if is_answered else None,
        candidate=candidate,
        confidence=best.outcome.confidence if best.outcome and best.outcome.is_answer else None,
        question=best.question if candidate is not None else None,
        detail=best.detail,
    )


def _judge(field: FieldSpec, question: str, outcome: QuestionOutcome | None, now: datetime) -> _Judged:
    if outcome is None:
        return _Judged(FieldStatus.TIMED_OUT, question)
    if not outcome.is_answer:
        return _Judged(FieldStatus.DEAD_LETTERED, question, detail=outcome.dead_letter, outcome=outcome)
    return _judge_answer(field, question, outcome, now)


def _judge_answer(field: FieldSpec, question: str, outcome: QuestionOutcome, now: datetime) -> _Judged:
    candidate = outcome.candidate
    if outcome.too_long:
        detail = f"{outcome.too_long} characters, at most {MAX_ANSWER_CHARS} are taken"
        return _Judged(FieldStatus.BAD_FORMAT, question, detail=detail, outcome=outcome)
    if candidate is None:
        return _Judged(FieldStatus.NO_ANSWER, question, outcome=outcome)
    if outcome.confidence < field.min_confidence:
        # A candidate that the model itself puts behind "there is none" is no answer, whatever its confidence.
        prefers_none = (outcome.null_score_diff or 0.0) > 0
        status = FieldStatus.NO_ANSWER if prefers_none else FieldStatus.LOW_CONFIDENCE
        return _Judged(status, question, outcome=outcome)
    try:
        value = value_of(candidate.text, field.format, now)
    except BadFormat as error:
        return _Judged(FieldStatus.BAD_FORMAT, question, detail=str(error), outcome=outcome)
    return _Judged(FieldStatus.ANSWERED, question, value=value, outcome=outcome)
