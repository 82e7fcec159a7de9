"""Scores readings, the higher the likelier that the candidate is right, and turns scores into probabilities.

[ReadQuestion] -> features -> Score -> scores -> PlattScale -> confidences
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from sklearn.linear_model import LogisticRegression

from spanstream.models.arrays import BoolArray, Float64Array
from spanstream.models.metrics.reading import ReadQuestion
from spanstream.models.spans.calibration import FEATURES

# The logistic function is 0 or 1 beyond these limits, up to rounding.
_LARGEST_LOGIT: Final = 50.0


@dataclass(frozen=True, slots=True)
class PlattScale:
    """Turns a score into a probability: 1 / (1 + exp(-(bias + slope x score)))."""

    slope: float
    bias: float

    def confidence(self, score: float) -> float:
        """Returns the probability of one score."""
        return 1 / (1 + math.exp(-max(min(self.bias + self.slope * score, _LARGEST_LOGIT), -_LARGEST_LOGIT)))

    def confidences(self, scores: Float64Array) -> Float64Array:
        """Returns (questions,) probabilities."""
        clipped: Float64Array = np.clip(self.bias + self.slope * scores, -_LARGEST_LOGIT, _LARGEST_LOGIT)
        return 1 / (1 + np.exp(-clipped))


@dataclass(frozen=True, slots=True)
class Score:
    """A weighted sum of features, the higher, the likelier right.

    Attributes:
        names: the features.
        features: (questions, features).
        weights: (features,).
        is_fitted: whether the weights were fitted to labels of these questions, not known before.
    """

    names: tuple[str, ...]
    features: Float64Array
    weights: tuple[float, ...]
    is_fitted: bool

    @classmethod
    def known(cls, reads: Sequence[ReadQuestion], weights: Mapping[str, float]) -> Score:
        """Makes a score with given weights."""
        return cls(tuple(weights), _features(reads, tuple(weights)), tuple(weights.values()), is_fitted=False)

    @classmethod
    def fitted(
        cls,
        reads: Sequence[ReadQuestion],
        names: tuple[str, ...],
        right: BoolArray,
        counts: Float64Array,
        among: BoolArray,
    ) -> Score:
        """Fits a score's weights to some of the questions, each of which counts as so many."""
        features = _features(reads, names)
        return cls(names, features, regress(features[among], right[among], counts[among])[0], is_fitted=True)

    def weights_from(self, right: BoolArray, counts: Float64Array, among: BoolArray) -> tuple[float, ...]:
        """Fits the weights to these questions alone; returns the score's own where that is not possible."""
        if not self.is_fitted or right[among].all() or not right[among].any():
            return self.weights
        return regress(self.features[among], right[among], counts[among])[0]

    def scores(self, weights: Sequence[float] | None = None) -> Float64Array:
        """Returns (questions,) scores, by default with the score's own weights."""
        product: Float64Array = self.features @ np.array(self.weights if weights is None else weights)
        return product


def _features(reads: Sequence[ReadQuestion], names: tuple[str, ...]) -> Float64Array:
    return np.array([[FEATURES[name](read.reading) for name in names] for read in reads])


def platt(scores: Float64Array, right: BoolArray, counts: Float64Array) -> PlattScale:
    """Fits the scale (Platt 1999) to questions that count as so many; both right and wrong candidates are needed."""
    (slope,), bias = regress(scores[:, None], right, counts)
    return PlattScale(slope, bias)


def regress(features: Float64Array, right: BoolArray, counts: Float64Array) -> tuple[tuple[float, ...], float]:
    """Returns weights and bias, lightly regularized on standardized features, for the features as they are."""
    mean, spread = features.mean(axis=0), features.std(axis=0) + 1e-9
    model = LogisticRegression(C=10.0, solver="newton-cholesky").fit((features - mean) / spread, right, counts)
    weights = model.coef_[0] / spread
    return tuple(weights.tolist()), float(model.intercept_[0] - weights @ mean)
