"""The logistic function."""

from __future__ import annotations

import math


def logistic(log_odds: float) -> float:
    """Returns the probability, 0 to 1, of log odds."""
    # Both forms are the same function; each is the one that cannot overflow on its side.
    return 1 / (1 + math.exp(-log_odds)) if log_odds >= 0 else math.exp(log_odds) / (1 + math.exp(log_odds))
