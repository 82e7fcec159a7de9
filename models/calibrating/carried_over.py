"""Says what becomes of a collection's calibration when that of one document, which it weighs, is fitted anew."""

from __future__ import annotations

import math
from typing import Final

from spanstream.models.spans.calibration import Calibration
from spanstream.models.spans.collection_calibration import CollectionCalibration

# The figures of a collection's candidate that are made of the confidences in single documents.
_OF_ONE_DOCUMENT: Final = frozenset({"log_odds", "margin"})


def carried_over(before: Calibration, after: Calibration) -> CollectionCalibration | None:
    """Returns the collection's calibration of `before` with weights that give the same confidences after `after`.

    None: there is none, or `after` weighs other figures. Where it is only another scale of the same score, it puts the
    documents in the same order, and the log odds of one are a straight line of the other's.
    """
    collection, scale = before.collection, _scale(before.weights, after.weights)
    if collection is None or scale is None:
        return None
    weights = {
        name: weight / scale if name in _OF_ONE_DOCUMENT else weight for name, weight in collection.weights.items()
    }
    shift = after.bias - scale * before.bias
    bias = collection.bias - weights.get("log_odds", 0.0) * shift
    return collection.model_copy(update={"bias": bias, "weights": weights})


def _scale(before: dict[str, float], after: dict[str, float]) -> float | None:
    """Returns what all weights were multiplied by; None where it is not one number above 0."""
    if before.keys() != after.keys():
        return None
    scales = [after[name] / weight for name, weight in before.items() if weight]
    if not scales or scales[0] <= 0 or any(after[name] for name, weight in before.items() if not weight):
        return None
    return scales[0] if all(math.isclose(scale, scales[0], rel_tol=1e-9) for scale in scales) else None
