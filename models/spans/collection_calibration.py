"""Turns the best answer of several documents into a probability that it is right: logistic regression on few figures.

A document's own confidence says how sure the model is that this text gives the answer. Over a collection more text is
read, and with it come more false answers; how the passage was found, and how far the next document is behind, tell
them apart.
"""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass, fields
from typing import Final

from pydantic import BaseModel, ConfigDict, field_validator

from spanstream.models.spans.logistic import logistic

# Log odds of a confidence that is 0 or 1 as a float.
_MOST_LOG_ODDS: Final = 20.0


@dataclass(frozen=True, slots=True)
class CollectionFeatures:
    """What a collection's calibration may weigh, by the name its manifest uses.

    Attributes:
        log_odds: of the candidate's confidence in its own document, -20 to 20.
        margin: its log odds minus those of the next document's candidate; 0 where no other document has one.
        log_rank: natural logarithm of its passage's rank, 0 for the first.
        log_windows: natural logarithm of the windows read, of all documents.
        dense: 1 / its passage's rank by meaning; 0 where it was not found so.
        lexical: the same by words.
    """

    log_odds: float
    margin: float
    log_rank: float
    log_windows: float
    dense: float
    lexical: float


COLLECTION_FEATURES: Final = tuple(field.name for field in fields(CollectionFeatures))


def log_odds(confidence: float) -> float:
    """Returns the log odds of a probability, at most 20 to either side."""
    if not 0 < confidence < 1:
        return _MOST_LOG_ODDS if confidence >= 1 else -_MOST_LOG_ODDS
    return min(max(math.log(confidence / (1 - confidence)), -_MOST_LOG_ODDS), _MOST_LOG_ODDS)


class CollectionCalibration(BaseModel):
    """confidence = 1 / (1 + exp(-(bias + sum of weight x feature))), with thresholds of its own."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    bias: float
    weights: dict[str, float]
    thresholds: dict[str, float]

    @field_validator("weights")
    @classmethod
    def _features_are_known(cls, weights: dict[str, float]) -> dict[str, float]:
        if unknown := sorted(set(weights) - set(COLLECTION_FEATURES)):
            raise ValueError(f"unknown features {unknown}; this program knows {sorted(COLLECTION_FEATURES)}")
        return weights

    @field_validator("thresholds")
    @classmethod
    def _thresholds_are_probabilities(cls, thresholds: dict[str, float]) -> dict[str, float]:
        return checked_thresholds(thresholds)

    def confidence(self, features: CollectionFeatures) -> float:
        """Returns the probability, 0 to 1, that the candidate is right."""
        values = asdict(features)
        return logistic(self.bias + sum(weight * values[name] for name, weight in self.weights.items()))


def checked_thresholds(thresholds: dict[str, float]) -> dict[str, float]:
    """Returns thresholds as they are; raises ValueError where `default` is missing or one is no probability."""
    if "default" not in thresholds:
        raise ValueError("the threshold `default` is missing")
    if wrong := sorted(name for name, value in thresholds.items() if not 0 <= value <= 1):
        raise ValueError(f"thresholds {wrong} are not between 0 and 1")
    return thresholds
