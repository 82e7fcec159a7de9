"""Turns a raw answer into a probability that its candidate is right: logistic regression on a few of its figures.

Right means: equal to a gold answer after the official SQuAD normalisation; where there is no answer, no candidate is.
The weights are fitted on this artifact's own logits (`spanstream.models.calibrating`) and stored in its manifest. After
Platt 1999, with the margin and length features of Kamath, Jia and Liang 2020 ("Selective Question Answering under
Domain Shift").
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Final

from pydantic import BaseModel, ConfigDict, Field, field_validator

from spanstream.models.errors import ArtifactError
from spanstream.models.spans.aggregate import RawAnswer
from spanstream.models.spans.alternatives import RankedAnswer
from spanstream.models.spans.alternatives_calibration import AlternativesCalibration
from spanstream.models.spans.collection_calibration import CollectionCalibration, checked_thresholds
from spanstream.models.spans.logistic import logistic


def _null_score_diff(raw: RawAnswer) -> float:
    return raw.null_score_diff or 0.0


def _log_probability(raw: RawAnswer) -> float:
    # A span that softmax thinks impossible is as bad at e^-20 as at e^-200.
    return max(raw.best.log_probability, -20.0) if raw.best else -20.0


def _probability(raw: RawAnswer) -> float:
    return math.exp(raw.best.log_probability) if raw.best else 0.0


def _margin(raw: RawAnswer) -> float:
    if raw.best is None or raw.best.span is None:
        return 0.0
    return min(raw.best.span.score - raw.runner_up, 20.0)


def _log_windows(raw: RawAnswer) -> float:
    return math.log(raw.windows)


def _log_answer_tokens(raw: RawAnswer) -> float:
    if raw.best is None or raw.best.span is None:
        return 0.0
    return math.log(raw.best.span.last - raw.best.span.first + 1)


def _characters_per_token(raw: RawAnswer) -> float:
    # About 4 in prose, 3 in tickets and 2 in logs: what the same scores are worth differs between them.
    if raw.best is None:
        return 0.0
    window = raw.best.window
    tokens = slice(window.token_start, window.token_end)
    lengths = window.document.ends[tokens] - window.document.starts[tokens]
    return float(lengths.mean()) if len(lengths) else 0.0


def _answerability(raw: RawAnswer) -> float:
    # 0 is a probability of one half, and what a model without the head says of every window.
    return (raw.best.answerability or 0.0) if raw.best else 0.0


# What a calibration may weigh, by the name its manifest uses.
FEATURES: Final[dict[str, Callable[[RawAnswer], float]]] = {
    "null_score_diff": _null_score_diff,
    "log_probability": _log_probability,
    "probability": _probability,
    "margin": _margin,
    "log_windows": _log_windows,
    "log_answer_tokens": _log_answer_tokens,
    "characters_per_token": _characters_per_token,
    "answerability": _answerability,
}


def _is_none(value: object) -> bool:
    return value is None


class Calibration(BaseModel):
    """confidence = 1 / (1 + exp(-(bias + sum of weight x feature))).

    `thresholds` are named confidences from which on a candidate is given as the answer; `default` is always there.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    name: str = Field(min_length=1, description="Name and version, echoed in every answer.")
    bias: float
    weights: dict[str, float]
    thresholds: dict[str, float]
    # Left out where it is missing: the seal of an artifact of an earlier version is over a manifest without it.
    alternatives: AlternativesCalibration | None = Field(
        default=None, exclude_if=_is_none, description="Weights of the confidence of answers behind the candidate."
    )

    collection: CollectionCalibration | None = Field(
        default=None, exclude_if=_is_none, description="Weights of the confidence of the best of several documents."
    )

    @field_validator("weights")
    @classmethod
    def _features_are_known(cls, weights: dict[str, float]) -> dict[str, float]:
        if unknown := sorted(set(weights) - set(FEATURES)):
            raise ValueError(f"unknown features {unknown}; this program knows {sorted(FEATURES)}")
        return weights

    @field_validator("thresholds")
    @classmethod
    def _thresholds_are_probabilities(cls, thresholds: dict[str, float]) -> dict[str, float]:
        return checked_thresholds(thresholds)

    def threshold(self, name_or_value: float | str) -> float:
        """Returns a least confidence, given by its name or as a number.

        Raises:
            ArtifactError: neither a name of this artifact nor a number from 0 to 1; the text lists the names.
        """
        return _threshold(self.thresholds, name_or_value)

    def collection_threshold(self, name_or_value: float | str) -> float:
        """Returns the least confidence of an answer out of a collection, as `threshold` does."""
        return _threshold(self.thresholds if self.collection is None else self.collection.thresholds, name_or_value)

    def confidence(self, raw: RawAnswer) -> float:
        """Returns the probability, 0 to 1, that the raw answer's candidate is right; 0 where there is no candidate."""
        if raw.best is None:
            return 0.0
        return logistic(self.bias + sum(weight * FEATURES[name](raw) for name, weight in self.weights.items()))

    def confidence_of_alternative(self, raw: RawAnswer, answer: RankedAnswer) -> float | None:
        """Returns the probability, 0 to 1, that an answer behind the candidate is right; None: none was fitted.

        At most the candidate's: where it would be more, alternatives were no more often right than their candidates.
        """
        if self.alternatives is None:
            return None
        return min(self.alternatives.confidence(raw, answer), self.confidence(raw))


def _threshold(thresholds: Mapping[str, float], name_or_value: float | str) -> float:
    if name_or_value in thresholds:
        return thresholds[str(name_or_value)]
    try:
        value = float(name_or_value)
    except ValueError:
        value = -1.0
    if not 0 <= value <= 1:
        names = ", ".join(sorted(thresholds))
        raise ArtifactError(
            f"no threshold {name_or_value!r} in the artifact; take one of {names}, or a number from 0 to 1"
        )
    return value
