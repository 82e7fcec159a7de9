"""A score for each reading, the higher, the likelier its candidate is right; and the way from score to probability.

[Read] -> features -> Score -> scores -> Scale -> confidences
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from sklearn.linear_model import LogisticRegression

from spanstream.models.arrays import BoolArray, Float64Array
from spanstream.models.metrics.reading import Read
from spanstream.models.spans.calibration import FEATURES

# A score so high that the logistic function is 1 for it is as sure as any higher one.
_LONGEST_LOGIT: Final = 50.0


@dataclass(frozen=True, slots=True)
class Scale:
    """From a score to a probability: 1 / (1 + exp(-(bias + slope x score)))."""

    slope: float
    bias: float

    def confidence(self, score: float) -> float:
        """The probability of one score."""
        return 1 / (1 + math.exp(-max(min(self.bias + self.slope * score, _LONGEST_LOGIT), -_LONGEST_LOGIT)))

    def confidences(self, scores: Float64Array) -> Float64Array:
        """(questions,) probabilities."""
        clipped: Float64Array = np.clip(self.bias + self.slope * scores, -_LONGEST_LOGIT, _LONGEST_LOGIT)
        return 1 / (1 + np.exp(-clipped))


@dataclass(frozen=True, slots=True)
class Score:
    """A weighted sum of features, the higher, the likelier right.

    Attributes:
        names: the features.
        features: (questions, features).
        weights: (features,).
        is_fitted: whether the weights were fitted to labels of these questions; others were known before.
    """

    names: tuple[str, ...]
    features: Float64Array
    weights: tuple[float, ...]
    is_fitted: bool

    @classmethod
    def known(cls, reads: Sequence[Read], weights: Mapping[str, float]) -> Score:
        """A score with given weights."""
        return cls(tuple(weights), _features(reads, tuple(weights)), tuple(weights.values()), is_fitted=False)

    @classmethod
    def fitted(cls, reads: Sequence[Read], names: tuple[str, ...], right: BoolArray, among: BoolArray) -> Score:
        """A score with weights fitted to some of the questions."""
        features = _features(reads, names)
        return cls(names, features, _regress(features[among], right[among])[0], is_fitted=True)

    def weights_from(self, right: BoolArray, among: BoolArray) -> tuple[float, ...]:
        """The weights as they come out of these questions alone; the score's own where nothing can come out of them."""
        if not self.is_fitted or right[among].all() or not right[among].any():
            return self.weights
        return _regress(self.features[among], right[among])[0]

    def scores(self, weights: Sequence[float] | None = None) -> Float64Array:
        """(questions,), by default with the score's own weights."""
        product: Float64Array = self.features @ np.array(self.weights if weights is None else weights)
        return product


def _features(reads: Sequence[Read], names: tuple[str, ...]) -> Float64Array:
    return np.array([[FEATURES[name](read.reading) for name in names] for read in reads])


def platt(scores: Float64Array, right: BoolArray) -> Scale:
    """The scale that fits best (Platt 1999); both right and wrong are needed."""
    (slope,), bias = _regress(scores[:, None], right)
    return Scale(slope, bias)


def _regress(features: Float64Array, right: BoolArray) -> tuple[tuple[float, ...], float]:
    """Weights and bias; lightly regularized on standardized features, and given for the features as they are."""
    mean, spread = features.mean(axis=0), features.std(axis=0) + 1e-9
    model = LogisticRegression(C=10.0, solver="newton-cholesky").fit((features - mean) / spread, right)
    weights = model.coef_[0] / spread
    return tuple(weights.tolist()), float(model.intercept_[0] - weights @ mean)
