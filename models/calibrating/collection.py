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
_LEAST_OF_A_KIND: Final = 20


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
        features: the set of features that was chosen.
        held_out: (observations,) confidences, each by a fit without the question's article; 0 without a candidate.
        log_losses: held-out log loss by set of features.
        choices: what each threshold does to the questions.
        absent: thresholds that could not be set, and why.
    """

    calibration: CollectionCalibration
    features: tuple[str, ...]
    held_out: Float64Array
    log_losses: dict[str, float]
    choices: dict[str, ThresholdChoice]
    absent: dict[str, str]


def fit_collection(
    observations: Sequence[CollectionObservation], wanted: ThresholdRequest | None = None
) -> FittedCollection:
    """Fits the weights.

    Raises:
        BuildError: too few candidates are right, or too few are wrong.
    """
    with_candidate = np.array([one.features is not None for one in observations])
    asked = [one for one in observations if one.features is not None]
    right = np.array([one.prediction.is_right for one in asked], dtype=np.bool_)
    if min(right.sum(), (~right).sum()) < _LEAST_OF_A_KIND:
        raise BuildError(f"{right.sum()} of {len(right)} candidates are right: too few of a kind to calibrate on")
    groups, counts = groups_of([one.example for one in asked])[1], _counts([one.kind for one in asked])
    held_out = {names: _held_out(asked, names, right, groups, counts) for names in _FEATURE_SETS}
    losses = {
        names: counts * -np.log(np.where(right, confidence, 1 - confidence)) for names, confidence in held_out.items()
    }
    chosen = _FEATURE_SETS[0]
    for names in _FEATURE_SETS[1:]:
        gain = losses[chosen] - losses[names]
        if float(gain.mean()) > max(_WORTH_A_WEIGHT, float(gain.std()) / math.sqrt(len(gain))):
            chosen = names
    confidence = np.zeros(len(observations))
    confidence[with_candidate] = held_out[chosen]
    sample = _sample(observations, confidence)
    thresholds, absent = choose_thresholds(sample, wanted or ThresholdRequest())
    weights, bias = regress(_features(asked, chosen), right, counts)
    return FittedCollection(
        CollectionCalibration(bias=bias, weights=dict(zip(chosen, weights, strict=True)), thresholds=thresholds),
        chosen,
        confidence,
        {" + ".join(names): float(loss.mean()) for names, loss in losses.items()},
        {name: choice_at(sample, threshold) for name, threshold in thresholds.items()},
        absent,
    )


def _counts(kinds: Sequence[str]) -> Float64Array:
    """Returns as how many each question counts: every kind as much as the others, 1 on average."""
    _, numbers, sizes = np.unique(np.array(kinds), return_inverse=True, return_counts=True)
    counts: Float64Array = len(kinds) / (len(sizes) * sizes[numbers])
    return counts


def _features(asked: Sequence[CollectionObservation], names: tuple[str, ...]) -> Float64Array:
    values = [asdict(one.features) for one in asked if one.features is not None]
    return np.array([[of_question[name] for name in names] for of_question in values])


def _held_out(
    asked: Sequence[CollectionObservation],
    names: tuple[str, ...],
    right: BoolArray,
    groups: Int64Array,
    counts: Float64Array,
) -> Float64Array:
    features = _features(asked, names)
    held_out = np.full(len(right), right.mean())
    for kept, left_out in folds_of(groups, right, np.ones_like(right)):
        weights, bias = regress(features[kept], right[kept], counts[kept])
        held_out[left_out] = PlattScale(1.0, bias).confidences(features[left_out] @ np.array(weights))
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
        _counts([one.kind for one in observations]),
    )
