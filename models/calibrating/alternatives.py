"""Fits the confidence of the answers behind the candidate, and measures what answers of each rank are worth.

    [ReadQuestion with its alternatives] -> features of each alternative -> weights
                                         -> held-out confidences -> figures by rank; how often the first k hold the gold

An alternative is right if it equals a gold answer, as a candidate is; to a question without an answer none is.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from spanstream.models.arrays import BoolArray, Float64Array, Int64Array
from spanstream.models.calibrating.folds import folds_of
from spanstream.models.calibrating.score import PlattScale, regress
from spanstream.models.metrics.reading import ReadQuestion
from spanstream.models.metrics.reliability import (
    Interval,
    bootstrapped,
    brier_score,
    expected_calibration_error,
)
from spanstream.models.spans.alternatives_calibration import ALTERNATIVE_FEATURES, AlternativesCalibration

_LEAST_OF_A_KIND: Final = 5
# The ranks that are counted together, by what the card calls them.
_RANKS: Final = {"1": (1, 1), "2": (2, 2), "3": (3, 3), "4-5": (4, 5), "6-10": (6, 10)}
_FIRST: Final = (1, 2, 3, 5, 10)


@dataclass(frozen=True, slots=True)
class RankFigures:
    """What answers of some ranks are worth, by confidences of fits that had not seen the question.

    Attributes:
        answers: how many there are.
        right: the share of them that is right.
        confidence: their mean confidence.
        expected_calibration_error: see `spanstream.models.metrics.reliability`.
        brier_score: the same.
    """

    answers: int
    right: Interval
    confidence: Interval
    expected_calibration_error: Interval
    brier_score: Interval


@dataclass(frozen=True, slots=True)
class FittedAlternatives:
    """The weights for alternatives, and figures.

    Attributes:
        calibration: fitted on all alternatives.
        by_rank: figures by rank; 1 is the candidate.
        among_first: by k, the share of answerable questions with a right answer among the first k.
    """

    calibration: AlternativesCalibration
    by_rank: dict[str, RankFigures]
    among_first: dict[int, Interval]


@dataclass(frozen=True, slots=True)
class _Alternatives:
    """The alternatives of all questions; the arrays are (alternatives,), `features` (alternatives, features)."""

    question: Int64Array
    rank: Int64Array
    right: BoolArray
    features: Float64Array


def fit_alternatives(
    reads: Sequence[ReadQuestion],
    groups: Int64Array,
    counts: Float64Array,
    decides: BoolArray,
    candidates: Float64Array,
) -> FittedAlternatives | None:
    """Fits the weights; None where too few alternatives are right, or none were read.

    Args:
        reads: labelled questions that have a candidate; the arrays are (questions,).
        groups: what held-out fits never split.
        counts: as how many each question counts.
        decides: those that the figures are about.
        candidates: their candidates' confidences, by fits that had not seen the question.
    """
    others = _alternatives_of(reads)
    if min(others.right.sum(), (~others.right).sum()) < _LEAST_OF_A_KIND:
        return None
    weights, bias = regress(others.features, others.right, counts[others.question])
    fitted = AlternativesCalibration(bias=bias, weights=dict(zip(ALTERNATIVE_FEATURES, weights, strict=True)))
    confidence = np.minimum(_held_out(others, groups, counts), candidates[others.question])
    by_rank = _by_rank(reads, others, decides, np.concatenate([candidates, confidence]))
    return FittedAlternatives(fitted, by_rank, _among_first(reads, others, decides))


def _alternatives_of(reads: Sequence[ReadQuestion]) -> _Alternatives:
    found = [(place, read, other) for place, read in enumerate(reads) for other in read.alternatives]
    features = [
        [feature(read.reading, other.ranked) for feature in ALTERNATIVE_FEATURES.values()] for _, read, other in found
    ]
    return _Alternatives(
        np.array([place for place, _, _ in found], dtype=np.int64),
        np.array([other.ranked.rank for _, _, other in found], dtype=np.int64),
        np.array([other.is_right(read.example) for _, read, other in found], dtype=np.bool_),
        np.array(features).reshape(len(found), len(ALTERNATIVE_FEATURES)),
    )


def _held_out(others: _Alternatives, groups: Int64Array, counts: Float64Array) -> Float64Array:
    """Returns (alternatives,) confidences, each by a fit without the question's group."""
    # Where one group holds all right ones, no fit without it is possible: the mean stays.
    held_out = np.full(len(others.right), others.right.mean())
    for kept, left_out in folds_of(groups[others.question], others.right, np.ones_like(others.right)):
        weights, bias = regress(others.features[kept], others.right[kept], counts[others.question[kept]])
        held_out[left_out] = PlattScale(1.0, bias).confidences(others.features[left_out] @ np.array(weights))
    return held_out


def _by_rank(
    reads: Sequence[ReadQuestion], others: _Alternatives, decides: BoolArray, confidence: Float64Array
) -> dict[str, RankFigures]:
    """Returns figures by rank; `confidence` is that of all candidates, then of all alternatives."""
    rank = np.concatenate([np.ones(len(reads), dtype=np.int64), others.rank])
    question = np.concatenate([np.arange(len(reads)), others.question])
    right = np.concatenate([[read.prediction(0.0).is_right for read in reads], others.right]).astype(np.float64)
    figures = {}
    for name, (first, last) in _RANKS.items():
        chosen = np.flatnonzero((rank >= first) & (rank <= last) & decides[question])
        if len(chosen):
            texts = [reads[place].example.context for place in question[chosen].tolist()]
            figures[name] = _figures(confidence[chosen], right[chosen], texts)
    return figures


def _figures(confidence: Float64Array, right: Float64Array, texts: Sequence[str]) -> RankFigures:
    figures = bootstrapped(
        {
            "right": lambda drawn: float(right[drawn].mean()),
            "confidence": lambda drawn: float(confidence[drawn].mean()),
            "expected_calibration_error": lambda drawn: expected_calibration_error(confidence[drawn], right[drawn]),
            "brier_score": lambda drawn: brier_score(confidence[drawn], right[drawn]),
        },
        texts,
    )
    return RankFigures(len(right), **figures)


def _among_first(reads: Sequence[ReadQuestion], others: _Alternatives, decides: BoolArray) -> dict[int, Interval]:
    best = np.array([1.0 if read.prediction(0.0).is_right else np.inf for read in reads])
    np.minimum.at(best, others.question[others.right], others.rank[others.right])
    chosen = [place for place, read in enumerate(reads) if read.example.has_answer and decides[place]]
    found = best[chosen]
    figures = {str(k): lambda drawn, k=k: float((found[drawn] <= k).mean()) for k in _FIRST}
    intervals = bootstrapped(figures, [reads[place].example.context for place in chosen])
    return {k: intervals[str(k)] for k in _FIRST}
