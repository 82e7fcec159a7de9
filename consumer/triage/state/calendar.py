"""Keeps when each of many keys is due, and finds those that are."""

from __future__ import annotations

import heapq

# The heap is made anew once it has twice as many entries as there are keys, and this many more.
_STALE = 1_000


class Calendar:
    """Holds moments by key, in seconds of `Clock.monotonic`.

    When a key is put anew or removed, its old moment stays in the heap and is skipped later.
    """

    def __init__(self) -> None:
        self._due: dict[bytes, float] = {}
        self._heap: list[tuple[float, bytes]] = []

    def __len__(self) -> int:
        return len(self._due)

    def put(self, key: bytes, due: float) -> None:
        """Sets when a key is due."""
        if self._due.get(key) == due:
            return
        self._due[key] = due
        heapq.heappush(self._heap, (due, key))
        if len(self._heap) > 2 * len(self._due) + _STALE:
            self._heap = [(due, key) for key, due in self._due.items()]
            heapq.heapify(self._heap)

    def remove(self, key: bytes) -> None:
        """Takes a key out, if it is in here."""
        self._due.pop(key, None)

    @property
    def earliest(self) -> float | None:
        """When the first key is due; None: there is none."""
        while self._heap and self._due.get(self._heap[0][1]) != self._heap[0][0]:
            heapq.heappop(self._heap)
        return self._heap[0][0] if self._heap else None

    def due(self, until: float, limit: int) -> list[bytes]:
        """Returns at most `limit` keys that are due by this moment, the earliest first; they stay in here."""
        keys: dict[bytes, float] = {}
        while len(keys) < limit and (earliest := self.earliest) is not None and earliest <= until:
            due, key = heapq.heappop(self._heap)
            keys[key] = due
        for key, due in keys.items():
            heapq.heappush(self._heap, (due, key))
        return list(keys)
