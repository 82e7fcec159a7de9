"""What is there as soon as a store is opened."""

from __future__ import annotations

import pytest

from spanstream.consumer.cache.opening import open_store
from spanstream.consumer.cache.redis_connection import RedisOptions
from spanstream.consumer.metrics import Metrics
from spanstream.consumer.settings import RedisSettings


def _redis_up(metrics: Metrics, call: str) -> float | None:
    return metrics.registry.get_sample_value("spanstream_redis_up", {"call": call})


def test_a_redis_that_was_not_asked_yet_counts_as_used() -> None:
    metrics = Metrics()
    store = open_store(RedisSettings.model_validate({"url": "redis://no-such-host.invalid"}), metrics.cache)
    assert store is not None
    store.close()
    assert [_redis_up(metrics, call) for call in ("read", "write")] == [1.0, 1.0]


def test_without_redis_nothing_is_said_of_it() -> None:
    metrics = Metrics()
    assert open_store(RedisSettings(), metrics.cache) is None
    assert _redis_up(metrics, "read") is None


def test_a_call_may_take_as_long_as_the_wait_for_bytes_that_is_set(monkeypatch: pytest.MonkeyPatch) -> None:
    opened: list[RedisOptions] = []
    monkeypatch.setattr(
        "spanstream.consumer.cache.redis_store.RedisStore",
        lambda _url, options, **_: opened.append(options),
    )
    for seconds in (0.05, 10.0):
        open_store(RedisSettings.model_validate({"url": "redis://redis", "timeout_seconds": seconds}))
    assert [options.call_seconds for options in opened] == [1.0, 10.0]
