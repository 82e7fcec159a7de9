"""Describes a store of bytes, as a small protocol; `redis_store` is the real one, `memory_store` is for tests.

A store may forget anything and be away at any time: no answer depends on it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import Protocol

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
        """Returns the values that are there; a key that is absent or holds something that is no value is left out.

        Raises:
            StoreUnavailable: nothing is known about any of the keys.
        """

    def set_many(self, items: Mapping[str, bytes]) -> None:
        """Keeps these for a while, over whatever the keys hold; values larger than the store's limit are left out.

        Raises:
            StoreUnavailable: any of them may not have been kept.
        """

    def ping(self, key: str) -> None:
        """Reads a key, to see whether the store is there. Raises `StoreUnavailable` with the reason why not.

        It asks for nothing that a user with the rights to read and write its keys may not.
        """

    def close(self) -> None:
        """Lets go of the connections; closing twice is harmless."""
