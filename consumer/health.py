"""What the probes ask for: whether the loop turns, and whether it can work. One thread writes it, others read it."""

from __future__ import annotations

from spanstream.consumer.clock import Clock


class Health:
    """Alive while the loop is at work at least every `stuck_seconds`; ready while partitions are owned and loaded."""

    def __init__(self, clock: Clock, *, stuck_seconds: float) -> None:
        self._clock = clock
        self._stuck_seconds = stuck_seconds
        self._last_beat = clock.monotonic()
        self._waiting_for = "the group"

    def turned(self, waiting_for: str = "") -> None:
        """Notes that the loop has turned; `waiting_for`: what it waits for before it can work, empty: nothing."""
        self.beat()
        self._waiting_for = waiting_for

    def beat(self) -> None:
        """Notes that the loop is at work: it has come to the end of a wait that is limited, or begins one."""
        self._last_beat = self._clock.monotonic()

    @property
    def stuck_for(self) -> float | None:
        """Seconds since the last beat if that is too long, else None."""
        seconds = self._clock.monotonic() - self._last_beat
        return seconds if seconds > self._stuck_seconds else None

    @property
    def waiting_for(self) -> str:
        """What the loop waits for before it can work; empty: nothing."""
        return self._waiting_for
