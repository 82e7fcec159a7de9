"""Time as an argument: code that waits takes a `Clock`, and steps that share a time limit share one `Deadline`."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from typing import Protocol, overload


class Clock(Protocol):
    """Tells two times, one to measure waits with and one to write down, and waits."""

    def monotonic(self) -> float:
        """Returns seconds since some moment; never set back."""

    def now_ms(self) -> int:
        """Returns milliseconds since the epoch."""

    def sleep(self, seconds: float) -> None:
        """Waits for so many seconds."""


class SystemClock:
    """The machine's own clock."""

    def monotonic(self) -> float:
        """Returns about the seconds since the machine started."""
        return time.monotonic()

    def now_ms(self) -> int:
        """Returns milliseconds since the epoch."""
        return time.time_ns() // 1_000_000

    def sleep(self, seconds: float) -> None:
        """Waits for so many seconds."""
        time.sleep(seconds)


class Deadline:
    """A moment by which several steps together have to be done."""

    def __init__(self, clock: Clock, seconds: float) -> None:
        self._clock = clock
        self._end = clock.monotonic() + seconds

    @property
    def seconds_left(self) -> float:
        """Never below 0."""
        return max(0.0, self._end - self._clock.monotonic())

    @property
    def has_passed(self) -> bool:
        """Whether nothing is left."""
        return self.seconds_left == 0.0


def to_datetime(milliseconds: int) -> datetime:
    """Converts milliseconds since the epoch to a UTC time."""
    return datetime.fromtimestamp(milliseconds / 1000, UTC)


@overload
def iso(milliseconds: int) -> str: ...


@overload
def iso(milliseconds: int | None) -> str | None: ...


def iso(milliseconds: int | None) -> str | None:
    """Formats milliseconds since the epoch as ISO 8601, UTC; None stays None."""
    if milliseconds is None:
        return None
    return to_datetime(milliseconds).isoformat(timespec="milliseconds").replace("+00:00", "Z")
