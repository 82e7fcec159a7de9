"""Turns an alternative into a probability that it is right: logistic regression on a few of its figures.

What the candidate's confidence says of a score does not hold for the second best: where the candidate is right, the
others mostly are not. So these weights are fitted on alternatives alone, to the same definition of right. The rank and
the gap to the candidate's score say nothing more: weighed too, they lower no held-out log loss.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from pydantic import BaseModel, ConfigDict, field_validator

from spanstream.models.spans.aggregate import RawAnswer
from spanstream.models.spans.alternatives import RankedAnswer
from spanstream.models.spans.logistic import logistic


def _null_score_diff(raw: RawAnswer, answer: RankedAnswer) -> float:
    return raw.null_score - answer.span.score


def _log_probability(_raw: RawAnswer, answer: RankedAnswer) -> float:
    return max(answer.log_probability, -20.0)


# What a calibration may weigh, by the name its manifest uses.
ALTERNATIVE_FEATURES: Final[dict[str, Callable[[RawAnswer, RankedAnswer], float]]] = {
    "null_score_diff": _null_score_diff,
    "log_probability": _log_probability,
}


class AlternativesCalibration(BaseModel):
    """confidence = 1 / (1 + exp(-(bias + sum of weight x feature))), of an answer of rank 2 or more."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    bias: float
    weights: dict[str, float]

    @field_validator("weights")
    @classmethod
    def _features_are_known(cls, weights: dict[str, float]) -> dict[str, float]:
        if unknown := sorted(set(weights) - set(ALTERNATIVE_FEATURES)):
            raise ValueError(f"unknown features {unknown}; this program knows {sorted(ALTERNATIVE_FEATURES)}")
        return weights

    def confidence(self, raw: RawAnswer, answer: RankedAnswer) -> float:
        """Returns the probability, 0 to 1, that an alternative is right."""
        features = ALTERNATIVE_FEATURES
        return logistic(self.bias + sum(weight * features[name](raw, answer) for name, weight in self.weights.items()))
