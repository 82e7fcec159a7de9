"""Selects dead letters by conditions that all have to hold. Every command takes the same selection."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from fnmatch import fnmatchcase

from spanstream.consumer.clock import to_datetime
from spanstream.consumer.replay.letters.letter import Letter, LetterState


@dataclass(frozen=True, slots=True)
class NumberRange:
    """The numbers from `first` to `last`, both included; None: no bound."""

    first: int | None = None
    last: int | None = None

    def __contains__(self, number: int) -> bool:
        return (self.first is None or number >= self.first) and (self.last is None or number <= self.last)

    def __str__(self) -> str:
        if self.first == self.last:
            return str(self.first)
        return f"{'' if self.first is None else self.first}..{'' if self.last is None else self.last}"


@dataclass(frozen=True, slots=True)
class Selection:
    """Conditions on dead letters; without any, every open dead letter matches.

    Attributes:
        reasons: shell patterns for the reason, or for the part behind its last dot (a class name); one has to match.
        topics: the topics the record may have come from.
        partition: the partition it came from.
        offsets: its offset there.
        since_ms: it failed at this time or later, milliseconds since the epoch.
        until_ms: it failed before this time.
        keys: the keys the record may have.
        attempts: how often it was sent again before.
        headers: names, each with a shell pattern that a value of this header has to match.
        detail: text that the detail contains, upper and lower case alike.
        place: the dead letter's own partition and offset.
        state: whether it is settled; None: any state.
    """

    reasons: tuple[str, ...] = ()
    topics: tuple[str, ...] = ()
    partition: int | None = None
    offsets: NumberRange = NumberRange()
    since_ms: int | None = None
    until_ms: int | None = None
    keys: tuple[bytes, ...] = ()
    attempts: NumberRange = NumberRange()
    headers: tuple[tuple[str, str], ...] = ()
    detail: str | None = None
    place: tuple[int, int] | None = None
    state: LetterState | None = LetterState.OPEN

    def matches(self, letter: Letter, attempts: int, state: LetterState) -> bool:
        """Returns whether all conditions hold; `attempts` is how often the record was sent again."""
        record = letter.record
        return (
            (self.state is None or state is self.state)
            and (self.place is None or self.place == (record.partition.number, record.offset))
            and (not self.reasons or any(_reason_matches(letter.reason, pattern) for pattern in self.reasons))
            and (not self.topics or letter.topic in self.topics)
            and (self.partition is None or letter.partition == self.partition)
            and _in_range(self.offsets, letter.offset)
            and self._time_matches(letter.failed_at_ms)
            and (not self.keys or record.key in self.keys)
            and attempts in self.attempts
            and all(self._has_header(letter, name, pattern) for name, pattern in self.headers)
            and (self.detail is None or self.detail.casefold() in letter.detail.casefold())
        )

    def __str__(self) -> str:
        return ", ".join(self._conditions()) or "all"

    def _time_matches(self, failed_at_ms: int | None) -> bool:
        if self.since_ms is None and self.until_ms is None:
            return True
        if failed_at_ms is None:
            return False
        return (self.since_ms is None or failed_at_ms >= self.since_ms) and (
            self.until_ms is None or failed_at_ms < self.until_ms
        )

    @staticmethod
    def _has_header(letter: Letter, name: str, pattern: str) -> bool:
        return any(
            header == name and fnmatchcase((value or b"").decode(errors="replace"), pattern)
            for header, value in letter.record.headers
        )

    def _conditions(self) -> Iterator[str]:
        yield from (f"reason {reason}" for reason in self.reasons)
        yield from (f"from {topic}" for topic in self.topics)
        if self.partition is not None:
            yield f"origin partition {self.partition}"
        if self.offsets != NumberRange():
            yield f"origin offsets {self.offsets}"
        if self.since_ms is not None:
            yield f"since {_time(self.since_ms)}"
        if self.until_ms is not None:
            yield f"until {_time(self.until_ms)}"
        yield from (f"key {key.decode(errors='backslashreplace')}" for key in self.keys)
        if self.attempts != NumberRange():
            yield f"attempts {self.attempts}"
        yield from (f"header {name}={pattern}" for name, pattern in self.headers)
        if self.detail is not None:
            yield f"detail {self.detail!r}"
        if self.place is not None:
            yield f"place {self.place[0]}/{self.place[1]}"
        if self.state is not LetterState.OPEN:
            yield "any state" if self.state is None else self.state


def _reason_matches(reason: str, pattern: str) -> bool:
    return fnmatchcase(reason, pattern) or fnmatchcase(reason.rpartition(".")[2], pattern)


def _in_range(numbers: NumberRange, number: int | None) -> bool:
    return numbers == NumberRange() or (number is not None and number in numbers)


def _time(milliseconds: int) -> str:
    return to_datetime(milliseconds).isoformat(timespec="seconds").replace("+00:00", "Z")
