"""Counts what a run has done."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

from spanstream.consumer.replay.planning.planner import ReplayOutcome


@dataclass(slots=True)
class ReplayCounts:
    """The counts of a run: records whose transaction is committed, and dead letters that were refused."""

    outcomes: Counter[ReplayOutcome] = field(default_factory=Counter)
    refusals: Counter[str] = field(default_factory=Counter)

    @property
    def sent(self) -> int:
        """Records that were replayed or parked."""
        return self.outcomes[ReplayOutcome.REPLAYED] + self.outcomes[ReplayOutcome.PARKED]
