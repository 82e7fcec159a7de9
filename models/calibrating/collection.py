"""Fits the confidence of the best answer of several documents, and its thresholds, to labelled questions.

[CollectionObservation] -> which figures to weigh, by held-out log loss -> weights -> thresholds of held-out confidences
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Final

import numpy as np

from spanstream.models.arrays import BoolArray, Float64Array, Int64Array
from spanstream.models.calibrating.fit import SHIPPED
from spanstream.models.calibrating.folds import folds_of, groups_of
from spanstream.models.calibrating.score import PlattScale, regress
from spanstream.models.calibrating.thresholds import (
    LabelledSample,
    ThresholdChoice,
    ThresholdRequest,
    choice_at,
    choose_thresholds,
)
from spanstream.models.errors import BuildError
from spanstream.models.metrics.squad_files import Example
from spanstream.models.metrics.squad_metrics import Prediction
from spanstream.models.spans.collection_calibration import CollectionCalibration, CollectionFeatures

# The simplest first; another one has to be worth its weights (see `spanstream.models.calibrating.fit`).
_FEATURE_SETS: Final[tuple[tuple[str, ...], ...]] = (
    ("log_odds",),
    ("log_odds", "margin"),
    ("log_odds", "margin", "log_rank"),
    ("log_odds", "margin", "dense", "lexical"),
    ("log_odds", "margin", "log_rank", "dense", "lexical", "log_windows"),
)
_WORTH_A_WEIGHT: Final = 0.001

LEAST_OF_A_KIND: Final = 20
"""Candidates that must be right, and as many that must be wrong."""


@dataclass(frozen=True, slots=True)
class CollectionObservation:
    """A labelled question as it was answered out of a collection.

    Attributes:
        kind: which collection it was asked of; each counts as much as the others.
        example: the question, with the gold text as its context.
        candidate: the best document's; empty where there is none.
        features: of the candidate; None where there is none.
    """

    kind: str
    example: Example
    candidate: str
    features: CollectionFeatures | None

    @property
    def prediction(self) -> Prediction:
        """The candidate, whether or not it would be given."""
        return Prediction(self.example, self.candidate, 0.0)


@dataclass(frozen=True, slots=True)
class FittedCollection:
    """A calibration, and its figures on questions it was not fitted on.

    Attributes:
        calibration: fitted on all questions.
        score: the name of what was chosen to be weighed.
        grouped_by: article, text or question: what the held-out fits never split.
        held_out: (observations,) confidences, each by a fit without the question's group; 0 without a candidate.
        log_losses: held-out log loss of all that was tried.
        choices: what each threshold does to the questions.
        absent: thresholds that could not be set, and why.
    """

    calibration: CollectionCalibration
    score: str
    grouped_by: str
    held_out: Float64Array
    log_losses: dict[str, float]
    choices: dict[str, ThresholdChoice]
    absent: dict[str, str]


@dataclass(frozen=True, slots=True)
class _WeighedSum:
    """What a confidence may be made of: these features; with `known` weights, of their sum, and only its scale."""

    names: tuple[str, ...]
    known: tuple[float, ...] | None = None

    @property
    def label(self) -> str:
        return " + ".join(self.names) if self.known is None else SHIPPED

    def columns(self, asked: Sequence[CollectionObservation]) -> Float64Array:
        """Returns (asked, weights to fit) numbers."""
        of_all = [asdict(one.features) for one in asked if one.features is not None]
        values = np.array([[of_one[name] for name in self.names] for of_one in of_all])
        return values if self.known is None else values @ np.array(self.known)[:, None]

    def weights(self, fitted: Sequence[float]) -> dict[str, float]:
        """Returns the features' weights, of those fitted to the columns."""
        weights = fitted if self.known is None else [fitted[0] * weight for weight in self.known]
        return dict(zip(self.names, weights, strict=True))


def fit_collection(
    observations: Sequence[CollectionObservation],
    wanted: ThresholdRequest | None = None,
    *,
    so_far: CollectionCalibration | None = None,
) -> FittedCollection:
    """Fits the weights.

    Args:
        observations: labelled questions as they were answered.
        wanted: what thresholds are wanted for; a collection has no guarantees.
        so_far: an earlier calibration that was not fitted to these questions: with few of them its weights stay in
            proportion, and only the scale is fitted anew.

    Raises:
        BuildError: too few candidates are right, or too few are wrong.
    """
    with_candidate = np.array([one.features is not None for one in observations])
    asked = [one for one in observations if one.features is not None]
    right = np.array([one.prediction.is_right for one in asked], dtype=np.bool_)
    if min(right.sum(), (~right).sum()) < LEAST_OF_A_KIND:
        raise BuildError(
            f"a collection's confidence cannot be fitted: {right.sum()} of {len(right)} candidates are right; it takes "
            f"{LEAST_OF_A_KIND} right and {LEAST_OF_A_KIND} wrong ones at the least: label more, or add another file"
        )
    grouped_by, groups = groups_of([one.example for one in asked])
    counts = _counts(asked)
    sums = [_WeighedSum(names) for names in _FEATURE_SETS]
    if so_far is not None and so_far.weights:
        sums.insert(0, _WeighedSum(tuple(so_far.weights), tuple(so_far.weights.values())))
    held_out = {one.label: _held_out(one.columns(asked), right, groups, counts) for one in sums}
    losses = {
        label: counts * -np.log(np.where(right, confidence, 1 - confidence)) for label, confidence in held_out.items()
    }
    chosen = _chosen(sums, losses)
    confidence = np.zeros(len(observations))
    confidence[with_candidate] = held_out[chosen.label]
    sample = _sample(observations, confidence)
    thresholds, absent = choose_thresholds(sample, wanted or ThresholdRequest())
    weights, bias = regress(chosen.columns(asked), right, counts)
    return FittedCollection(
        CollectionCalibration(bias=bias, weights=chosen.weights(weights), thresholds=thresholds),
        chosen.label,
        grouped_by,
        confidence,
        {label: float(loss.mean()) for label, loss in losses.items()},
        {name: choice_at(sample, threshold) for name, threshold in thresholds.items()},
        absent,
    )


def _chosen(sums: Sequence[_WeighedSum], losses: dict[str, Float64Array]) -> _WeighedSum:
    """Returns the first of them that none behind it beats by what its weights have to be worth."""
    chosen = sums[0]
    for one in sums[1:]:
        gain = losses[chosen.label] - losses[one.label]
        if float(gain.mean()) > max(_WORTH_A_WEIGHT, float(gain.std()) / math.sqrt(len(gain))):
            chosen = one
    return chosen


def _counts(observations: Sequence[CollectionObservation]) -> Float64Array:
    """Returns as how many each question counts: every kind as much as the others, 1 on average."""
    _, numbers = np.unique(np.array([one.kind for one in observations]), return_inverse=True)
    weights = np.array([one.example.weight for one in observations])
    of_kinds = np.bincount(numbers, weights)
    counts: Float64Array = weights * len(weights) / (len(of_kinds) * of_kinds[numbers])
    return counts


def _held_out(columns: Float64Array, right: BoolArray, groups: Int64Array, counts: Float64Array) -> Float64Array:
    held_out = np.full(len(right), right.mean())
    for kept, left_out in folds_of(groups, right, np.ones_like(right)):
        weights, bias = regress(columns[kept], right[kept], counts[kept])
        held_out[left_out] = PlattScale(1.0, bias).confidences(columns[left_out] @ np.array(weights))
    return held_out


def _sample(observations: Sequence[CollectionObservation], confidence: Float64Array) -> LabelledSample:
    predictions = [one.prediction for one in observations]
    answerable = np.array([prediction.example.has_answer for prediction in predictions])
    return LabelledSample(
        confidence,
        np.array([bool(prediction.text) for prediction in predictions]),
        np.array([prediction.is_right for prediction in predictions]),
        np.where(answerable, [prediction.f1 for prediction in predictions], 0.0),
        answerable,
        _counts(observations),
    )
