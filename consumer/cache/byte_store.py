"""What the cache needs of a store of bytes, as a small protocol; `redis_store` is the real one, `MemoryStore` the fake.

A store may forget anything at any time and may be away at any time: nobody's answer depends on it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import Protocol

from cachetools import LRUCache

from spanstream.consumer.errors import SpanstreamError


class StoreFailure(StrEnum):
    """Why a store is away: a closed set, good for a log field and for a metric's label."""

    TIMEOUT = "timeout"
    CONNECTION = "connection"  # refused, reset, no such host, a TLS handshake that failed
    CREDENTIALS = "credentials"  # wrong or missing password, or a command that the user may not call
    FULL = "full"  # its memory limit is reached and it evicts nothing
    READ_ONLY = "read_only"
    LOADING = "loading"
    REFUSED = "refused"  # any other error it answered with
    BAD_REPLY = "bad_reply"  # what came back is not the protocol, or not an answer to what was asked
    NOT_ASKED = "not_asked"  # it failed lately and the breaker is open


class StoreUnavailable(SpanstreamError):
    """Treat what was to be read as missing and what was to be written as forgotten; nothing else depends on it.

    The text names the store, never its password, a key or a value.
    """

    def __init__(self, reason: StoreFailure, text: str) -> None:
        super().__init__(text)
        self.reason = reason


class ByteStore(Protocol):
    """Values by key, where one key never has two right values: what is lost can be made again."""

    def get_many(self, keys: Sequence[str]) -> dict[str, bytes]:
        """The values that are there; a key that is absent or holds something that is no value is left out.

        Raises:
            StoreUnavailable: nothing is known about any of the keys.
        """

    def set_many(self, items: Mapping[str, bytes]) -> None:
        """Keep these for a while, over whatever the keys hold; values larger than the store's limit are left out.

        Raises:
            StoreUnavailable: any of them may not have been kept.
        """

    def ping(self) -> None:
        """Ask the store whether it is there. Raises `StoreUnavailable` with the reason why not."""

    def close(self) -> None:
        """Let go of the connections; closing twice is harmless."""


class MemoryStore:
    """A `ByteStore` in this process: the fake that runs where no Redis does.

    Args:
        max_bytes: what all values together may hold; the least recently used goes first.
        max_value_bytes: larger values are not kept.
    """

    def __init__(self, *, max_bytes: int = 64 << 20, max_value_bytes: int = 8 << 20) -> None:
        self._values: LRUCache[str, bytes] = LRUCache(max_bytes, getsizeof=len)
        self._max_value_bytes = min(max_value_bytes, max_bytes)

    def get_many(self, keys: Sequence[str]) -> dict[str, bytes]:
        """The values that are there."""
        return {key: self._values[key] for key in keys if key in self._values}

    def set_many(self, items: Mapping[str, bytes]) -> None:
        """Keep these, over whatever the keys hold."""
        self._values.update({key: value for key, value in items.items() if len(value) <= self._max_value_bytes})

    def ping(self) -> None:
        """It is always there."""

    def close(self) -> None:
        """Nothing to let go of."""
