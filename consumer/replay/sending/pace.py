"""No more than so many records a second."""

from __future__ import annotations

from collections.abc import Callable

from spanstream.consumer.clock import Clock

_SLICE_SECONDS = 0.2


class Pace:
    """Spaces batches out; the time that sending takes counts.

    Args:
        records_per_second: None: as fast as it goes.
        clock: measures.
    """

    def __init__(self, records_per_second: float | None, clock: Clock) -> None:
        self._rate = records_per_second
        self._clock = clock
        self._free_at = clock.monotonic()

    def most(self, batch: int) -> int:
        """Records of one batch: about a second of them, for a batch appears all at once."""
        return batch if self._rate is None else max(1, min(batch, round(self._rate)))

    def wait(self, records: int, interrupted: Callable[[], bool]) -> None:
        """Until so many records may be sent, or somebody interrupts."""
        if self._rate is None:
            return
        while (left := self._free_at - self._clock.monotonic()) > 0 and not interrupted():
            self._clock.sleep(min(left, _SLICE_SECONDS))
        self._free_at = max(self._free_at, self._clock.monotonic()) + records / self._rate
