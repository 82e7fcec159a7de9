"""How long what waits here would keep this consumer busy: what autoscaling asks, where a count of records cannot say.

    seconds = (windows pending + records ready x windows a record) / windows a second

A record may be one window or eight, and a window takes a machine twice as long as another one; seconds are the same
everywhere.
"""

from __future__ import annotations

# Records that the windows of a record look back on, at least.
_LOOK_BACK = 256


class WorkWaiting:
    """Estimates seconds of work out of what was prepared lately. For one thread."""

    def __init__(self) -> None:
        self._records = 0.0
        self._windows = 0.0

    def prepared(self, records: int, windows: int) -> None:
        """So many records came to so many windows."""
        if self._records >= _LOOK_BACK:
            # What was seen before counts half from here on, so that the estimate follows the stream.
            self._records /= 2
            self._windows /= 2
        self._records += records
        self._windows += windows

    @property
    def windows_per_record(self) -> float:
        """Lately; 1 before anything was prepared."""
        return self._windows / self._records if self._records else 1.0

    def seconds(self, *, records_ready: int, windows_pending: int, windows_per_second: float | None) -> float:
        """How long the work that is here takes at this rate; 0 while no rate is known.

        Args:
            records_ready: read and not yet prepared, without retries whose time has not come.
            windows_pending: prepared or being inferred.
            windows_per_second: the session's measured rate; None before its first run.
        """
        if not windows_per_second:
            return 0.0
        return (windows_pending + records_ready * self.windows_per_record) / windows_per_second
