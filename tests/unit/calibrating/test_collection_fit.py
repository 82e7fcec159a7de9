from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from spanstream.models.calibrating.collection import CollectionObservation, FittedCollection, fit_collection
from spanstream.models.calibrating.fit import SHIPPED
from spanstream.models.errors import BuildError
from spanstream.models.metrics.reliability import expected_calibration_error
from spanstream.models.metrics.squad_files import Example
from spanstream.models.spans.collection_calibration import CollectionCalibration, CollectionFeatures
from spanstream.models.spans.logistic import logistic


def observations(
    count: int, chance: Callable[[CollectionFeatures], float], *, kind: str = "one", seed: int = 3
) -> list[CollectionObservation]:
    """Returns questions whose candidates are right with a chance that depends on their features."""
    random = np.random.default_rng(seed)
    made = []
    for number in range(count):
        features = CollectionFeatures(
            log_odds=random.normal(0.5, 2.0),
            margin=random.normal(0.0, 2.0),
            log_rank=float(np.log(random.integers(1, 6))),
            log_windows=float(np.log(random.integers(1, 6))),
            dense=1 / random.integers(1, 9),
            lexical=1 / random.integers(1, 9),
        )
        example = Example(f"{kind}-{number}", f"article {number % 40}", f"text {number}", "Which?", ("seven",))
        is_right = random.random() < chance(features)
        made.append(CollectionObservation(kind, example, "seven" if is_right else "nine", features))
    return made


def right_of(asked: list[CollectionObservation]) -> np.ndarray:
    return np.array([float(one.prediction.is_right) for one in asked])


def fitted_to(chance: Callable[[CollectionFeatures], float], count: int = 1500) -> FittedCollection:
    return fit_collection(observations(count, chance))


def test_a_collection_that_is_right_less_often_than_its_documents_say_is_trusted_less() -> None:
    asked = observations(1500, lambda features: logistic(features.log_odds - 1.5))
    fitted = fit_collection(asked)
    assert set(fitted.calibration.weights) == {"log_odds"}
    assert fitted.calibration.bias == pytest.approx(-1.5, abs=0.25)
    assert fitted.calibration.weights["log_odds"] == pytest.approx(1.0, abs=0.15)
    assert expected_calibration_error(fitted.held_out, right_of(asked)) < 0.04


def test_a_margin_is_weighed_where_it_tells_right_from_wrong_and_only_there() -> None:
    assert "margin" in fitted_to(lambda features: logistic(features.log_odds + features.margin)).calibration.weights
    assert set(fitted_to(lambda features: logistic(features.log_odds)).calibration.weights) == {"log_odds"}


def test_ranks_are_weighed_where_they_tell_right_from_wrong() -> None:
    fitted = fitted_to(lambda features: logistic(features.log_odds + 3 * (features.dense + features.lexical) - 2))
    assert {"dense", "lexical"} <= set(fitted.calibration.weights)


def test_without_a_candidate_there_is_no_confidence_and_nothing_is_given() -> None:
    asked = observations(600, lambda features: logistic(features.log_odds))
    asked[7] = replace(asked[7], candidate="", features=None)
    fitted = fit_collection(asked)
    assert fitted.held_out[7] == 0.0
    assert all(choice.given < len(asked) for choice in fitted.choices.values())


def test_each_collection_counts_as_much_as_another_however_many_questions_it_has() -> None:
    many = observations(2000, lambda _: 0.9, kind="many")
    few = observations(200, lambda _: 0.1, kind="few", seed=4)
    fitted = fit_collection([*many, *few])
    middle = CollectionFeatures(0.5, 0.0, 0.8, 0.8, 0.3, 0.3)
    assert fitted.calibration.confidence(middle) == pytest.approx(0.5, abs=0.12)


def test_the_chosen_thresholds_are_of_held_out_confidences() -> None:
    fitted = fitted_to(lambda features: logistic(2 * features.log_odds))
    assert fitted.calibration.thresholds.keys() == fitted.choices.keys()
    assert "default" in fitted.calibration.thresholds
    precise = fitted.choices["precision-90"].precision
    assert precise is not None
    assert precise >= 0.9


def test_too_few_right_or_wrong_candidates_are_no_ground_for_a_calibration() -> None:
    with pytest.raises(BuildError, match="100 of 100 candidates are right; it takes 20 right and 20 wrong ones"):
        fitted_to(lambda _: 1.0, count=100)


EARLIER = CollectionCalibration(
    bias=-2.0, weights={"log_odds": 1.0, "dense": 2.0, "lexical": 2.0}, thresholds={"default": 0.5}
)


def sure(features: CollectionFeatures) -> float:
    """Returns the chance of being right where the earlier calibration is half as sure as it should be."""
    return logistic(2 * (features.log_odds + 2 * features.dense + 2 * features.lexical - 3))


def test_few_questions_change_the_scale_of_the_confidence_so_far_and_not_what_it_weighs() -> None:
    fitted = fit_collection(observations(160, sure), so_far=EARLIER)
    assert fitted.score == SHIPPED
    weights = fitted.calibration.weights
    assert weights["dense"] == weights["lexical"] == pytest.approx(2 * weights["log_odds"])
    assert weights["log_odds"] > 1.2


def test_the_confidence_so_far_goes_where_others_are_better() -> None:
    fitted = fit_collection(observations(1500, lambda one: logistic(one.log_odds + one.margin)), so_far=EARLIER)
    assert "margin" in fitted.calibration.weights
    assert SHIPPED in fitted.log_losses


def test_questions_that_stand_for_more_of_them_count_as_more() -> None:
    made = observations(400, lambda _: 0.5)
    counted = [
        replace(one, example=replace(one.example, weight=9.0 if one.prediction.is_right else 1.0)) for one in made
    ]
    [plain, weighed] = [float(fit_collection(some).held_out.mean()) for some in (made, counted)]
    assert plain == pytest.approx(0.5, abs=0.06)
    assert weighed == pytest.approx(0.9, abs=0.04)
