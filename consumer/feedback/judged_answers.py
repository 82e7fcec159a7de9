"""Notes in a feedback's metadata which answer was looked at, and reads whether it was right out of the label.

    Answer ── metadata_of ──> Feedback.metadata ── judged_answer ──> JudgedAnswer

So a label alone says whether a promise was kept: nobody has to find the answer, which is kept for a week only.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from datetime import datetime

from spanstream.models.labelling.labels import ANSWER, ANSWER_CALIBRATION, ANSWER_CONFIDENCE, ANSWERED_AT, SAMPLING
from spanstream.models.labelling.promises import JudgedAnswer
from spanstream.models.metrics.squad_metrics import normalize_answer
from spanstream.schemas.events import Answer
from spanstream.schemas.feedback import Feedback
from spanstream.schemas.fields import format_time


def metadata_of(answer: Answer) -> dict[str, str]:
    """Returns what a feedback on an answer notes of it."""
    return answer_metadata(
        None if answer.answer is None else answer.answer.text,
        answer.confidence,
        answer.model.calibration,
        answer.answered_at,
    )


def answer_metadata(text: str | None, confidence: float, calibration: str, answered_at: datetime) -> dict[str, str]:
    """Returns what a feedback notes of an answer with this text; None: the question was declined."""
    given = {} if text is None else {ANSWER: text}
    noted = {ANSWER_CONFIDENCE: f"{confidence:.6g}", ANSWER_CALIBRATION: calibration}
    return {**given, **noted, ANSWERED_AT: format_time(answered_at)}


def judged_answer(label: Feedback, noted: Mapping[str, str] | None = None) -> JudgedAnswer | None:
    """Returns the answer that a label is about, and whether it is wrong; None where that is not known.

    A suggestion of a model judges nothing.

    Args:
        label: the newest verdict on the answer.
        noted: what is noted of the answer, where the label itself does not say.
    """
    about = {**(noted or {}), **label.metadata}
    if label.source != "person":
        return None
    with suppress(KeyError, ValueError):
        confidence, answered_at = float(about[ANSWER_CONFIDENCE]), datetime.fromisoformat(about[ANSWERED_AT])
        if 0 <= confidence <= 1 and answered_at.tzinfo is not None:
            return JudgedAnswer(
                label.label_key,
                answered_at,
                about[ANSWER_CALIBRATION],
                confidence,
                about.get(SAMPLING),
                label.given_at,
                _is_wrong(about.get(ANSWER), label),
            )
    return None


def _is_wrong(answer: str | None, label: Feedback) -> bool | None:
    if answer is None or label.verdict == "unsure":
        return None
    return label.span is None or normalize_answer(answer) != normalize_answer(label.span.text)
