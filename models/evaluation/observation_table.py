"""Turns observations into arrays with one entry a question, in the observations' order."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from spanstream.models.arrays import BoolArray, Float64Array, Int64Array
from spanstream.models.calibrating.thresholds import LabelledSample
from spanstream.models.evaluation.observe import Observation
from spanstream.models.metrics.squad_metrics import Prediction
from spanstream.models.spans.calibration import Calibration


@dataclass(frozen=True, slots=True)
class ObservationTable:
    """Observations as arrays; every array is (questions,).

    Attributes:
        observations: the questions.
        sample: calibrated confidence, and labels of question and candidate.
        softmax: probability of the candidate's span in its window, 0 to 1.
        null_score_diff: raw score of "no answer" minus the candidate's; 0 without a candidate.
        exact: exact match of the candidate by the official script, 0 or 1, as if it were given.
        f1: F1 of the candidate, 0 to 1, as if it were given.
        tokens: of the document.
        windows_read: of the document.
        windows_total: of the document.
        texts: the documents; the bootstrap draws whole ones.
    """

    observations: Sequence[Observation]
    sample: LabelledSample
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
        """Makes the table with this calibration's confidences."""
        reads = [observation.read for observation in observations]
        predictions = [read.prediction(0.0) for read in reads]
        best = [read.reading.best for read in reads]
        return cls(
            observations,
            LabelledSample.of(reads, [calibration.confidence(read.reading) for read in reads]),
            np.array([math.exp(span.log_probability) if span else 0.0 for span in best]),
            np.array([read.reading.null_score_diff or 0.0 for read in reads]),
            np.array([prediction.exact for prediction in predictions]),
            np.array([prediction.f1 for prediction in predictions]),
            np.array([observation.tokens for observation in observations]),
            np.array([observation.windows_read for observation in observations]),
            np.array([observation.windows_total for observation in observations]),
            [read.example.context for read in reads],
        )

    def predictions(self, no_answer_score: Float64Array) -> list[Prediction]:
        """Returns predictions for the official sweep over thresholds on this score."""
        pairs = zip(self.observations, no_answer_score.tolist(), strict=True)
        return [observation.read.prediction(score) for observation, score in pairs]

    def given(self, threshold: float) -> BoolArray:
        """Returns which questions get an answer."""
        given: BoolArray = self.sample.candidate & (self.sample.confidence >= threshold)
        return given

    def scores_at(self, threshold: float, scores: Float64Array) -> Float64Array:
        """Returns the scores of given answers; a declined question scores 1 where there is no answer, else 0."""
        return np.where(self.given(threshold), scores, ~self.sample.has_answer)
