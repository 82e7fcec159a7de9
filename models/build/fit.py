"""Fits the calibration: logistic regression on a few figures of a reading, chosen and judged by leaving articles out.

[Read] -> features -> (confidences of questions it was not fitted on, the calibration fitted on all of them)
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from models.build.errors import BuildError
from models.build.evaluate import best_f1
from models.build.predict import Read
from models.calibrate import FEATURES, Calibration

FloatArray = npt.NDArray[np.float64]

# Tried in this order; a longer set is taken only if it lowers the held-out log loss. Not among them: `log_windows`, for
# paragraphs of one window cannot say what many windows mean; and `log_answer_tokens`, which lowers the calibration
# error by trusting long answers less, also those that are right but for a word; held out, it gained no F1.
_FEATURE_SETS: Final[tuple[tuple[str, ...], ...]] = (
    ("null_score_diff",),
    ("null_score_diff", "log_probability"),
    ("null_score_diff", "log_probability", "margin"),
)
_WORTH_A_FEATURE: Final = 0.001


@dataclass(frozen=True, slots=True)
class Fitted:
    """A calibration, and what it says of questions it was not fitted on.

    Attributes:
        calibration: fitted on all questions.
        held_out: (questions,) confidences, each by a fit without the question's article.
        log_losses: held-out log loss of each set of features that was tried.
    """

    calibration: Calibration
    held_out: tuple[float, ...]
    log_losses: dict[str, float]


def fit(reads: Sequence[Read], name: str) -> Fitted:
    """Fit a calibration.

    Raises:
        BuildError: all candidates are right, or all wrong; or there is one article only.
    """
    right = np.array([read.judgement(0.0).right for read in reads])
    articles = np.array([read.example.article for read in reads])
    if right.all() or not right.any():
        raise BuildError("nothing to calibrate on: the model's candidates are all right or all wrong")
    if len(set(articles)) < 2:  # noqa: PLR2004  one is left out, one is fitted on
        raise BuildError("calibration needs the questions of at least two articles")
    log_losses: dict[str, float] = {}
    chosen, best, held_out = _FEATURE_SETS[0], math.inf, np.zeros(len(reads))
    for names in _FEATURE_SETS:
        confidences = _held_out(_features(reads, names), right, articles)
        loss = log_losses[" + ".join(names)] = _log_loss(confidences, right)
        if loss < best - _WORTH_A_FEATURE:
            chosen, best, held_out = names, loss, confidences
    weights, bias = _fit(_features(reads, chosen), right)
    calibration = Calibration(
        name=name, bias=bias, weights=dict(zip(chosen, weights, strict=True)), thresholds={"default": 0.0}
    )
    threshold = _threshold(reads, calibration)
    calibration = calibration.model_copy(update={"thresholds": {"default": threshold}})
    return Fitted(calibration, tuple(held_out.tolist()), log_losses)


def _threshold(reads: Sequence[Read], calibration: Calibration) -> float:
    """The confidence of best F1, rounded down to four places so that the question it came from keeps its answer."""
    predictions = [read.prediction(1 - calibration.confidence(read.reading)) for read in reads]
    return math.floor((1 - best_f1(predictions)[1]) * 10_000) / 10_000


def _features(reads: Sequence[Read], names: Sequence[str]) -> FloatArray:
    """(questions, features)."""
    return np.array([[FEATURES[name](read.reading) for name in names] for read in reads])


def _held_out(features: FloatArray, right: npt.NDArray[np.bool_], articles: npt.NDArray[np.str_]) -> FloatArray:
    confidences = np.zeros(len(right))
    for article in sorted(set(articles)):
        out = articles == article
        weights, bias = _fit(features[~out], right[~out])
        confidences[out] = 1 / (1 + np.exp(-(features[out] @ np.array(weights) + bias)))
    return confidences


def _fit(features: FloatArray, right: npt.NDArray[np.bool_]) -> tuple[list[float], float]:
    """Weights and bias; lightly regularized on standardized features, and given for the features as they are."""
    from sklearn.linear_model import LogisticRegression  # noqa: PLC0415  of the build group

    mean, spread = features.mean(axis=0), features.std(axis=0) + 1e-9
    model = LogisticRegression(C=10.0).fit((features - mean) / spread, right)
    weights = model.coef_[0] / spread
    return [round(float(weight), 6) for weight in weights], round(float(model.intercept_[0] - weights @ mean), 6)


def _log_loss(confidences: FloatArray, right: npt.NDArray[np.bool_]) -> float:
    clipped = np.clip(confidences, 1e-9, 1 - 1e-9)
    return float(-np.where(right, np.log(clipped), np.log(1 - clipped)).mean())
