"""Computes the figures of one variant: official scores, the worth of its confidence, both by size of the document.

[Observation] x calibration -> ObservationTable -> VariantReport
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Final, Literal

import numpy as np

from spanstream.models.arrays import BoolArray, Float64Array, Int64Array
from spanstream.models.artifact import Artifact, Variant
from spanstream.models.calibrating.guarantee import two_sided_interval
from spanstream.models.calibrating.thresholds import choice_at
from spanstream.models.evaluation.kind_figures import kind_figures
from spanstream.models.evaluation.observation_table import ObservationTable
from spanstream.models.evaluation.observe import Observation
from spanstream.models.evaluation.report import (
    BestScores,
    ConfidenceFigures,
    Latency,
    ReliabilityBin,
    SizeBucket,
    ThresholdFigures,
    VariantReport,
)
from spanstream.models.metrics.reliability import CONFIDENCE_METRICS, Interval, Metric, bootstrapped, equal_mass_bins
from spanstream.models.metrics.squad_metrics import best_exact, best_f1
from spanstream.models.spans.calibration import Calibration

# Upper ends, inclusive: with questions of ordinary length 384 tokens are about one window.
_TOKENS: Final = (128, 256, 384, 1024, 4096)
_WINDOWS: Final = (0, 1, 2, 4, 8, 16, 32)


@dataclass(frozen=True, slots=True)
class MeasuredVariant:
    """The variant that is measured, with its artifact and the name of its session."""

    artifact: Artifact
    variant: Variant
    session: str

    @property
    def calibration(self) -> Calibration:
        """The artifact's calibration."""
        return self.artifact.manifest.calibration


def measure(
    subject: MeasuredVariant,
    observations: Sequence[Observation],
    thresholds: Mapping[str, float],
    latency: Latency | None = None,
) -> VariantReport:
    """Computes all figures of a variant.

    Args:
        subject: the variant that made the observations.
        observations: every question as it was read, in any order; at least one.
        thresholds: least confidences, by name, to report scores at.
        latency: None where it was not measured.
    """
    table = ObservationTable.of(observations, subject.calibration)
    default = subject.calibration.thresholds["default"]
    sources: tuple[tuple[Literal["calibrated", "softmax"], Float64Array], ...] = (
        ("calibrated", table.sample.confidence),
        ("softmax", table.softmax),
    )
    return VariantReport(
        file=subject.variant.file,
        precision=subject.variant.precision,
        session=subject.session,
        size_bytes=subject.artifact.path_of(subject.variant).stat().st_size,
        best={
            "null_score_diff": _best(table, table.null_score_diff),
            "confidence": _best(table, 1 - table.sample.confidence),
        },
        thresholds=_at_thresholds(table, thresholds),
        by_tokens=_buckets(table, table.tokens, _TOKENS, default),
        by_windows=_buckets(table, table.windows_total, _WINDOWS, default),
        by_kind=kind_figures([observation.kinds for observation in table.observations], table.sample, default),
        confidence={
            name: confidence_figures(confidence, table.sample.right, table.texts) for name, confidence in sources
        },
        reliability={name: reliability_bins(confidence, table.sample.right) for name, confidence in sources},
        latency=latency,
    )


def confidence_figures(confidence: Float64Array, is_right: BoolArray, texts: Sequence[str]) -> ConfidenceFigures:
    """Computes what a confidence is worth, with intervals; all are (questions,)."""
    right = is_right.astype(np.float64)

    def figure(metric: Metric, drawn: Int64Array) -> float:
        return metric(confidence[drawn], right[drawn])

    figures = {name: partial(figure, metric) for name, metric in CONFIDENCE_METRICS.items()}
    return ConfidenceFigures(**bootstrapped(figures, texts))


def reliability_bins(confidence: Float64Array, right: BoolArray) -> tuple[ReliabilityBin, ...]:
    """Returns bins of equal mass, the least confident first; see `expected_calibration_error`."""
    return tuple(
        ReliabilityBin(
            questions=one.count,
            confidence=one.confidence,
            accuracy=Interval(one.accuracy, *two_sided_interval(one.right, one.count)),
        )
        for one in equal_mass_bins(confidence, right.astype(np.float64))
    )


def _best(table: ObservationTable, no_answer_score: Float64Array) -> BestScores:
    predictions = table.predictions(no_answer_score)
    (exact, exact_threshold), (f1, f1_threshold) = best_exact(predictions), best_f1(predictions)
    return BestScores(exact=exact, exact_threshold=exact_threshold, f1=f1, f1_threshold=f1_threshold)


def _at_thresholds(table: ObservationTable, thresholds: Mapping[str, float]) -> dict[str, ThresholdFigures]:
    exact = {name: table.scores_at(threshold, table.exact) for name, threshold in thresholds.items()}
    f1 = {name: table.scores_at(threshold, table.f1) for name, threshold in thresholds.items()}
    figures: dict[str, Callable[[Int64Array], float]] = {}
    for name in thresholds:
        figures[f"exact {name}"] = partial(_mean, exact[name])
        figures[f"f1 {name}"] = partial(_mean, f1[name])
    intervals = bootstrapped(figures, table.texts)
    answerable = table.sample.has_answer
    by_name = {}
    for name, threshold in thresholds.items():
        choice = choice_at(table.sample, threshold)
        by_name[name] = ThresholdFigures(
            threshold=threshold,
            exact=intervals[f"exact {name}"],
            f1=intervals[f"f1 {name}"],
            answerable_exact=percent(exact[name], answerable),
            answerable_f1=percent(f1[name], answerable),
            unanswerable_declined=percent(~table.given(threshold), ~answerable),
            given=choice.given,
            right=choice.right,
            precision=_share(choice.right, choice.given),
            recall=choice.recall,
        )
    return by_name


def _mean(scores: Float64Array, drawn: Int64Array) -> float:
    return 100 * float(scores[drawn].mean())


def _share(count: int, total: int) -> Interval | None:
    return Interval(count / total, *two_sided_interval(count, total)) if total else None


def percent(values: Float64Array | BoolArray, among: BoolArray) -> float | None:
    """Returns the mean of some of the values, in percent; None where there are none."""
    return 100 * float(values[among].mean()) if among.any() else None


def _buckets(
    table: ObservationTable, sizes: Int64Array, upper_ends: Sequence[int], default: float
) -> tuple[SizeBucket, ...]:
    exact, f1 = table.scores_at(default, table.exact), table.scores_at(default, table.f1)
    answerable, declined = table.sample.has_answer, ~table.given(default)
    buckets = []
    for low, high in zip([-1, *upper_ends], [*upper_ends, math.inf], strict=True):
        among = (sizes > low) & (sizes <= high)
        if not among.any():
            continue
        first = low + 1
        label = str(first) if first == high else f"{first}+" if high == math.inf else f"{first} to {high:.0f}"
        buckets.append(
            SizeBucket(
                of=label,
                questions=int(among.sum()),
                answerable=int((among & answerable).sum()),
                windows_read=float(table.windows_read[among].mean()),
                exact=100 * float(exact[among].mean()),
                f1=100 * float(f1[among].mean()),
                candidate_exact=percent(table.exact, among & answerable),
                candidate_f1=percent(table.f1, among & answerable),
                declined=percent(declined, among & ~answerable),
            )
        )
    return tuple(buckets)
