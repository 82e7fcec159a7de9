"""What the probes ask: is the loop turning, and can questions be answered. Written by one thread, read by another."""

from __future__ import annotations

from spanstream.consumer.clock import Clock


class Health:
    """Alive while the loop turns at least every `stuck_seconds`; ready while partitions are owned and loaded."""

    def __init__(self, clock: Clock, *, stuck_seconds: float) -> None:
        self._clock = clock
        self._stuck_seconds = stuck_seconds
        self._last_turn = clock.monotonic()
        self._waiting_for = "the group"

    def turned(self, waiting_for: str = "") -> None:
        """The loop went round; `waiting_for` says what keeps it from answering, empty: nothing."""
        self._last_turn = self._clock.monotonic()
        self._waiting_for = waiting_for

    @property
    def stuck_for(self) -> float | None:
        """Seconds since the last turn where that is too long, else None."""
        seconds = self._clock.monotonic() - self._last_turn
        return seconds if seconds > self._stuck_seconds else None

    @property
    def waiting_for(self) -> str:
        """Why questions cannot be answered now; empty: they can."""
        return self._waiting_for
