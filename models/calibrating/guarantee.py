"""Finds a threshold with a guarantee: at most such a share of the answers given is wrong, with 95 % confidence.

    one half of the questions -> an order of thresholds
    the order x the other half -> tested one after the other until one fails -> the last that passed

A threshold passes if the exact binomial bound (Clopper and Pearson 1934) on its share of wrong answers is within what
is allowed. Testing many and taking the best would find one that passed by luck; in an order that is fixed beforehand,
up to the first failure, all tests together break the guarantee in at most 5 % of samples (fixed-sequence testing, as in
"Learn then Test", Angelopoulos et al. 2021). The guarantee is about questions drawn as the sample's were, each on its
own: many questions about a few texts prove less about other texts than as many about as many.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from scipy.stats import beta, binom

from spanstream.models.arrays import BoolArray, Float64Array, Int64Array

# The significance level: how often, over many samples, the guarantee may be broken.
ALPHA: Final = 0.05
# Thresholds tried at most: a step is a hundredth of the questions.
_STEPS: Final = 100


@dataclass(frozen=True, slots=True)
class ThresholdTrial:
    """One tested threshold: `wrong` of `given` answers; the true share is below `bound` with 95 % confidence."""

    threshold: float
    given: int
    wrong: int
    bound: float


@dataclass(frozen=True, slots=True)
class Guarantee:
    """The trials in their order; all but the last passed, and the last one too where the order came to its end.

    Attributes:
        allowed: the share of the answers given that may be wrong, 0 to 1.
        trials: what was tested, the strictest first.
        questions: how many questions were tested on.
    """

    allowed: float
    trials: tuple[ThresholdTrial, ...]
    questions: int

    @property
    def kept(self) -> ThresholdTrial | None:
        """The last trial that passed: the most answers that the guarantee allows. None where it cannot be kept."""
        passed = [trial for trial in self.trials if trial.bound <= self.allowed]
        return passed[-1] if passed else None


def upper_bound(wrong: int, given: int, alpha: float = ALPHA) -> float:
    """Returns the one-sided Clopper-Pearson bound, which the true share of wrong answers exceeds with chance `alpha`.

    1.0 where nothing was given or everything was wrong.
    """
    return float(beta.ppf(1 - alpha, wrong + 1, given - wrong)) if wrong < given else 1.0


def two_sided_interval(count: int, total: int, alpha: float = ALPHA) -> tuple[float, float]:
    """Returns the Clopper-Pearson interval of a share, 0 to 1; `total` is at least 1."""
    return 1 - upper_bound(total - count, total, alpha / 2), upper_bound(count, total, alpha / 2)


def threshold_order(scores: Float64Array, wrong: BoolArray, allowed: float, tested_on: int) -> Float64Array:
    """Returns thresholds from strict to lenient, to be tested on other questions than these.

    The first is the one with the best chance to pass there: too strict a one gives too few answers to prove anything.

    Args:
        scores: (questions,) the higher, the likelier that the candidate is right.
        wrong: (questions,) whether it is not.
        allowed: the share of wrong answers that is allowed, 0 to 1.
        tested_on: how many questions there are to test on.
    """
    order = np.argsort(-scores, kind="stable")
    thresholds, given = _cuts(scores[order])
    failures = np.cumsum(wrong[order])[given - 1]
    # If the other half is like this one: how many answers it would be tested on, and how many of them may be wrong.
    expected = np.round(given * tested_on / len(scores)).astype(np.int64)
    most = binom.ppf(ALPHA, expected, allowed)
    most -= binom.cdf(most, expected, allowed) > ALPHA
    chance = binom.cdf(most, expected, (failures + 1) / (given + 2))
    return thresholds[int(np.argmax(chance)) :]


def run_fixed_sequence(order: Float64Array, scores: Float64Array, wrong: BoolArray, allowed: float) -> Guarantee:
    """Tests the thresholds one after the other, up to the first that fails.

    Args:
        order: (thresholds,) see `threshold_order`; it must not depend on scores or labels of these questions.
        scores: (questions,) given by a score that was not fitted to these questions.
        wrong: (questions,) whether the candidate is not right.
        allowed: the share of wrong answers that is allowed, 0 to 1.
    """
    trials: list[ThresholdTrial] = []
    for threshold in order.tolist():
        is_given = scores >= threshold
        given, failures = int(is_given.sum()), int(wrong[is_given].sum())
        trials.append(ThresholdTrial(threshold, given, failures, upper_bound(failures, given)))
        if trials[-1].bound > allowed:
            break
    return Guarantee(allowed, tuple(trials), len(scores))


def _cuts(scores: Float64Array) -> tuple[Float64Array, Int64Array]:
    """Returns at most `_STEPS` thresholds, halfway between neighbouring scores, and how many scores lie above each.

    `scores` must fall. All scores lie above the last threshold.
    """
    steps = np.unique(np.ceil(np.linspace(0, len(scores), _STEPS + 1)[1:]).astype(np.int64))
    below = np.append(scores, scores[-1] - 1.0)[steps]
    given = steps[scores[steps - 1] > below]  # no threshold lies between equal scores
    below = np.append(scores, scores[-1] - 1.0)[given]
    return (scores[given - 1] + below) / 2, given
