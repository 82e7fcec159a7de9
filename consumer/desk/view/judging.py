"""Compares answers with what people said of them: how often they are right, and whether the confidence comes true."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

import numpy as np

from spanstream.consumer.desk.view.live_view import LiveView
from spanstream.consumer.desk.view.rows import AnswerRow, FeedbackRow
from spanstream.models.arrays import Float64Array
from spanstream.models.labelling.choosing import uniform_share
from spanstream.models.metrics.reliability import (
    ConfidenceBin,
    Interval,
    Judgement,
    brier_score,
    equal_mass_bins,
    expected_calibration_error,
    with_interval,
)
from spanstream.models.metrics.squad_metrics import exact_score
from spanstream.schemas.feedback import Verdict

LEAST: Final = 20
"""Judged answers below which a figure would say more about chance than about the model."""
_BINS: Final = 8


@dataclass(frozen=True, slots=True)
class ModelQuality:
    """What the feedback says of one version of a model.

    Attributes:
        model: its name and version.
        answers: the questions whose answer by it the desk keeps.
        given: those among them that it gave an answer to.
        judged: those given that somebody judged.
        drawn: those judged that are a uniform draw of all.
        right: share of `judged` that is right; None where there are too few.
        right_of_drawn: the same of `drawn`.
    """

    model: str
    answers: int
    given: int
    judged: int
    drawn: int
    right: Interval | None
    right_of_drawn: Interval | None


@dataclass(frozen=True, slots=True)
class Quality:
    """What the feedback says.

    Attributes:
        verdicts: how often each was given.
        judged: answers with a candidate that somebody judged, and that the desk still has.
        drawn: those among them that are a uniform draw of all.
        accuracy: share of the given answers that are right, by what it is counted over; where there are enough.
        calibration_error: of the confidence, over `judged`; None where there are too few.
        brier: the same.
        bins: for the diagram; over `judged`.
        models: each version of a model, the one that answered last first.
    """

    verdicts: Counter[Verdict] = field(default_factory=Counter)
    judged: int = 0
    drawn: int = 0
    accuracy: dict[str, tuple[int, Interval]] = field(default_factory=dict)
    calibration_error: Interval | None = None
    brier: Interval | None = None
    bins: tuple[ConfidenceBin, ...] = ()
    models: tuple[ModelQuality, ...] = ()


def judge(view: LiveView) -> Quality:
    """Joins answers and feedback, and measures; intervals are of 95 %, whole documents drawn."""
    feedback = view.feedback.all()
    uniform, _ = uniform_share({row.key: row.sampling for row in feedback})
    # What was said of a ticket's field tells of the question that it was read with.
    by_question = {row.question_id or row.key: row for row in sorted(feedback, key=lambda row: row.given_ms)}
    pairs = [(row, by_question[row.question_id]) for row in view.latest_answers() if row.question_id in by_question]
    judged = [(row, said) for row, said in pairs if row.text is not None and _is_about(row, said)]
    everything = [_judgement(row, said) for row, said in judged]
    given = {
        "drawn at random": [(row, said) for row, said in judged if row.status == "answered" and said.key in uniform],
        "all": [(row, said) for row, said in judged if row.status == "answered"],
    }
    is_enough = len(everything) >= LEAST
    return Quality(
        verdicts=Counter(row.verdict for row in feedback),
        judged=len(everything),
        drawn=sum(said.key in uniform for _, said in judged),
        accuracy={
            name: (len(chosen), right) for name, chosen in given.items() if (right := _right(chosen)) is not None
        },
        calibration_error=with_interval(expected_calibration_error, everything) if is_enough else None,
        brier=with_interval(brier_score, everything) if is_enough else None,
        bins=tuple(_bins(everything)) if is_enough else (),
        models=tuple(_by_model(view, by_question, uniform)),
    )


def _by_model(
    view: LiveView, by_question: Mapping[str, FeedbackRow], uniform: Collection[str]
) -> Iterator[ModelQuality]:
    """Judges each model by its own latest answers: a right piece that is known tells of any of them."""
    latest: dict[str, dict[str, AnswerRow]] = {}
    for row in sorted(view.answers.all(), key=lambda row: row.answered_ms):
        of_model = latest.pop(row.model, {})
        of_model[row.question_id] = row
        latest[row.model] = of_model  # the one that answered last stands last
    for model, rows in reversed(latest.items()):
        given = [row for row in rows.values() if row.status == "answered"]
        pairs = [(row, by_question[row.question_id]) for row in given if row.question_id in by_question]
        judged = [(row, said) for row, said in pairs if _is_about(row, said)]
        drawn = [(row, said) for row, said in judged if said.key in uniform]
        right, right_of_drawn = (_right(chosen) for chosen in (judged, drawn))
        yield ModelQuality(model, len(rows), len(given), len(judged), len(drawn), right, right_of_drawn)


def _right(pairs: Sequence[tuple[AnswerRow, FeedbackRow]]) -> Interval | None:
    """Returns the share that is right; None where there are too few."""
    return with_interval(_share_right, [_judgement(*pair) for pair in pairs]) if len(pairs) >= LEAST else None


def _is_about(row: AnswerRow, said: FeedbackRow) -> bool:
    """Whether feedback tells if this candidate is right; not where it is unsure, or about another version."""
    return said.verdict != "unsure" and said.document_sha256 in (None, row.document_sha256)


def _judgement(row: AnswerRow, said: FeedbackRow) -> Judgement:
    right = said.text is not None and exact_score(said.text, row.text or "") == 1.0
    return Judgement(row.confidence, right, row.document_id or row.question_id)


def _share_right(_: Float64Array, right: Float64Array) -> float:
    return float(right.mean())


def _bins(judgements: Sequence[Judgement]) -> list[ConfidenceBin]:
    confidence = np.array([one.confidence for one in judgements])
    return equal_mass_bins(confidence, np.array([float(one.right) for one in judgements]), _BINS)
