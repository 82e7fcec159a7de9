"""Waits for a store that is away for a moment; for work whose result nobody waits for."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TypeVar

import tenacity

from spanstream.consumer.cache.byte_store import ByteStore, StoreFailure, StoreUnavailable
from spanstream.consumer.errors import Stop

_T = TypeVar("_T")

_FIRST_WAIT_SECONDS = 0.2
_LONGEST_WAIT_SECONDS = 5.0
# Waiting does not help with these.
_PERMANENT = frozenset({StoreFailure.CREDENTIALS, StoreFailure.READ_ONLY})


class RetryingStore:
    """A `ByteStore` that waits for another one when that is away for a moment.

    Args:
        store: the store.
        patience_seconds: how long one call is tried.
        max_value_bytes: larger values are left out by `store`; they are counted.
        force: return nothing, so that everything is written anew.

    Raises:
        Stop: by every call, where the store stayed away; the text is the store's own.
    """

    def __init__(self, store: ByteStore, *, patience_seconds: float, max_value_bytes: int, force: bool = False) -> None:
        self._store = store
        self._max_value_bytes = max_value_bytes
        self._force = force
        self.too_large = 0
        self._retrying = tenacity.Retrying(
            retry=tenacity.retry_if_exception(_may_mend),
            stop=tenacity.stop_after_delay(patience_seconds),
            wait=tenacity.wait_exponential(_FIRST_WAIT_SECONDS, max=_LONGEST_WAIT_SECONDS),
            reraise=True,
        )

    def get_many(self, keys: Sequence[str]) -> dict[str, bytes]:
        """Returns the values that are there; none where they are to be written anew."""
        return {} if self._force else self._retry(lambda: self._store.get_many(keys))

    def set_many(self, items: Mapping[str, bytes]) -> None:
        """Keeps these."""
        self._retry(lambda: self._store.set_many(items))
        self.too_large += sum(len(value) > self._max_value_bytes for value in items.values())

    def ping(self, key: str) -> None:
        """Asks once: before the work begins, it is better to fail at once."""
        try:
            self._store.ping(key)
        except StoreUnavailable as error:
            raise Stop(str(error)) from error

    def close(self) -> None:
        """Lets go of the store."""
        self._store.close()

    def _retry(self, ask: Callable[[], _T]) -> _T:
        try:
            return self._retrying(ask)
        except StoreUnavailable as error:
            raise Stop(str(error)) from error


def _may_mend(error: BaseException) -> bool:
    return isinstance(error, StoreUnavailable) and error.reason not in _PERMANENT
