"""Keeps bytes in Redis. One that is dead, slow, full or answers wrongly is left alone after a few timeouts.

    get_many -> breaker "read"  -> deadline -> MGET
    set_many -> breaker "write" -> deadline -> SET ... EX, pipelined

Reads and writes have a breaker each: a full or read-only Redis goes on serving what it holds while nothing is sent
that it would refuse. RESP2 is spoken: no handshake, and every server and proxy knows it.
"""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from typing import TypeVar, cast

import redis

from spanstream.consumer.cache.byte_store import StoreFailure, StoreUnavailable
from spanstream.consumer.cache.redis_connection import RedisOptions, name_of, open_pool
from spanstream.consumer.cache.store_breaker import BreakerOptions, StoreBreaker, StoreChange

_T = TypeVar("_T")

_KEYS_AT_A_TIME = 1_000
# What a pattern of Redis takes for more than itself.
_GLOB_CHARACTERS = re.compile(r"[*?\[\]\\^]")

# The first kind that matches counts, so subclasses stand before their bases.
_REASONS: tuple[tuple[type[Exception], StoreFailure], ...] = (
    (redis.exceptions.OutOfMemoryError, StoreFailure.FULL),
    (redis.exceptions.ReadOnlyError, StoreFailure.READ_ONLY),
    (redis.exceptions.BusyLoadingError, StoreFailure.LOADING),
    (redis.exceptions.AuthenticationError, StoreFailure.CREDENTIALS),
    (redis.exceptions.AuthorizationError, StoreFailure.CREDENTIALS),
    (redis.exceptions.NoPermissionError, StoreFailure.CREDENTIALS),
    (redis.exceptions.TimeoutError, StoreFailure.TIMEOUT),
    (redis.exceptions.ConnectionError, StoreFailure.CONNECTION),
    (redis.exceptions.ResponseError, StoreFailure.REFUSED),
)


class RedisStore:
    """A `ByteStore` in Redis or Valkey. Connects when first asked; safe after a fork and between threads.

    A name lookup that hangs is the one wait that no timeout here bounds: it is the resolver's.

    Args:
        url: `redis://`, `rediss://` (TLS) or `unix://`, with user and password where there are any.
        options: timeouts, limits, breaker.
        on_change: told when reads or writes stop and when they are back.
        clock: seconds that are never set back.

    Raises:
        Stop: the URL or the options cannot be used; the text does not repeat the URL.
    """

    def __init__(
        self,
        url: str,
        options: RedisOptions | None = None,
        *,
        on_change: Callable[[StoreChange], None] | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._options = options or RedisOptions()
        self._pool = open_pool(url, self._options)
        self._redis = redis.Redis(connection_pool=self._pool)
        self._name = name_of(self._pool.connection_kwargs)
        breaker = BreakerOptions(
            fail_max=self._options.fail_max,
            reset_seconds=self._options.reset_seconds,
            on_change=on_change or (lambda _: None),
            clock=clock,
        )
        self._reads = StoreBreaker(self._name, "read", breaker)
        self._writes = StoreBreaker(self._name, "write", breaker)

    def __repr__(self) -> str:
        return f"RedisStore({self._name})"

    def get_many(self, keys: Sequence[str]) -> dict[str, bytes]:
        """Returns the values that are there, in one round trip; a key of another type than string is left out."""
        wanted = list(keys)
        return self._reads.call(lambda: self._call(lambda: self._read(wanted))) if wanted else {}

    def set_many(self, items: Mapping[str, bytes]) -> None:
        """Writes all values that are not too large, in one pipeline, over whatever type the keys hold."""
        kept = {key: value for key, value in items.items() if len(value) <= self._options.max_value_bytes}
        if kept:
            self._writes.call(lambda: self._call(lambda: self._write(kept)))

    def ping(self, key: str) -> None:
        """Reads the key from Redis itself, past the breakers and without a say in them."""
        self._call(lambda: self._read([key]))

    def keys_with(self, namespace: str, endings: Collection[str]) -> list[str]:
        """Returns the keys of a namespace whose last part is one of these; it looks at every key that there is.

        Raises:
            StoreUnavailable: Redis did not answer, or this user may not SCAN.
        """
        found, cursor = set[str](), 0
        pattern = _GLOB_CHARACTERS.sub(r"\\\g<0>", namespace) + ":*"
        while True:
            cursor, keys = self._call(partial(self._scan, cursor, pattern))
            found |= {key for key in keys if key.rpartition(":")[2] in endings}
            if not cursor:
                return sorted(found)

    def delete_many(self, keys: Sequence[str]) -> None:
        """Deletes these keys.

        Raises:
            StoreUnavailable: any of them may still be there, or this user may not DEL.
        """
        for start in range(0, len(keys), _KEYS_AT_A_TIME):
            some = keys[start : start + _KEYS_AT_A_TIME]
            self._call(partial(self._redis.delete, *some))

    def reconnect(self, url: str, client: Mapping[str, object]) -> None:
        """Goes on with another URL and other options of the client; calls that are under way end as they began.

        Raises:
            Stop: as the constructor.
        """
        pool = open_pool(url, replace(self._options, client=client))
        before, self._pool = self._pool, pool
        self._redis = redis.Redis(connection_pool=pool)
        before.disconnect(inuse_connections=False)

    def close(self) -> None:
        """Closes the connections."""
        self._pool.disconnect()

    def _read(self, keys: list[str]) -> dict[str, bytes]:
        reply = cast("object", self._redis.mget(keys))
        if not isinstance(reply, list) or len(reply) != len(keys):
            raise _BadReply
        values: dict[str, bytes] = {}
        for key, value in zip(keys, reply, strict=True):
            _expect(value is None or isinstance(value, bytes))
            if value is not None and len(value) <= self._options.max_value_bytes:
                values[key] = value
        return values

    def _scan(self, cursor: int, pattern: str) -> tuple[int, list[str]]:
        reply = cast("tuple[int, list[bytes]]", self._redis.scan(cursor, match=pattern, count=_KEYS_AT_A_TIME))
        return int(reply[0]), [key.decode(errors="replace") for key in reply[1]]

    def _write(self, items: Mapping[str, bytes]) -> None:
        pipeline = self._redis.pipeline(transaction=False)
        for key, value in items.items():
            pipeline.set(key, value, ex=self._options.ttl_seconds)
        for reply in pipeline.execute(raise_on_error=False):  # each reply is read, whatever the first one says
            if isinstance(reply, Exception):
                raise reply
            _expect(reply is True)

    def _call(self, ask: Callable[[], _T]) -> _T:
        cut = threading.Event()
        try:
            with self._deadline(cut):
                return ask()
        except Exception as error:  # noqa: BLE001  what a parser raises on garbage is not a closed set
            failure = self._unavailable(error, cut=cut.is_set())
        # A connection that failed may still have the answer to an earlier question on its way.
        self._pool.disconnect()
        raise failure  # outside of `except`: the original's text and locals may hold credentials or values

    @contextmanager
    def _deadline(self, cut: threading.Event) -> Iterator[None]:
        """Closes the connection under a call that takes too long: a socket timeout starts anew with every byte."""
        done = threading.Event()

        def watch() -> None:
            while not done.wait(self._options.call_seconds):  # again, for a connection made after the first time
                cut.set()
                self._pool.disconnect()

        threading.Thread(target=watch, name="redis-deadline", daemon=True).start()
        try:
            yield
        finally:
            done.set()

    def _unavailable(self, error: Exception, *, cut: bool) -> StoreUnavailable:
        """Leaves out the server's words: an old server repeats the password of an AUTH that it does not know."""
        if cut:
            return StoreUnavailable(
                StoreFailure.TIMEOUT, f"{self._name}: no whole reply in {self._options.call_seconds:g} s"
            )
        reason = next((reason for kind, reason in _REASONS if isinstance(error, kind)), StoreFailure.BAD_REPLY)
        # These two are the client's own words: host, port and what the operating system said.
        own_words = type(error) in {redis.exceptions.ConnectionError, redis.exceptions.TimeoutError}
        why = _missing_right(error) if isinstance(error, redis.exceptions.NoPermissionError) else str(error)
        shown = own_words or isinstance(error, redis.exceptions.NoPermissionError)
        return StoreUnavailable(reason, f"{self._name}: {reason}" + (f" ({why})" if shown else ""))


def _missing_right(error: redis.exceptions.NoPermissionError) -> str:
    """Says what the user may not do, in our words: the server's hold the user's name."""
    command = re.search(r"'(mget|set|select|scan|del)'", str(error), flags=re.IGNORECASE)
    return f"this user may not {command[1].upper()}" if command else "this user may not use these keys"


class _BadReply(Exception):
    """A well-formed reply, but not to what was asked."""


def _expect(condition: object) -> None:
    if not condition:
        raise _BadReply
