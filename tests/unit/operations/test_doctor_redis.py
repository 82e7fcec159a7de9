"""The doctor: what it says of Redis."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pytest

from spanstream.consumer.cache.byte_store import ByteStore, StoreFailure, StoreUnavailable
from spanstream.consumer.cache.memory_store import MemoryStore
from spanstream.consumer.errors import Stop
from spanstream.consumer.operations.doctor import Check, Level, examine, store


class FailingStore(MemoryStore):
    """Fails at one of its operations."""

    def __init__(self, operation: str, reason: StoreFailure) -> None:
        super().__init__()
        self._operation, self._reason = operation, reason
        self.closed = False

    def _do(self, operation: str) -> None:
        if operation == self._operation:
            raise StoreUnavailable(self._reason, f"Redis at host: {self._reason}")

    def ping(self, key: str) -> None:
        assert key.startswith("space:"), "its user may have no right to other keys"
        self._do("ping")

    def set_many(self, items: Mapping[str, bytes]) -> None:
        self._do("set")
        super().set_many(items)

    def get_many(self, keys: Sequence[str]) -> dict[str, bytes]:
        self._do("get")
        return {} if self._operation == "forget" else super().get_many(keys)

    def close(self) -> None:
        self.closed = True


def test_no_redis_is_fine() -> None:
    finding = store.redis(lambda: None, "space")
    assert finding.level is Level.OK
    assert "not configured" in finding.detail


def test_a_redis_that_takes_and_gives_is_fine() -> None:
    assert store.redis(MemoryStore, "space").level is Level.OK


@pytest.mark.parametrize("reason", list(StoreFailure))
@pytest.mark.parametrize("operation", ["ping", "set", "get", "forget"])
def test_a_redis_that_does_not_work_is_a_warning_that_says_what_to_do(operation: str, reason: StoreFailure) -> None:
    away = FailingStore(operation, reason)
    finding = store.redis(lambda: away, "space")
    assert finding.level is Level.WARNING
    assert finding.advice
    assert away.closed


def test_a_redis_url_that_is_none_is_a_failure_for_the_consumer_does_not_start_with_it() -> None:
    def open_store() -> ByteStore:
        raise Stop("the Redis URL cannot be read")

    (finding,) = examine([Check("Redis", lambda: store.redis(open_store, "space"), "correct it")])
    assert finding.level is Level.FAILED
