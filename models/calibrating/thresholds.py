"""Chooses named thresholds: the least confidence of an answer, for a purpose each.

(confidence, right or not, ...) of labelled questions -> {name: threshold}, {name: why there is none}

default          the fewest answers within a point of the best F1; fewer, where four of five are right for four points
precision-90     the most answers of which 90 % are right
recall-80        the fewest answers that 80 % of the right candidates are among
no-answer-p95    the 95th percentile where there is no answer: 5 % of such questions get one all the same
guarantee-90     see `spanstream.models.calibrating.guarantee`
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from spanstream.models.arrays import BoolArray, Float64Array, Int64Array
from spanstream.models.metrics.reading import ReadQuestion

# A precision that only a few questions reach may be luck.
LEAST_GIVEN: Final = 20
NO_ANSWER_PERCENTILE: Final = 95
# Points of F1 given up for fewer wrong answers. Near its best F1 is flat, and the answers that go are mostly wrong; the
# best itself is less exact on a few hundred questions.
_POINTS_GIVEN_UP: Final = 1.0
# A wrong answer does more harm than none, which F1 does not know: for answers of which so many percent are right, more
# is given up.
_DEFAULT_PRECISION: Final = 80
_POINTS_FOR_PRECISION: Final = 4.0


@dataclass(frozen=True, slots=True)
class ThresholdRequest:
    """What thresholds are wanted for, in percent.

    Attributes:
        precisions: the share of the given answers that is right.
        recalls: the share of the right candidates that is given.
        guarantees: a precision, with 95 % confidence.
    """

    precisions: tuple[int, ...] = (80, 90)
    recalls: tuple[int, ...] = (80, 90)
    guarantees: tuple[int, ...] = (80, 90)


@dataclass(frozen=True, slots=True)
class LabelledSample:
    """Labelled questions as the model read them; every array is (questions,).

    Attributes:
        confidence: 0 to 1.
        candidate: whether there is one; without it nothing can be given.
        right: whether the candidate matches a gold answer; never where there is no answer.
        f1: of the candidate against the gold answers, 0 to 1.
        has_answer: whether the text answers the question.
        weight: as how many questions each counts; None: as one.
    """

    confidence: Float64Array
    candidate: BoolArray
    right: BoolArray
    f1: Float64Array
    has_answer: BoolArray
    weight: Float64Array | None = None

    @classmethod
    def of(cls, reads: Sequence[ReadQuestion], confidence: Sequence[float] | Float64Array) -> LabelledSample:
        """Collects the questions with these confidences."""
        predictions = [read.prediction(0.0) for read in reads]
        return cls(
            np.asarray(confidence, dtype=np.float64),
            np.array([bool(prediction.text) for prediction in predictions]),
            np.array([prediction.is_right for prediction in predictions]),
            np.array([prediction.f1 if prediction.example.has_answer else 0.0 for prediction in predictions]),
            np.array([prediction.example.has_answer for prediction in predictions]),
            np.array([prediction.example.weight for prediction in predictions]),
        )


@dataclass(frozen=True, slots=True)
class ThresholdChoice:
    """A threshold and what it does to the questions it was chosen on.

    Attributes:
        threshold: the least confidence of an answer.
        given: how many questions get an answer.
        right: how many of these answers are right.
        questions: of how many questions.
        right_candidates: how many candidates are right, given or not.
    """

    threshold: float
    given: int
    right: int
    questions: int
    right_candidates: int

    @property
    def precision(self) -> float | None:
        """The share of the given answers that is right; None where none is given."""
        return self.right / self.given if self.given else None

    @property
    def recall(self) -> float | None:
        """The share of the right candidates that is given; None where no candidate is right."""
        return self.right / self.right_candidates if self.right_candidates else None


def choice_at(sample: LabelledSample, threshold: float) -> ThresholdChoice:
    """Counts what a threshold does to the sample."""
    given = sample.candidate & (sample.confidence >= threshold)
    right = int((given & sample.right).sum())
    return ThresholdChoice(threshold, int(given.sum()), right, len(given), int(sample.right.sum()))


def choose_thresholds(sample: LabelledSample, wanted: ThresholdRequest) -> tuple[dict[str, float], dict[str, str]]:
    """Returns all thresholds but the guarantees, and why some could not be set."""
    cuts = _Cuts.of(sample)
    thresholds: dict[str, float] = {"default": cuts.for_default()}
    absent: dict[str, str] = {}
    for percent in wanted.precisions:
        if (threshold := cuts.for_precision(percent)) is None:
            absent[f"precision-{percent}"] = f"no {LEAST_GIVEN} most confident candidates or more are {percent} % right"
        else:
            thresholds[f"precision-{percent}"] = threshold
    for percent in wanted.recalls:
        thresholds[f"recall-{percent}"] = cuts.for_recall(percent)
    name = f"no-answer-p{NO_ANSWER_PERCENTILE}"
    if unanswerable := float(_weights(sample)[~sample.has_answer].sum()):
        thresholds[name] = cuts.for_no_answer((100 - NO_ANSWER_PERCENTILE) * unanswerable // 100)
    else:
        absent[name] = "every question has an answer"
    return thresholds, absent


def _weights(sample: LabelledSample) -> Float64Array:
    return np.ones(len(sample.confidence)) if sample.weight is None else sample.weight


def roundest_between(low: float, high: float) -> float:
    """Returns the decimal of fewest places above `low` and not above `high`."""
    for places in range(1, 17):
        scale = 10**places
        value: float = (math.floor(low * scale) + 1) / scale
        if low < value <= high:
            return value
    return high


@dataclass(frozen=True, slots=True)
class _Cuts:
    """Where the confidences, sorted to fall, can be cut: before the first, and after each run of equal ones.

    Every array but `edges` is (cuts,) and weighs what is above the cut, `labelled` counts it; `questions` weighs all.
    """

    questions: float
    edges: Float64Array  # (cuts + 1,): cut i lies above edges[i + 1] and not above edges[i]
    labelled: Int64Array
    given: Float64Array
    right: Float64Array
    unanswerable: Float64Array
    gain: Float64Array  # the sum of F1, over that of giving nothing

    @classmethod
    def of(cls, sample: LabelledSample) -> _Cuts:
        places = np.flatnonzero(sample.candidate)
        order = places[np.argsort(-sample.confidence[places], kind="stable")]
        confidence = sample.confidence[order]
        ends = np.append(np.flatnonzero(np.diff(confidence)), len(confidence) - 1)
        cuts = np.append(0, ends + 1)

        weights = _weights(sample)

        def above(values: Float64Array | BoolArray) -> Float64Array:
            sums: Float64Array = np.append(0.0, np.cumsum((values * weights)[order]))[cuts]
            return sums

        return cls(
            questions=float(weights.sum()),
            # A confidence of exactly 1 leaves no room above it: giving nothing is not on offer then.
            edges=np.concatenate(([1.0], confidence[ends], [0.0])),
            labelled=cuts.astype(np.int64),
            given=above(np.ones(len(weights))),
            right=above(sample.right),
            unanswerable=above(~sample.has_answer),
            gain=above(np.where(sample.has_answer, sample.f1, -1.0)),
        )

    def threshold_of(self, cut: int) -> float:
        """Returns the threshold of a cut: a round number, so that another machine's rounding does not matter."""
        return roundest_between(float(self.edges[cut + 1]), float(self.edges[cut]))

    def for_default(self) -> float:
        """Returns the strictest cut near the official best F1, in which a rightly declined question counts 1.

        It is as strict as the precision asks for, unless that costs too much F1.
        """
        near_best = int(np.flatnonzero(self._lost <= _POINTS_GIVEN_UP)[0])
        precise = self._cut_of_precision(_DEFAULT_PRECISION)
        if precise is not None and self._lost[precise] <= _POINTS_FOR_PRECISION:
            near_best = min(near_best, precise)
        return self.threshold_of(near_best)

    @property
    def _lost(self) -> Float64Array:
        """(cuts,) the points of F1 below the best."""
        lost: Float64Array = 100 * (self.gain.max() - self.gain) / self.questions
        return lost

    def _cut_of_precision(self, percent: int) -> int | None:
        reached = np.flatnonzero((self.labelled >= LEAST_GIVEN) & (100 * self.right >= percent * self.given))
        return int(reached[-1]) if len(reached) else None

    def for_precision(self, percent: int) -> float | None:
        """Returns the most lenient cut of this precision; None where only a few questions reach it."""
        cut = self._cut_of_precision(percent)
        return None if cut is None else self.threshold_of(cut)

    def for_recall(self, percent: int) -> float:
        """Returns the strictest cut of this recall."""
        return self.threshold_of(int(np.flatnonzero(100 * self.right >= percent * self.right[-1])[0]))

    def for_no_answer(self, most: float) -> float:
        """Returns the most lenient cut that gives an answer to so many unanswerable questions at most."""
        return self.threshold_of(int(np.flatnonzero(self.unanswerable <= most)[-1]))
