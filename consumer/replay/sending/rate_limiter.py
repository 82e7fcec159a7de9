"""Limits how many records a second are sent."""

from __future__ import annotations

from collections.abc import Callable

from spanstream.consumer.clock import Clock

_SLICE_SECONDS = 0.2


class RateLimiter:
    """Delays batches; the time that sending takes counts.

    Args:
        records_per_second: the limit; None: none.
        clock: measures the time.
    """

    def __init__(self, records_per_second: float | None, clock: Clock) -> None:
        self._rate = records_per_second
        self._clock = clock
        self._free_at = clock.monotonic()

    def batch_size(self, batch: int) -> int:
        """Returns the records of one batch: at most those of a second, because a batch appears all at once."""
        return batch if self._rate is None else max(1, min(batch, round(self._rate)))

    def wait(self, records: int, interrupted: Callable[[], bool]) -> None:
        """Waits until this many records may be sent, or the run is interrupted."""
        if self._rate is None:
            return
        while (left := self._free_at - self._clock.monotonic()) > 0 and not interrupted():
            self._clock.sleep(min(left, _SLICE_SECONDS))
        self._free_at = max(self._free_at, self._clock.monotonic()) + records / self._rate
