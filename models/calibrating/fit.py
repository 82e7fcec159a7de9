"""Fits the confidence and its thresholds to labelled questions as a model reads them.

    [Read] -> one half:  which figures of a reading to weigh, and how (the score)
              both:      from score to probability (Platt 1999), the named thresholds
              the other: the guarantees, on a score that has not seen these questions

A guarantee is about which questions are given, that is, about the order the score puts them in. The step from score to
probability keeps the order, so it may see all questions; the score may not, nor may the choice of the model: a build
compares its variants on the first half alone. The halves share no article. Where there are few articles they share no
text, and where there are few texts no question.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import compress
from typing import Final

import numpy as np

from spanstream.models.arrays import BoolArray, Float64Array, Int64Array
from spanstream.models.calibrating.alternatives import FittedAlternatives, fit_alternatives
from spanstream.models.calibrating.folds import Halves, folds_of, halve
from spanstream.models.calibrating.guarantee import Guarantee, run_fixed_sequence, threshold_order
from spanstream.models.calibrating.score import PlattScale, Score, platt
from spanstream.models.calibrating.thresholds import (
    LabelledSample,
    ThresholdChoice,
    ThresholdRequest,
    choice_at,
    choose_thresholds,
)
from spanstream.models.errors import BuildError
from spanstream.models.metrics.reading import ReadQuestion
from spanstream.models.metrics.seen_questions import SeenQuestions
from spanstream.models.spans.calibration import Calibration

# `probability` first: on SQuAD, held out, it leaves fewer wrong candidates among the surest ones than its logarithm
# does (coverage at 75 % accuracy 0.06 against 0.03, area under the risk-coverage curve 0.508 against 0.511).
# Not among them: `log_windows`, for paragraphs of one window cannot say what many windows mean; and
# `log_answer_tokens`, which lowers the calibration error by trusting long answers less, also those that are right but
# for a word; held out, it gained no F1.
_FEATURE_SETS: Final[tuple[tuple[str, ...], ...]] = (
    ("null_score_diff", "probability"),
    ("null_score_diff", "log_probability"),
    ("null_score_diff", "log_probability", "margin"),
)
# Added to each of them where two kinds of questions are fitted together: it tells logs from prose, and the same scores
# are right more often in tickets. On tickets and SQuAD, held out, it lowers the calibration error of both.
_TELLS_KINDS_APART: Final = "characters_per_token"
# Added where the model has an answerability head: to each of the sets above, so that the head has to beat the same set
# without it.
_ANSWERABILITY: Final = "answerability"
# Always there to fall back on: nothing is fitted to get these scores.
_RAW_SCORE: Final = {"null_score_diff": -1.0}
SHIPPED: Final = "the confidence so far"

# Another score has to lower the held-out log loss by this much, and by more than its standard error (the one-standard-
# error rule, Breiman et al. 1984): few questions are no ground for many weights.
_WORTH_A_SCORE: Final = 0.001
_LEAST_OF_A_KIND: Final = 5


@dataclass(frozen=True, slots=True)
class FittedCalibration:
    """A calibration, and its figures on questions it was not fitted on.

    Attributes:
        calibration: fitted on all questions, with its thresholds.
        held_out: (questions,) confidences, each by a fit without the question's group; those of `also` come last.
        log_losses: held-out log loss of each score that was tried, on the half that chose.
        score: the name of the score that was chosen.
        grouped_by: article, text or question: what the halves and the held-out fits never split.
        choices: what each threshold does to the questions.
        absent: thresholds that could not be set, and why.
        seen: the questions it was fitted to.
        chose: those of them that had a part in choosing.
        guarantees: the trials behind each guarantee, kept or not.
        alternatives: weights and figures of the answers behind the candidate; None: too few of them are right.
    """

    calibration: Calibration
    held_out: tuple[float, ...]
    log_losses: dict[str, float]
    score: str
    grouped_by: str
    choices: dict[str, ThresholdChoice]
    absent: dict[str, str]
    seen: SeenQuestions
    chose: SeenQuestions
    guarantees: dict[str, Guarantee] = field(default_factory=dict)
    alternatives: FittedAlternatives | None = None


@dataclass(frozen=True, slots=True)
class _Questions:
    """Labelled questions that have a candidate; the arrays are (questions,).

    The halves are drawn for either kind apart: of few questions among many, both halves get their share.

    Attributes:
        reads: the questions as the model read them.
        right: whether the candidate is right.
        groups: the number of each question's group.
        decides: which of them thresholds and guarantees are about.
        first_half: which of them choose the score; the others prove the guarantees.
        counts: as how many each counts, so that either kind counts as much as the other.
    """

    reads: Sequence[ReadQuestion]
    right: BoolArray
    groups: Int64Array
    decides: BoolArray
    first_half: BoolArray
    counts: Float64Array


def fit_calibration(  # noqa: PLR0913  all but two are left out where there is nothing to say
    reads: Sequence[ReadQuestion],
    name: str,
    *,
    also: Sequence[ReadQuestion] = (),
    shipped: Calibration | None = None,
    chose: SeenQuestions | None = None,
    wanted: ThresholdRequest | None = None,
) -> FittedCalibration:
    """Fits a calibration.

    Args:
        reads: labelled questions as the model read them.
        name: the calibration's name.
        also: questions of another kind, that the confidence is fitted to as well, with the same weight in all; no
            threshold is about them.
        shipped: an earlier calibration of the same model; with few questions its score is kept and only its scale
            fitted anew.
        chose: questions that had a part in choosing the model or its earlier score: no guarantee is tested on them.
        wanted: what thresholds are wanted for.

    Raises:
        BuildError: too few candidates are right, or too few wrong; or the model's scores do not tell them apart.
    """
    examples, others = [read.example for read in reads], [read.example for read in also]
    halves = halve(examples, chose)
    questions = _with_candidates(reads, also, halves)
    label, score, log_losses = _choose_score(questions, shipped)
    scale = platt(score.scores(), questions.right, questions.counts)
    calibration = _calibration_of(name, score, scale)
    sample = LabelledSample.of(reads, [calibration.confidence(read.reading) for read in reads])
    thresholds, absent = choose_thresholds(sample, wanted or ThresholdRequest())
    guarantees = _guarantees(questions, score.scores(), (wanted or ThresholdRequest()).guarantees)
    thresholds |= {name: scale.confidence(made.kept.threshold) for name, made in guarantees.items() if made.kept}
    absent |= {name: _why_not(made) for name, made in guarantees.items() if not made.kept}
    unseen = _held_out(questions, score)
    held_out = iter(unseen.tolist())
    alternatives = fit_alternatives(questions.reads, questions.groups, questions.counts, questions.decides, unseen)
    weights = None if alternatives is None else alternatives.calibration
    return FittedCalibration(
        calibration.model_copy(update={"thresholds": thresholds, "alternatives": weights}),
        tuple(next(held_out) if read.text else 0.0 for read in (*reads, *also)),
        log_losses,
        label,
        halves.grouped_by,
        {name: choice_at(sample, threshold) for name, threshold in thresholds.items()},
        absent,
        SeenQuestions.of([*examples, *others]),
        SeenQuestions.of([*compress(examples, halves.first), *others]),
        guarantees,
        alternatives,
    )


def _calibration_of(name: str, score: Score, scale: PlattScale) -> Calibration:
    """Returns the calibration that a score and its scale make, without thresholds yet.

    Raises:
        BuildError: the score does not tell right from wrong.
    """
    if scale.slope <= 0:
        raise BuildError("the model's scores do not tell right from wrong on these questions: no confidence fits them")
    weights = {feature: scale.slope * weight for feature, weight in zip(score.names, score.weights, strict=True)}
    return Calibration(name=name, bias=scale.bias, weights=weights, thresholds={"default": 0.0})


def _with_candidates(deciding: Sequence[ReadQuestion], also: Sequence[ReadQuestion], halves: Halves) -> _Questions:
    """Returns the questions that have a candidate."""
    groups, first_half = halves.groups, halves.first
    if also:
        others = halve([read.example for read in also])
        groups = np.concatenate([groups, others.groups + groups.max() + 1])
        first_half = np.concatenate([first_half, others.first])
    kept = [place for place, read in enumerate((*deciding, *also)) if read.text]
    reads = [(*deciding, *also)[place] for place in kept]
    right = np.array([read.prediction(0.0).is_right for read in reads], dtype=np.bool_)
    if min(right.sum(), (~right).sum()) < _LEAST_OF_A_KIND:
        raise BuildError(
            f"nothing to calibrate on: {right.sum()} of {len(right)} candidates are right; it takes "
            f"{_LEAST_OF_A_KIND} right and {_LEAST_OF_A_KIND} wrong ones at the least: label more, or add another file"
        )
    decides = np.array(kept) < len(deciding)
    counts = np.array([read.example.weight for read in reads])
    counts /= counts.mean()
    counts[~decides] *= counts[decides].sum() / max(counts[~decides].sum(), 1)
    return _Questions(reads, right, groups[kept], decides, first_half[kept], counts)


def _choose_score(questions: _Questions, shipped: Calibration | None) -> tuple[str, Score, dict[str, float]]:
    """Chooses the score by its held-out log loss on the first half; returns label, score and the losses of all."""
    reads, right, first_half = questions.reads, questions.right, questions.first_half
    if shipped is not None and shipped.weights:
        chosen, scores = SHIPPED, {SHIPPED: Score.known(reads, shipped.weights)}
    else:
        chosen, scores = "null_score_diff", {"null_score_diff": Score.known(reads, _RAW_SCORE)}
    if min(right[first_half].sum(), (~right[first_half]).sum()) < _LEAST_OF_A_KIND:
        return chosen, scores[chosen], {}
    kinds = () if questions.decides.all() else (_TELLS_KINDS_APART,)
    with_head = all(read.reading.answerability is not None for read in reads)
    feature_sets = [*_FEATURE_SETS, *((*names, _ANSWERABILITY) for names in _FEATURE_SETS if with_head)]
    for feature_set in feature_sets:
        names = feature_set + kinds
        scores[" + ".join(names)] = Score.fitted(reads, names, right, questions.counts, first_half)
    losses = {label: _losses(questions, score) for label, score in scores.items()}
    for label in list(scores)[1:]:
        gain = losses[chosen] - losses[label]
        if float(gain.mean()) > max(_WORTH_A_SCORE, float(gain.std()) / math.sqrt(len(gain))):
            chosen = label
    return chosen, scores[chosen], {label: float(loss.mean()) for label, loss in losses.items()}


def _losses(questions: _Questions, score: Score) -> Float64Array:
    """Returns (questions of the first half,) held-out log losses, scaled so that their mean is that of both kinds."""
    right, counts = questions.right, questions.counts / questions.counts[questions.first_half].mean()
    losses = []
    for kept, left_out in folds_of(questions.groups, right, questions.first_half):
        scores = score.scores(score.weights_from(right, counts, kept))
        confidence = platt(scores[kept], right[kept], counts[kept]).confidences(scores[left_out])
        losses.append(-counts[left_out] * np.log(np.where(right[left_out], confidence, 1 - confidence)))
    return np.concatenate(losses) if losses else np.zeros(1)


def _held_out(questions: _Questions, score: Score) -> Float64Array:
    """Returns (questions,) confidences by fits like the final one, each without the question's group."""
    right, counts = questions.right, questions.counts
    # Where one group holds all right candidates, or all wrong ones, no fit without it is possible: the mean stays.
    held_out = np.full(len(right), right.mean())
    for kept, left_out in folds_of(questions.groups, right, np.ones_like(right)):
        scores = score.scores(score.weights_from(right, counts, kept & questions.first_half))
        held_out[left_out] = platt(scores[kept], right[kept], counts[kept]).confidences(scores[left_out])
    return held_out


def _guarantees(questions: _Questions, scores: Float64Array, percents: Sequence[int]) -> dict[str, Guarantee]:
    wrong = ~questions.right
    first, second = questions.decides & questions.first_half, questions.decides & ~questions.first_half
    if len(set(questions.counts[questions.decides].tolist())) > 1:
        second = np.zeros_like(second)  # the exact test counts questions, and so takes those that were drawn alike
    guarantees = {}
    for percent in percents:
        allowed = (100 - percent) / 100
        order = threshold_order(scores[first], wrong[first], allowed, int(second.sum()))
        guarantees[f"guarantee-{percent}"] = run_fixed_sequence(order, scores[second], wrong[second], allowed)
    return guarantees


def _why_not(guarantee: Guarantee) -> str:
    if not guarantee.questions:
        return (
            "no question is left to test it on: all had a part in choosing the model or its score, or they were drawn "
            "with unequal chances"
        )
    first = guarantee.trials[0]
    return (
        f"on {guarantee.questions} questions set apart, {first.wrong} of the {first.given} most confident candidates "
        f"are wrong; up to {100 * first.bound:.0f} % may be, {100 * guarantee.allowed:.0f} % are allowed"
    )
