"""Time, injected: what waits takes a `Clock`, and steps that share a limit share one `Deadline`."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from typing import Protocol


class Clock(Protocol):
    """Two times: one for waiting, one for writing down."""

    def monotonic(self) -> float:
        """Seconds since some moment; never set back."""

    def now_ms(self) -> int:
        """Milliseconds since the epoch."""

    def sleep(self, seconds: float) -> None:
        """Let so much time pass."""


class SystemClock:
    """The machine's own clock."""

    def monotonic(self) -> float:
        """Seconds since the machine started, about."""
        return time.monotonic()

    def now_ms(self) -> int:
        """Milliseconds since the epoch."""
        return time.time_ns() // 1_000_000

    def sleep(self, seconds: float) -> None:
        """Let so much time pass."""
        time.sleep(seconds)


class Deadline:
    """A moment that several steps have in common."""

    def __init__(self, clock: Clock, seconds: float) -> None:
        self._clock = clock
        self._at = clock.monotonic() + seconds

    @property
    def seconds_left(self) -> float:
        """Never below 0."""
        return max(0.0, self._at - self._clock.monotonic())

    @property
    def has_passed(self) -> bool:
        """Whether nothing is left."""
        return self.seconds_left == 0.0


def to_datetime(milliseconds: int) -> datetime:
    """Milliseconds since the epoch as a UTC time."""
    return datetime.fromtimestamp(milliseconds / 1000, UTC)
