"""Keeps bytes in Redis. One that is dead, slow, full or answers wrongly is left alone after a few timeouts.

    get_many -> breaker "read"  -> deadline -> MGET
    set_many -> breaker "write" -> deadline -> SET ... EX, pipelined

Reads and writes have a breaker each: a full or read-only Redis goes on serving what it holds while nothing is sent
that it would refuse. RESP2 is spoken: no handshake, and every server and proxy knows it.
"""

from __future__ import annotations

import json
import re
import threading
import time
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any, TypeVar, cast
from urllib.parse import urlsplit

import redis
from redis.backoff import NoBackoff
from redis.connection import parse_url
from redis.retry import Retry

from spanstream.consumer.cache.byte_store import StoreFailure, StoreUnavailable
from spanstream.consumer.cache.store_breaker import BreakerOptions, StoreBreaker, StoreChange
from spanstream.consumer.errors import Stop

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


@dataclass(frozen=True, slots=True, kw_only=True)
class RedisOptions:
    """How Redis is used.

    Attributes:
        timeout_seconds: the longest wait for Redis to take or send the next bytes; TLS and login have as long each.
        connect_timeout_seconds: the longest wait for a TCP connection, per address of the host.
        call_seconds: the longest a whole call waits on an open connection, however steadily bytes drip in.
        ttl_seconds: how long Redis keeps a value after it was written.
        max_value_bytes: larger values are neither written nor taken.
        fail_max: failures in a row after which Redis is not asked any more.
        reset_seconds: how long it is not asked; then one call is let through, and its success ends the pause.
        client: redis-py connection options passed through, e.g. `ssl_ca_certs`, `ssl_certfile`, `ssl_keyfile`.
    """

    timeout_seconds: float = 0.05
    connect_timeout_seconds: float = 0.25
    call_seconds: float = 1.0
    ttl_seconds: int = 7 * 24 * 3600
    max_value_bytes: int = 8 << 20
    fail_max: int = 3
    reset_seconds: float = 10.0
    client: Mapping[str, object] = field(default_factory=dict, repr=False)  # may hold a key's password


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
        self._pool = _pool(url, self._options)
        self._redis = redis.Redis(connection_pool=self._pool)
        self._name = _name_of(self._pool.connection_kwargs)
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
        pool = _pool(url, replace(self._options, client=client))
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


def _pool(url: str, options: RedisOptions) -> redis.ConnectionPool:
    try:
        _refuse_unescaped(url)
        from_url: dict[str, Any] = parse_url(url)  # type: ignore[no-untyped-call]  # redis-py left it without types
    except ValueError:
        # The error may quote a part of the URL, and an unescaped password moves into any part of it.
        raise Stop("the Redis URL cannot be read: redis[s]://[user:password@]host[:port][/database], escaped") from None
    requested: dict[str, Any] = {
        "socket_timeout": options.timeout_seconds,
        "socket_connect_timeout": options.connect_timeout_seconds,
        **{name: _typed(name, value) for name, value in options.client.items()},
        **from_url,
    }
    fixed: dict[str, Any] = {
        "protocol": 2,
        "decode_responses": False,  # values are bytes
        "driver_info": None,  # two commands fewer per connection
        "retry": Retry(NoBackoff(), 0),
        "retry_on_error": [],
        "retry_on_timeout": False,
    }
    try:
        pool = redis.ConnectionPool(**{**requested, **fixed})
        pool.connection_class(**pool.connection_kwargs)  # connects nothing; a mistyped option is found now
    except (ValueError, TypeError, redis.RedisError) as error:
        raise Stop(f"the Redis client does not take these options: {error}") from None
    return pool


def _typed(name: str, value: object) -> object:
    """Returns an option as redis-py wants it: a variable's value is a text, and "false" would count as true."""
    if not isinstance(value, str) or "password" in name:
        return value
    try:
        literal = json.loads(value)
    except ValueError:
        return value
    return literal if isinstance(literal, int | float) else value


def _refuse_unescaped(url: str) -> None:
    """Refuses a URL whose password ends the host's part too early: a piece of it would be shown as host or port.

    Raises:
        ValueError: behind the host stands something else than a database's number, a socket's path or options.
    """
    parts = urlsplit(url)
    is_database = re.fullmatch(r"(/\d*)?", parts.path) is not None
    is_path = parts.scheme == "unix" and "@" not in parts.path
    if parts.fragment or "@" in parts.query or not (is_database or is_path):
        raise ValueError


def _name_of(kwargs: Mapping[str, object]) -> str:
    if "path" in kwargs:
        return f"Redis at {kwargs['path']}"
    return f"Redis at {kwargs.get('host', 'localhost')}:{kwargs.get('port', 6379)}/{kwargs.get('db', 0)}"
