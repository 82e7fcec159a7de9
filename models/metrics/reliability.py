"""Measures how far a confidence can be trusted: calibration error, Brier score, risk over coverage, with intervals.

[Judgement(confidence, right or not, paragraph)] -> figures
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from spanstream.models.arrays import Float64Array, Int64Array

Metric = Callable[[Float64Array, Float64Array], float]

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

    def __str__(self) -> str:
        return f"{self.value:.3f} ({self.low:.3f} to {self.high:.3f})"


@dataclass(frozen=True, slots=True)
class ConfidenceBin:
    """Candidates of like confidence: their number, their mean confidence, and how many of them were right."""

    count: int
    confidence: float
    right: int

    @property
    def accuracy(self) -> float:
        """The share that was right."""
        return self.right / self.count


def equal_mass_bins(confidence: Float64Array, right: Float64Array, bins: int = BINS) -> list[ConfidenceBin]:
    """Returns bins of equal mass, the least confident first; fewer where there are fewer questions.

    Args:
        confidence: (questions,) probabilities.
        right: (questions,) 1.0 or 0.0.
        bins: how many.
    """
    order = np.argsort(confidence, kind="stable")
    return [
        ConfidenceBin(len(members), float(confidence[members].mean()), int(right[members].sum()))
        for members in np.array_split(order, bins)
        if len(members)
    ]


def expected_calibration_error(confidence: Float64Array, right: Float64Array) -> float:
    """Returns the mean gap between confidence and accuracy over bins of equal mass (Nixon et al. 2019), 0 to 1.

    Args:
        confidence: (questions,) probabilities.
        right: (questions,) 1.0 or 0.0.
    """
    gaps = [one.count * abs(one.confidence - one.accuracy) for one in equal_mass_bins(confidence, right)]
    return float(sum(gaps) / len(confidence))


def brier_score(confidence: Float64Array, right: Float64Array) -> float:
    """Returns the mean squared difference between the probability and what came true (Brier 1950), 0 to 1."""
    return float(((confidence - right) ** 2).mean())


def area_under_risk_coverage(confidence: Float64Array, right: Float64Array) -> float:
    """Returns the mean error rate, 0 to 1, of the most confident 1, 2, ... all candidates (Geifman, El-Yaniv 2017)."""
    return float((1 - accuracies(confidence, right)).mean())


def coverage_at(accuracy: float) -> Metric:
    """Makes a metric: the greatest share of questions, most confident first, whose candidates reach this accuracy."""

    def coverage(confidence: Float64Array, right: Float64Array) -> float:
        reached = np.flatnonzero(accuracies(confidence, right) >= accuracy)
        return float((reached[-1] + 1) / len(right)) if len(reached) else 0.0

    return coverage


CONFIDENCE_METRICS: Final[dict[str, Metric]] = {
    "expected_calibration_error": expected_calibration_error,
    "brier_score": brier_score,
    "area_under_risk_coverage": area_under_risk_coverage,
    "coverage_at_80": coverage_at(0.8),
    "coverage_at_90": coverage_at(0.9),
}
# As the card calls them.
METRIC_LABELS: Final = {
    "expected_calibration_error": f"Expected calibration error ({BINS} bins of equal mass)",
    "brier_score": "Brier score",
    "area_under_risk_coverage": "Area under the risk-coverage curve",
    "coverage_at_80": "Coverage at 80 % accuracy",
    "coverage_at_90": "Coverage at 90 % accuracy",
}


def with_interval(metric: Metric, judgements: Sequence[Judgement]) -> Interval:
    """Returns the metric with a 95 % interval; whole paragraphs are drawn (see `bootstrapped`)."""
    confidence = np.array([judgement.confidence for judgement in judgements])
    right = np.array([float(judgement.right) for judgement in judgements])
    clusters = [judgement.paragraph for judgement in judgements]
    return bootstrapped({"": lambda drawn: metric(confidence[drawn], right[drawn])}, clusters)[""]


def bootstrapped(
    figures: Mapping[str, Callable[[Int64Array], float]], clusters: Sequence[str], resamples: int = _RESAMPLES
) -> dict[str, Interval]:
    """Returns figures with 95 % bootstrap intervals (percentiles over resamples, the same ones for all figures).

    Whole clusters are drawn, not questions: questions of one paragraph are right or wrong together.

    Args:
        figures: what to compute, each from the numbers of the questions drawn.
        clusters: (questions,) what each question belongs to.
        resamples: how many times to draw.
    """
    members: dict[str, list[int]] = {}
    for place, cluster in enumerate(clusters):
        members.setdefault(cluster, []).append(place)
    groups = [np.array(places) for places in members.values()]
    random = np.random.default_rng(_SEED)
    resampled: dict[str, list[float]] = {name: [] for name in figures}
    for _ in range(resamples):
        drawn = np.concatenate([groups[place] for place in random.integers(len(groups), size=len(groups))])
        for name, figure in figures.items():
            resampled[name].append(figure(drawn))
    all_questions = np.arange(len(clusters))
    intervals = {}
    for name, figure in figures.items():
        low, high = np.percentile(resampled[name], [2.5, 97.5])
        intervals[name] = Interval(figure(all_questions), float(low), float(high))
    return intervals


def accuracies(confidence: Float64Array, right: Float64Array) -> Float64Array:
    """Returns (questions,) the accuracy of the most confident 1, 2, ... all of them."""
    order = np.argsort(-confidence, kind="stable")
    cumulative: Float64Array = np.cumsum(right[order]) / np.arange(1, len(right) + 1)
    return cumulative
