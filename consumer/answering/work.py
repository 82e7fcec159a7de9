"""Estimates how long the waiting work would keep this consumer busy, for autoscaling: a count of records is too rough.

    seconds = (windows pending + records ready x windows per record) / windows per second

A record may be one window or eight, and a window takes one machine twice as long as another; seconds are the same
everywhere.
"""

from __future__ import annotations

from spanstream.models.inference.recent_average import RecentAverage


class WorkWaiting:
    """Estimates seconds of work from what was prepared lately. For one thread."""

    def __init__(self) -> None:
        self._windows_per_record = RecentAverage()

    def prepared(self, records: int, windows: int) -> None:
        """Counts records that were prepared, and the windows they came to."""
        self._windows_per_record.add(records, windows)

    @property
    def windows_per_record(self) -> float:
        """The recent average; 1 before anything was prepared."""
        average = self._windows_per_record.value
        return 1.0 if average is None else average

    def seconds(self, *, records_ready: int, windows_pending: int, windows_per_second: float | None) -> float:
        """Returns how long the waiting work takes at this rate; 0 while no rate is known.

        Args:
            records_ready: read and not yet prepared, without retries whose time has not come.
            windows_pending: prepared or being inferred.
            windows_per_second: the session's measured rate; None before its first run.
        """
        if not windows_per_second:
            return 0.0
        return (windows_pending + records_ready * self.windows_per_record) / windows_per_second
