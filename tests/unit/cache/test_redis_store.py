"""What can be said of `RedisStore` without a Redis; the rest is in tests/contract and tests/integration."""

from __future__ import annotations

import pytest

from spanstream.consumer.cache.redis_connection import RedisOptions
from spanstream.consumer.cache.redis_store import RedisStore
from spanstream.consumer.errors import Stop

SECRET = "hunter2"  # noqa: S105  what must not be seen


def test_making_a_store_connects_nowhere() -> None:
    RedisStore("redis://no-such-host.invalid:6379").close()


@pytest.mark.parametrize(
    "url",
    [
        "http://localhost:6379",
        "localhost:6379",
        "",
        f"redis://:{SECRET}/with-a-slash@localhost:6379",
        f"redis://:[{SECRET}@localhost:6379",
        f"redis://localhost:6379/0?db={SECRET}",
        # Unescaped, a "/", "?" or "#" in a password makes a host and a port of what stands before it.
        f"redis://{SECRET}/word@localhost",
        f"redis://:12/{SECRET}@localhost:6379",
        f"redis://user:12#{SECRET}@localhost",
        f"redis://{SECRET}#word@localhost",
        f"rediss://{SECRET}?word@localhost",
        f"unix://user:{SECRET}/{SECRET}@/run/redis.sock",
    ],
)
def test_a_url_that_cannot_be_read_stops_with_a_line_that_does_not_repeat_it(url: str) -> None:
    with pytest.raises(Stop) as caught:
        RedisStore(url)
    assert SECRET not in str(caught.value)
    assert "Redis URL" in str(caught.value)


def test_an_option_that_the_client_does_not_know_stops_at_once_with_its_name() -> None:
    with pytest.raises(Stop, match="ssl_ca_cert_file"):
        RedisStore("rediss://localhost", RedisOptions(client={"ssl_ca_cert_file": "ca.pem"}))


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        (f"redis://user:{SECRET}@cache.example:6380/2", "RedisStore(Redis at cache.example:6380/2)"),
        (f"rediss://:{SECRET}@cache.example", "RedisStore(Redis at cache.example:6379/0)"),
        (f"unix://user:{SECRET}@/run/redis.sock", "RedisStore(Redis at /run/redis.sock)"),
    ],
)
def test_the_store_shows_where_it_is_and_no_password(url: str, shown: str) -> None:
    assert repr(RedisStore(url)) == shown


def test_the_options_do_not_show_what_is_passed_through() -> None:
    assert SECRET not in repr(RedisOptions(client={"ssl_password": SECRET}))


@pytest.mark.parametrize("query", ["decode_responses=yes", "protocol=3", "retry_on_timeout=yes", "retry_on_error=x"])
def test_the_urls_query_does_not_change_how_bytes_are_read_or_how_often_it_is_tried(query: str) -> None:
    kwargs = RedisStore(f"redis://localhost?{query}")._pool.connection_kwargs
    assert (kwargs["decode_responses"], kwargs["protocol"], kwargs["retry"].get_retries()) == (False, 2, 0)
    assert not kwargs["retry_on_timeout"]
    assert not kwargs["retry_on_error"]


def test_options_that_come_as_texts_have_their_types_and_a_password_stays_as_it_is_written() -> None:
    client = {"ssl_check_hostname": "false", "health_check_interval": "5", "password": "007", "client_name": "qa"}
    kwargs = RedisStore("rediss://localhost", RedisOptions(client=client))._pool.connection_kwargs
    assert kwargs["ssl_check_hostname"] is False
    assert kwargs["health_check_interval"] == 5
    assert kwargs["password"] == "007"  # noqa: S105  made up
    assert kwargs["client_name"] == "qa"
