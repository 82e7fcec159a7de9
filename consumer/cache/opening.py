"""Opens the two tiers of the token cache: the shared store, if one is configured, and the cache in front of it."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import structlog
from pydantic import SecretStr

from spanstream.consumer.cache.byte_store import ByteStore
from spanstream.consumer.cache.token_cache import TokenCache
from spanstream.consumer.metrics import CacheMetrics
from spanstream.consumer.settings import RedisSettings, Settings
from spanstream.models.reader import Reader
from spanstream.models.text import token_codec
from spanstream.models.text.tokenization import TokenizedDocument

if TYPE_CHECKING:  # importing these loads redis, which many do without
    from spanstream.consumer.cache.redis_store import RedisStore
    from spanstream.consumer.cache.store_breaker import StoreChange

_log = structlog.get_logger(__name__)

# Of a whole call, however steadily bytes drip in; where a wait for the next bytes may take longer, a call may too.
_LEAST_CALL_SECONDS = 1.0
# Where nobody waits for an answer slow is fine; a consumer would rather tokenize.
_PATIENT_TIMEOUT_SECONDS = 5.0
_PATIENT_CALL_SECONDS = 30.0
# Trying again is decided elsewhere, and not by the breaker.
_NEVER = sys.maxsize


def open_store(settings: RedisSettings, metrics: CacheMetrics | None = None) -> ByteStore | None:
    """Opens Redis if a URL is set. Raises `Stop` where the URL cannot be read."""
    if settings.url is None:
        return None
    from spanstream.consumer.cache.redis_connection import RedisOptions  # noqa: PLC0415  half a second, for those who use it
    from spanstream.consumer.cache.redis_store import RedisStore  # noqa: PLC0415  half a second, for those who use it

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
        call_seconds=max(settings.timeout_seconds, _LEAST_CALL_SECONDS),
        ttl_seconds=settings.ttl_seconds,
        max_value_bytes=settings.max_value_bytes,
        fail_max=settings.breaker_failures,
        reset_seconds=settings.breaker_reset_seconds,
        client=settings.client,
    )
    return RedisStore(settings.url.get_secret_value(), options, on_change=on_change)


def open_patient_store(settings: RedisSettings, url: SecretStr) -> RedisStore:
    """Opens Redis for a command whose calls are large and that nobody waits for; it never leaves Redis alone.

    Raises:
        Stop: the URL cannot be read.
    """
    from spanstream.consumer.cache.redis_connection import RedisOptions  # noqa: PLC0415  half a second, for those who use it
    from spanstream.consumer.cache.redis_store import RedisStore  # noqa: PLC0415  half a second, for those who use it

    options = RedisOptions(
        timeout_seconds=max(settings.timeout_seconds, _PATIENT_TIMEOUT_SECONDS),
        connect_timeout_seconds=_PATIENT_TIMEOUT_SECONDS,
        call_seconds=_PATIENT_CALL_SECONDS,
        ttl_seconds=settings.ttl_seconds,
        max_value_bytes=settings.max_value_bytes,
        fail_max=_NEVER,
        client=settings.client,
    )
    return RedisStore(url.get_secret_value(), options)


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
