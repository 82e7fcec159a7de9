"""Compares the answers that two models gave to the same questions; the report of `spanstream model compare`, format 1.

    [(first answer, second answer)] -> agreement, shift of the confidence, who is right where they differ
                                    -> ModelComparison

Shares and probabilities are 0 to 1. Fields are only ever added to a format.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from itertools import pairwise
from typing import Final, Literal

import numpy as np
from pydantic import Field
from scipy.stats import binomtest

from spanstream.models.artifact import FrozenModel
from spanstream.models.calibrating.guarantee import two_sided_interval
from spanstream.models.evaluation.report import ArtifactFacts
from spanstream.models.metrics.reliability import Interval
from spanstream.models.spans.agreement import Agreement, ModelAnswer

# Bounds of the shift's bins: those in the middle are no change that anybody would notice.
_SHIFTS: Final = (-1.0, -0.5, -0.2, -0.05, 0.05, 0.2, 0.5, 1.0)


class AgreementFigures(FrozenModel):
    """How often two answers stood to each other in which way."""

    counts: dict[Agreement, int]
    same: Interval = Field(description="Share of the same answers, with the exact binomial 95 % interval.")


class ShiftBin(FrozenModel):
    """Questions whose confidence changed by this much, from the first model to the second."""

    low: float
    high: float
    questions: int


class ConfidenceShift(FrozenModel):
    """How the second model's confidence differs from the first's, question by question."""

    mean: float
    median: float
    histogram: tuple[ShiftBin, ...]


class RightFigures(FrozenModel):
    """Which of the two is right; what both get right or wrong says nothing about who is better."""

    both: int
    first_only: int
    second_only: int
    neither: int
    second_share: Interval | None = Field(
        description="Share of the second among the questions that only one gets right, with the exact 95 % interval."
    )
    p_value: float = Field(
        description="Of the exact McNemar (sign) test: how likely so uneven counts are, were both equally good."
    )


class ModelComparison(FrozenModel):
    """Two models on the same questions."""

    first: ArtifactFacts
    second: ArtifactFacts
    questions: int
    agreement: AgreementFigures
    confidence: ConfidenceShift
    right: RightFigures | None = Field(description="Of the questions whose right answer is known; null without any.")


class LiveComparisonReport(FrozenModel):
    """What `spanstream model compare --topics --json` prints, format 1."""

    format: Literal[1] = 1
    since: str | None = Field(description="Answers before this time were left out, UTC; null: none were.")
    comparisons: tuple[ModelComparison, ...] = Field(description="Of each pair of models, the most questions first.")
    labelled: int = Field(description="Questions of whose right answer a person has told.")
    first_alone: int = Field(description="Answers that the second model has none beside: not chosen, or dropped.")
    second_alone: int = Field(description="Second answers whose first one does not stand in its topic.")
    notes: tuple[str, ...]


def compare_answers(
    first: ArtifactFacts, second: ArtifactFacts, pairs: Sequence[tuple[ModelAnswer, ModelAnswer]]
) -> ModelComparison:
    """Compares two models.

    Args:
        first: the one that is compared with.
        second: the one that might take its place.
        pairs: what they said to each question; at least one.
    """
    counts = Counter(one.agreement_with(other) for one, other in pairs)
    same = counts[Agreement.SAME]
    return ModelComparison(
        first=first,
        second=second,
        questions=len(pairs),
        agreement=AgreementFigures(counts={kind: counts[kind] for kind in Agreement}, same=_share(same, len(pairs))),
        confidence=_shift([other.confidence - one.confidence for one, other in pairs]),
        right=_right([(one.right, other.right) for one, other in pairs]),
    )


def _share(count: int, total: int) -> Interval:
    return Interval(count / total, *two_sided_interval(count, total))


def _shift(shifts: Sequence[float]) -> ConfidenceShift:
    counts, _ = np.histogram(shifts, bins=_SHIFTS)
    bins = zip(pairwise(_SHIFTS), counts.tolist(), strict=True)
    return ConfidenceShift(
        mean=float(np.mean(shifts)),
        median=float(np.median(shifts)),
        histogram=tuple(ShiftBin(low=low, high=high, questions=questions) for (low, high), questions in bins),
    )


def _right(pairs: Sequence[tuple[bool | None, bool | None]]) -> RightFigures | None:
    counts = Counter(pair for pair in pairs if None not in pair)
    if not counts:
        return None
    first_only, second_only = counts[True, False], counts[False, True]
    only_one = first_only + second_only
    return RightFigures(
        both=counts[True, True],
        first_only=first_only,
        second_only=second_only,
        neither=counts[False, False],
        second_share=_share(second_only, only_one) if only_one else None,
        p_value=float(binomtest(second_only, only_one).pvalue) if only_one else 1.0,
    )
