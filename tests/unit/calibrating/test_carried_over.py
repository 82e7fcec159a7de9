"""A collection's calibration after that of one document was fitted anew: the same confidences, or none."""

from __future__ import annotations

import pytest

from spanstream.models.calibrating.carried_over import carried_over
from spanstream.models.spans.calibration import Calibration
from spanstream.models.spans.collection_calibration import CollectionCalibration, CollectionFeatures

WEIGHTS = {"null_score_diff": -0.2, "margin": 0.1}
COLLECTION = CollectionCalibration(
    bias=-3.0, weights={"log_odds": 0.9, "margin": 0.2, "dense": 1.5}, thresholds={"default": 0.4}
)
BEFORE = Calibration(name="a", bias=0.5, weights=WEIGHTS, thresholds={"default": 0.5}, collection=COLLECTION)


def refitted(weights: dict[str, float], bias: float) -> Calibration:
    return Calibration(name="b", bias=bias, weights=weights, thresholds={"default": 0.5})


def test_another_scale_of_one_documents_confidence_leaves_every_confidence_of_collections_as_it_was() -> None:
    after = refitted({name: 1.7 * weight for name, weight in WEIGHTS.items()}, -0.4)
    carried = carried_over(BEFORE, after)
    assert carried is not None
    assert carried.thresholds == COLLECTION.thresholds
    for score, behind in ((-3.0, 1.0), (0.0, 0.0), (2.5, 4.0)):
        # The same two documents, of which one is `behind` the other: log odds are a bias and a sum of weighed figures.
        before = CollectionFeatures(0.5 + score, behind, 0.7, 1.1, 0.5, 0.0)
        now = CollectionFeatures(-0.4 + 1.7 * score, 1.7 * behind, 0.7, 1.1, 0.5, 0.0)
        assert carried.confidence(now) == pytest.approx(COLLECTION.confidence(before), abs=1e-12)


@pytest.mark.parametrize(
    "weights",
    [
        {"null_score_diff": -0.2},
        {"null_score_diff": -0.2, "margin": 0.3},
        {"null_score_diff": 0.2, "margin": -0.1},
        {"null_score_diff": -0.2, "log_probability": 0.1},
    ],
)
def test_a_confidence_of_other_figures_leaves_none(weights: dict[str, float]) -> None:
    assert carried_over(BEFORE, refitted(weights, 0.5)) is None


def test_where_there_was_none_there_is_none() -> None:
    assert carried_over(refitted(WEIGHTS, 0.5), refitted(WEIGHTS, 0.7)) is None
