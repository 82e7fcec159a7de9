"""Turns the outcomes of a field's phrasings into one result: the surest answer, or the best reason why there is none.

each phrasing: waiting | dead letter | answer ── confidence, format ──> answered, low_confidence, bad_format ...
                                                              └─> the best of them, in the order of `_RANK`
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import structlog

from spanstream.consumer.logs import exception_facts
from spanstream.consumer.triage.decision.formats import BadFormat, formatted_value
from spanstream.consumer.triage.state.ticket_state import MAX_ANSWER_CHARS, QuestionOutcome
from spanstream.schemas.playbook import FieldSpec
from spanstream.schemas.triage import FieldResult, FieldStatus

_log = structlog.get_logger(__name__)

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


@dataclass(frozen=True, slots=True)
class _PhrasingResult:
    status: FieldStatus
    question: str
    value: str | None = None
    detail: str | None = None
    outcome: QuestionOutcome | None = None

    @property
    def rank(self) -> tuple[int, float]:
        return _RANK.index(self.status), -(self.outcome.confidence if self.outcome else 0.0)


def field_result(
    field: FieldSpec, outcomes: Sequence[tuple[str, QuestionOutcome | None]], written_at: datetime
) -> FieldResult:
    """Returns the result of one field.

    Args:
        field: the field as the playbook has it.
        outcomes: for each phrasing, in order: its text, and its outcome; None: there is none yet.
        written_at: when the ticket was written; relative dates count from it.
    """
    results = [_phrasing_result(field, question, outcome, written_at) for question, outcome in outcomes]
    best = min(results, key=lambda result: result.rank)
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


def _phrasing_result(
    field: FieldSpec, question: str, outcome: QuestionOutcome | None, written_at: datetime
) -> _PhrasingResult:
    if outcome is None:
        return _PhrasingResult(FieldStatus.TIMED_OUT, question)
    if not outcome.is_answer:
        return _PhrasingResult(FieldStatus.DEAD_LETTERED, question, detail=outcome.dead_letter, outcome=outcome)
    return _answer_result(field, question, outcome, written_at)


def _answer_result(field: FieldSpec, question: str, outcome: QuestionOutcome, written_at: datetime) -> _PhrasingResult:
    candidate = outcome.candidate
    if outcome.too_long:
        detail = f"{outcome.too_long} characters, at most {MAX_ANSWER_CHARS} are taken"
        return _PhrasingResult(FieldStatus.BAD_FORMAT, question, detail=detail, outcome=outcome)
    if candidate is None:
        return _PhrasingResult(FieldStatus.NO_ANSWER, question, outcome=outcome)
    if outcome.confidence < field.min_confidence:
        # The model itself scores "there is no answer" above this candidate, so it is no answer at any confidence.
        prefers_none = (outcome.null_score_diff or 0.0) > 0
        status = FieldStatus.NO_ANSWER if prefers_none else FieldStatus.LOW_CONFIDENCE
        return _PhrasingResult(status, question, outcome=outcome)
    try:
        value = formatted_value(candidate.text, field.format, written_at)
    except BadFormat as error:
        return _PhrasingResult(FieldStatus.BAD_FORMAT, question, detail=str(error), outcome=outcome)
    except Exception as error:  # noqa: BLE001  whatever it is, it must not cost the ticket its record
        _log.error("formatting_failed", **exception_facts(error))
        detail = f"its format's check raised {type(error).__name__}"
        return _PhrasingResult(FieldStatus.BAD_FORMAT, question, detail=detail, outcome=outcome)
    return _PhrasingResult(FieldStatus.ANSWERED, question, value=value, outcome=outcome)
