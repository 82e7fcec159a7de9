"""How Redis is connected to: the URL, redis-py's options, and what of them is refused."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

import redis
from redis.backoff import NoBackoff
from redis.connection import parse_url
from redis.retry import Retry

from spanstream.consumer.errors import Stop


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


def open_pool(url: str, options: RedisOptions) -> redis.ConnectionPool:
    """Returns connections that are opened when they are first used.

    Raises:
        Stop: the URL cannot be read, or the client does not take the options.
    """
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


def name_of(kwargs: Mapping[str, object]) -> str:
    """Returns how messages name a Redis: its address, out of a connection's arguments."""
    if "path" in kwargs:
        return f"Redis at {kwargs['path']}"
    return f"Redis at {kwargs.get('host', 'localhost')}:{kwargs.get('port', 6379)}/{kwargs.get('db', 0)}"
