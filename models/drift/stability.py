"""Measures how far two histograms are apart: the population stability index, and what of it chance explains.

The index is the symmetric divergence of Jeffreys 1946 and Kullback and Leibler 1951; its name and the limits 0.1 and
0.25 come from credit scoring (Siddiqi 2006, "Credit Risk Scorecards"). Two samples of N and M from one distribution
over B bins have an index of about (1/N + 1/M) times a chi-squared variable of B - 1 degrees of freedom (Yurdakul and
Naranjo 2020, "Statistical properties of the population stability index").
"""

from __future__ import annotations

import math

import numpy as np

from spanstream.models.arrays import Float64Array, Int64Array

# Standard deviations of the chi-squared variable that still count as chance.
_DEVIATIONS = 3.0


def stability_index(counts: Int64Array | Float64Array, others: Int64Array | Float64Array) -> float:
    """Returns the population stability index of two histograms over the same bins; 0 where one of them is empty.

    It is never negative, 0 for equal shares, and the same both ways. Half a count a bin is added to each, spread as
    both together are: an empty bin has no logarithm, and equal shares stay equal.
    """
    if not counts.sum() or not others.sum():
        return 0.0
    pooled = counts / counts.sum() + others / others.sum()
    counts, others, pooled = counts[pooled > 0], others[pooled > 0], pooled[pooled > 0] / 2
    share, other = (_smoothed(sample, pooled) for sample in (counts, others))
    return max(0.0, float(((share - other) * np.log(share / other)).sum()))


def _smoothed(counts: Int64Array | Float64Array, pooled: Float64Array) -> Float64Array:
    added = len(pooled) / 2
    smoothed: Float64Array = (counts + added * pooled) / (counts.sum() + added)
    return smoothed


def index_by_chance(counts: Int64Array | Float64Array, others: Int64Array | Float64Array) -> float:
    """Returns how large the index of two samples from one distribution is at most, but for 1 or 2 in 100 pairs."""
    sizes = float(counts.sum()), float(others.sum())
    freedom = int(np.count_nonzero(counts + others)) - 1
    if not all(sizes) or freedom < 1:
        return 0.0
    return (freedom + _DEVIATIONS * math.sqrt(2 * freedom)) * sum(1 / size for size in sizes)


def drift_index(counts: Int64Array | Float64Array, others: Int64Array | Float64Array) -> float:
    """Returns the stability index less what chance explains, at least 0."""
    return max(0.0, stability_index(counts, others) - index_by_chance(counts, others))
