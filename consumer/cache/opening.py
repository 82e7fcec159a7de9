"""Opens the two tiers of the token cache: the shared store, if one is configured, and the cache in front of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import structlog

from spanstream.consumer.cache.byte_store import ByteStore
from spanstream.consumer.cache.token_cache import TokenCache
from spanstream.consumer.metrics import Metrics
from spanstream.consumer.settings import RedisSettings, Settings
from spanstream.models.reader import Reader
from spanstream.models.text import token_codec
from spanstream.models.text.tokenization import TokenizedDocument

if TYPE_CHECKING:
    from spanstream.consumer.cache.store_breaker import StoreChange  # importing it loads redis, which many do without

_log = structlog.get_logger(__name__)


def open_store(settings: RedisSettings, metrics: Metrics | None = None) -> ByteStore | None:
    """Opens Redis if a URL is set. Raises `Stop` where the URL cannot be read."""
    if settings.url is None:
        return None
    from spanstream.consumer.cache.redis_store import RedisOptions, RedisStore  # noqa: PLC0415  half a second, for those who use it

    def on_change(change: StoreChange) -> None:
        if change.available:
            _log.info("redis_available", call=change.operation)
        else:
            _log.warning("redis_left_alone", call=change.operation, reason=change.reason, detail=change.detail)
        if metrics is not None:
            metrics.store_up.labels(change.operation).set(change.available)

    if metrics is not None:
        for call in ("read", "write"):  # a gauge without a sample could not be told from a Redis that is not there
            metrics.store_up.labels(call).set(1)
    options = RedisOptions(
        timeout_seconds=settings.timeout_seconds,
        ttl_seconds=settings.ttl_seconds,
        max_value_bytes=settings.max_value_bytes,
        fail_max=settings.breaker_failures,
        reset_seconds=settings.breaker_reset_seconds,
        client=settings.client,
    )
    return RedisStore(settings.url.get_secret_value(), options, on_change=on_change)


def open_cache(settings: Settings, reader: Reader, store: ByteStore | None) -> TokenCache[TokenizedDocument]:
    """Puts memory and the store, if there is one, in front of the reader's tokenizer."""
    return TokenCache(
        reader.tokenize,
        token_codec,
        fingerprint=reader.artifact.tokenizer.fingerprint,
        store=store,
        max_bytes=settings.cache.memory_bytes,
        namespace=settings.redis.namespace,
    )
