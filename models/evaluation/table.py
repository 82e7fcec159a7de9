"""Observations as arrays, one entry a question, in the observations' order."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from spanstream.models.arrays import BoolArray, Float64Array, Int64Array
from spanstream.models.calibrating.thresholds import Sample
from spanstream.models.evaluation.observe import Observation
from spanstream.models.metrics.squad_metrics import Prediction
from spanstream.models.spans.calibration import Calibration


@dataclass(frozen=True, slots=True)
class ObservationTable:
    """Every array is (questions,).

    Attributes:
        observations: what the rest is of.
        sample: calibrated confidence, and what is true of the question and its candidate.
        softmax: probability of the candidate's span in its window, 0 to 1.
        null_score_diff: 0 without a candidate.
        exact: of the candidate by the official script, 0 or 1, as if it were given.
        f1: the same, 0 to 1.
        tokens: of the document.
        windows_read: of the document.
        windows_total: of the document.
        texts: the document itself; what the bootstrap draws.
    """

    observations: Sequence[Observation]
    sample: Sample
    softmax: Float64Array
    null_score_diff: Float64Array
    exact: Float64Array
    f1: Float64Array
    tokens: Int64Array
    windows_read: Int64Array
    windows_total: Int64Array
    texts: Sequence[str]

    @classmethod
    def of(cls, observations: Sequence[Observation], calibration: Calibration) -> ObservationTable:
        """The observations with this calibration's confidences."""
        reads = [one.read for one in observations]
        predictions = [read.prediction(0.0) for read in reads]
        best = [read.reading.best for read in reads]
        return cls(
            observations,
            Sample.of(reads, [calibration.confidence(read.reading) for read in reads]),
            np.array([math.exp(one.log_probability) if one else 0.0 for one in best]),
            np.array([read.reading.null_score_diff or 0.0 for read in reads]),
            np.array([prediction.exact for prediction in predictions]),
            np.array([prediction.f1 for prediction in predictions]),
            np.array([one.tokens for one in observations]),
            np.array([one.windows_read for one in observations]),
            np.array([one.windows_total for one in observations]),
            [read.example.context for read in reads],
        )

    def predictions(self, no_answer_score: Float64Array) -> list[Prediction]:
        """For the official sweep over thresholds on this score."""
        scores = no_answer_score.tolist()
        return [one.read.prediction(score) for one, score in zip(self.observations, scores, strict=True)]

    def given(self, threshold: float) -> BoolArray:
        """Which questions get an answer."""
        given: BoolArray = self.sample.candidate & (self.sample.confidence >= threshold)
        return given

    def scores_at(self, threshold: float, scores: Float64Array) -> Float64Array:
        """A score of what is given; a declined question scores 1 where there is no answer, else 0."""
        return np.where(self.given(threshold), scores, ~self.sample.has_answer)
