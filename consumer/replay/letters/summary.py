"""Counts dead letters by reason, origin topic, day and model."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from spanstream.consumer.clock import iso, to_datetime
from spanstream.consumer.replay.letters.letter import Letter, SeenLetter

DIMENSIONS: Final = ("reason", "origin topic", "day", "model")
UNSTATED: Final = "(not said)"


@dataclass(slots=True)
class SummaryGroup:
    """The dead letters that share one value of a dimension.

    Attributes:
        count: how many there are.
        oldest_ms: when the first of them failed, milliseconds since the epoch; None where no time is known.
        newest_ms: when the last one did.
        sample: the newest of them.
    """

    count: int = 0
    oldest_ms: int | None = None
    newest_ms: int | None = None
    sample: Letter | None = None

    def add(self, letter: Letter) -> None:
        """Counts one dead letter."""
        self.count += 1
        failed_ms = letter.failed_at_ms
        if self.sample is None or (failed_ms is not None and (self.newest_ms is None or failed_ms >= self.newest_ms)):
            self.sample = letter
        if failed_ms is not None:
            self.oldest_ms = failed_ms if self.oldest_ms is None else min(self.oldest_ms, failed_ms)
            self.newest_ms = failed_ms if self.newest_ms is None else max(self.newest_ms, failed_ms)


@dataclass(slots=True)
class LetterSummary:
    """The total, and the groups of each dimension by name."""

    total: SummaryGroup = field(default_factory=SummaryGroup)
    states: dict[str, int] = field(default_factory=dict)
    groups: dict[str, dict[str, SummaryGroup]] = field(default_factory=lambda: {name: {} for name in DIMENSIONS})

    def add(self, seen: SeenLetter) -> None:
        """Counts one dead letter in all its groups."""
        letter, _, state = seen
        self.total.add(letter)
        self.states[state] = self.states.get(state, 0) + 1
        for dimension, name in _names(letter).items():
            self.groups[dimension].setdefault(name, SummaryGroup()).add(letter)

    def largest(self, dimension: str) -> Iterable[tuple[str, SummaryGroup]]:
        """Returns the groups of a dimension: days in their order, the others by their size."""
        groups = self.groups[dimension].items()
        if dimension == "day":
            return sorted(groups)
        return sorted(groups, key=lambda item: (-item[1].count, item[0]))

    def to_json(self) -> dict[str, Any]:
        """Returns the counts as JSON; times are ISO 8601, UTC."""
        return {
            "dead_letters": _group_json(self.total),
            "states": self.states,
            **{
                f"by_{dimension.replace(' ', '_')}": {
                    name: _group_json(group) for name, group in self.largest(dimension)
                }
                for dimension in DIMENSIONS
            },
        }


def _names(letter: Letter) -> Mapping[str, str]:
    day = None if letter.failed_at_ms is None else to_datetime(letter.failed_at_ms).date().isoformat()
    return {
        "reason": letter.reason,
        "origin topic": letter.topic or UNSTATED,
        "day": day or UNSTATED,
        "model": letter.model or UNSTATED,
    }


def _group_json(group: SummaryGroup) -> dict[str, Any]:
    sample = None if group.sample is None else {"place": group.sample.place, "detail": group.sample.detail}
    return {"count": group.count, "oldest": iso(group.oldest_ms), "newest": iso(group.newest_ms), "sample": sample}
