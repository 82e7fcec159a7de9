"""How far a confidence can be trusted: calibration error, Brier score, risk over coverage, with bootstrap intervals.

[Judgement(confidence, right or not, paragraph)] -> figures
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float64]
Metric = Callable[[FloatArray, FloatArray], float]

BINS: Final = 15
_RESAMPLES: Final = 1000
_SEED: Final = 20


@dataclass(frozen=True, slots=True)
class Judgement:
    """A confidence, 0 to 1, whether the candidate was right, and the paragraph it was read in."""

    confidence: float
    right: bool
    paragraph: str


@dataclass(frozen=True, slots=True)
class Interval:
    """A figure with its 95 % interval."""

    value: float
    low: float
    high: float


def expected_calibration_error(confidence: FloatArray, right: FloatArray) -> float:
    """Mean gap between confidence and accuracy over bins of equal mass (Nixon et al. 2019), 0 to 1.

    Args:
        confidence: (questions,) probabilities.
        right: (questions,) 1.0 or 0.0.
    """
    order = np.argsort(confidence, kind="stable")
    gaps = [
        len(members) * abs(confidence[members].mean() - right[members].mean())
        for members in np.array_split(order, BINS)
        if len(members)
    ]
    return float(sum(gaps) / len(confidence))


def brier_score(confidence: FloatArray, right: FloatArray) -> float:
    """Mean squared difference between the probability and what came true (Brier 1950), 0 to 1."""
    return float(((confidence - right) ** 2).mean())


def area_under_risk_coverage(confidence: FloatArray, right: FloatArray) -> float:
    """Mean error rate of the most confident 1, 2, ... all candidates (Geifman and El-Yaniv 2017), 0 to 1."""
    return float((1 - _accuracies(confidence, right)).mean())


def coverage_at(accuracy: float) -> Metric:
    """A metric: the greatest share of questions, most confident first, whose candidates reach this accuracy."""

    def coverage(confidence: FloatArray, right: FloatArray) -> float:
        reached = np.flatnonzero(_accuracies(confidence, right) >= accuracy)
        return float((reached[-1] + 1) / len(right)) if len(reached) else 0.0

    return coverage


def with_interval(metric: Metric, judgements: Sequence[Judgement]) -> Interval:
    """The metric with a 95 % bootstrap interval (percentiles of 1,000 resamples).

    Whole paragraphs are drawn, not questions: questions of one paragraph are right or wrong together.
    """
    confidence = np.array([each.confidence for each in judgements])
    right = np.array([float(each.right) for each in judgements])
    members: dict[str, list[int]] = {}
    for place, each in enumerate(judgements):
        members.setdefault(each.paragraph, []).append(place)
    paragraphs = [np.array(places) for places in members.values()]
    random = np.random.default_rng(_SEED)
    resampled = []
    for _ in range(_RESAMPLES):
        drawn = np.concatenate([paragraphs[place] for place in random.integers(len(paragraphs), size=len(paragraphs))])
        resampled.append(metric(confidence[drawn], right[drawn]))
    low, high = np.percentile(resampled, [2.5, 97.5])
    return Interval(metric(confidence, right), float(low), float(high))


def _accuracies(confidence: FloatArray, right: FloatArray) -> FloatArray:
    """(questions,): the accuracy of the most confident 1, 2, ... all of them."""
    order = np.argsort(-confidence, kind="stable")
    accuracies: FloatArray = np.cumsum(right[order]) / np.arange(1, len(right) + 1)
    return accuracies
