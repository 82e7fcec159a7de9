"""Keeps bytes in memory, for tests. It passes the same contract suite as Redis, `test_store_contract.py`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from cachetools import LRUCache


class MemoryStore:
    """A `ByteStore` in this process, for tests.

    Args:
        max_bytes: what all values together may hold; the least recently used goes first.
        max_value_bytes: larger values are not kept.
    """

    def __init__(self, *, max_bytes: int = 64 << 20, max_value_bytes: int = 8 << 20) -> None:
        self._values: LRUCache[str, bytes] = LRUCache(max_bytes, getsizeof=len)
        self._max_value_bytes = min(max_value_bytes, max_bytes)

    def get_many(self, keys: Sequence[str]) -> dict[str, bytes]:
        """Returns the values that are there."""
        return {key: self._values[key] for key in keys if key in self._values}

    def set_many(self, items: Mapping[str, bytes]) -> None:
        """Keeps these, over whatever the keys hold."""
        self._values.update({key: value for key, value in items.items() if len(value) <= self._max_value_bytes})

    def ping(self, key: str) -> None:
        """Does nothing: this store is always there."""

    def close(self) -> None:
        """Does nothing: nothing is held."""
