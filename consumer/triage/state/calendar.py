"""Keeps when each of many keys is due, and finds those that are."""

from __future__ import annotations

import heapq

# A heap with more than twice its keys, and so many more, is made anew.
_STALE = 1_000


class Calendar:
    """Moments by key, in milliseconds since the epoch.

    A heap, in which the moments of keys that have changed since are left and skipped.
    """

    def __init__(self) -> None:
        self._due_ms: dict[bytes, int] = {}
        self._heap: list[tuple[int, bytes]] = []

    def __len__(self) -> int:
        return len(self._due_ms)

    def put(self, key: bytes, due_ms: int) -> None:
        """Sets when a key is due."""
        if self._due_ms.get(key) == due_ms:
            return
        self._due_ms[key] = due_ms
        heapq.heappush(self._heap, (due_ms, key))
        if len(self._heap) > 2 * len(self._due_ms) + _STALE:
            self._heap = [(due_ms, key) for key, due_ms in self._due_ms.items()]
            heapq.heapify(self._heap)

    def remove(self, key: bytes) -> None:
        """Takes a key out, if it is in here."""
        self._due_ms.pop(key, None)

    @property
    def earliest_ms(self) -> int | None:
        """When the first key is due; None: there is none."""
        while self._heap and self._due_ms.get(self._heap[0][1]) != self._heap[0][0]:
            heapq.heappop(self._heap)
        return self._heap[0][0] if self._heap else None

    def due(self, until_ms: int, limit: int) -> list[bytes]:
        """Returns at most `limit` keys that are due by this moment, the earliest first; they stay in here."""
        keys: dict[bytes, int] = {}
        while len(keys) < limit and (earliest_ms := self.earliest_ms) is not None and earliest_ms <= until_ms:
            due_ms, key = heapq.heappop(self._heap)
            keys[key] = due_ms
        for key, due_ms in keys.items():
            heapq.heappush(self._heap, (due_ms, key))
        return list(keys)
