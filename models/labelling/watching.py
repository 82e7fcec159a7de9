"""Tests a promise about wrong answers again with each label, as often as anybody looks.

    (wrong or not, the chance of it that was promised), ... -> evidence against the promise -> kept | broken

A bet on each answer being wrong is fair, or loses, as long as the promise holds: its wealth is a supermartingale, and
comes to 1 / ALPHA times the stake with a chance of ALPHA at the most, over all time (Ville 1939). So it may be looked
at after each label, which a fixed-sample test may not. The stake is divided over a grid of bets ("Estimating means of
bounded random variables by betting", Waudby-Smith and Ramdas 2024). The labels must be of answers that were drawn
uniformly among those given.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

import numpy as np

from spanstream.models.arrays import Float64Array

# How often a promise that holds may be called broken, over all time.
ALPHA: Final = 0.05
# Shares of the wealth that are put on the next answer being wrong.
_BETS: Final = np.linspace(0.0, 0.96, 49)[1:]
# A promised chance of 0 would be broken by the first wrong answer.
_LEAST_CHANCE: Final = 0.001
_STEPS: Final = 40


@dataclass(frozen=True, slots=True)
class Watched:
    """What the labels say of a promise.

    Attributes:
        given: answers that were given and labelled.
        wrong: how many of them are wrong.
        promised: how many of them may be wrong on average, if the promise holds.
        evidence: the most that the bet was ever worth; 1 / ALPHA or more: the promise is broken.
        at_least: the true share of wrong answers is above it, with a confidence of 1 - ALPHA.
        at_most: the same share is below it, with the same confidence.
    """

    given: int
    wrong: int
    promised: float
    evidence: float
    at_least: float
    at_most: float

    @property
    def is_broken(self) -> bool:
        """Whether more answers are wrong than was promised, which chance does not explain."""
        return self.evidence >= 1 / ALPHA


def watch(answers: Iterable[tuple[bool, float]]) -> Watched:
    """Tests a promise with labelled answers.

    Args:
        answers: in the order in which they were labelled: whether each is wrong, and the chance of that, 0 to 1, which
            was promised: of a guarantee the share that is allowed, of a confidence what it leaves.
    """
    judged = np.array(list(answers), dtype=np.float64).reshape(-1, 2)  # (answers, 2)
    is_wrong, allowed = judged[:, 0], np.clip(judged[:, 1], _LEAST_CHANCE, 1.0)
    wealth = np.log1p(np.outer(is_wrong / allowed - 1, _BETS)).cumsum(axis=0)  # logarithms, (answers, bets)
    best = float(_log_mean(wealth).max(initial=0.0))
    given, wrong = len(judged), int(is_wrong.sum())
    at_least = _lower_bound(wrong, given)
    at_most = 1 - _lower_bound(given - wrong, given)
    return Watched(given, wrong, float(allowed.sum()), float(np.exp(min(best, 700.0))), at_least, at_most)


def _log_mean(logarithms: Float64Array) -> Float64Array:
    largest = logarithms.max(axis=-1, keepdims=True)
    means: Float64Array = largest[..., 0] + np.log(np.exp(logarithms - largest).mean(axis=-1))
    return means


def _lower_bound(count: int, total: int) -> float:
    """Returns the largest share that so many of so many are evidence against; the bet against it falls as it grows."""
    low, high = 0.0, 1.0
    for _ in range(_STEPS):
        share = (low + high) / 2
        wealth = count * np.log1p(_BETS * (1 / share - 1)) + (total - count) * np.log1p(-_BETS)
        low, high = (share, high) if _log_mean(wealth) >= -np.log(ALPHA) else (low, share)
    return low
