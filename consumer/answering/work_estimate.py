"""How long the records that wait here would keep this consumer busy: the figure that autoscaling asks for.

    seconds = (windows pending + records ready x windows a record) / windows a second

A count of records cannot say it. A record may be one window or eight, and one machine takes twice as long for a window
as another; seconds mean the same everywhere.
"""

from __future__ import annotations

# Records that the average of windows a record looks back on, at least.
_LOOK_BACK = 256


class WorkEstimate:
    """Estimates seconds of work from the chunks prepared lately. For one thread."""

    def __init__(self) -> None:
        self._records = 0.0
        self._windows = 0.0

    def prepared(self, records: int, windows: int) -> None:
        """Takes in a prepared chunk: so many records came to so many windows."""
        if self._records >= _LOOK_BACK:
            # Earlier chunks count half from here on, so that the estimate follows the stream.
            self._records /= 2
            self._windows /= 2
        self._records += records
        self._windows += windows

    @property
    def windows_per_record(self) -> float:
        """The average of late; 1 before anything was prepared."""
        return self._windows / self._records if self._records else 1.0

    def seconds(self, *, records_ready: int, windows_pending: int, windows_per_second: float | None) -> float:
        """Returns how long the work that is here takes at this rate; 0 while no rate is known.

        Args:
            records_ready: read and not yet prepared, without retries whose time has not come.
            windows_pending: prepared or being inferred.
            windows_per_second: the session's measured rate; None before its first run.
        """
        if not windows_per_second:
            return 0.0
        return (windows_pending + records_ready * self.windows_per_record) / windows_per_second
