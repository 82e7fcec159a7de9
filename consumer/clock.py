"""Time as an argument: code that waits takes a `Clock`, and steps that share a time limit share one `Deadline`."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from typing import Final, Protocol, overload

# A century: what is written down may be a number of any size.
_LONGEST_WAIT_MS: Final = 100 * 366 * 86_400_000
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND: Final = timedelta(milliseconds=1)


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


def monotonic_due(clock: Clock, due_ms: int, *, longest_ms: int) -> float:
    """Converts a due time that was written down to one of `Clock.monotonic`.

    It is converted once, when it is read: the wait does not change when the machine's time is set after that.

    Args:
        clock: both of its times are compared now.
        due_ms: milliseconds since the epoch, by the clock of whoever wrote it down.
        longest_ms: no wait is longer: the machine's time may have been set back since, or the writer's be ahead.
    """
    wait_ms = min(due_ms - clock.now_ms(), longest_ms, _LONGEST_WAIT_MS)
    return clock.monotonic() + max(0, wait_ms) / 1000


def to_datetime(milliseconds: int) -> datetime:
    """Converts milliseconds since the epoch to a UTC time; raises OverflowError before year 1 and after year 9999."""
    return _EPOCH + milliseconds * _MILLISECOND


def to_milliseconds(time: datetime) -> int:
    """Converts a time with a zone to milliseconds since the epoch: cut, not rounded, so the year stays the same."""
    return (time - _EPOCH) // _MILLISECOND


def calendar_time(milliseconds: int | None) -> datetime | None:
    """Converts as `to_datetime` does; None where there is no time, or none of the calendar (a clock in nanoseconds)."""
    try:
        return None if milliseconds is None else to_datetime(milliseconds)
    except OverflowError:
        return None


@overload
def iso(milliseconds: int) -> str: ...


@overload
def iso(milliseconds: int | None) -> str | None: ...


def iso(milliseconds: int | None) -> str | None:
    """Formats milliseconds since the epoch as ISO 8601, UTC; None stays None."""
    if milliseconds is None:
        return None
    return to_datetime(milliseconds).isoformat(timespec="milliseconds").replace("+00:00", "Z")
