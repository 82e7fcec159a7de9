"""Averages what was measured lately, so that an estimate follows a machine or a stream that changes."""

from __future__ import annotations

# Items that an average covers at least, once there were so many.
_LEAST_ITEMS = 256


class RecentAverage:
    """The average amount per item: seconds per window, windows per record. Not safe to share between threads."""

    def __init__(self) -> None:
        self._items = 0.0
        self._amount = 0.0

    def add(self, items: int, amount: float) -> None:
        """Counts items that took this amount, all together."""
        if self._items >= _LEAST_ITEMS:
            # Everything measured before counts half from here on.
            self._items /= 2
            self._amount /= 2
        self._items += items
        self._amount += amount

    @property
    def value(self) -> float | None:
        """The amount per item; None before the first item."""
        return self._amount / self._items if self._items else None
