"""A Redis that answers wrongly, refuses the password or shows the wrong certificate: a miss, and no secret in sight."""

from __future__ import annotations

import contextlib
import shutil
import traceback
from collections.abc import Iterable, Iterator
from dataclasses import replace

import pytest

from spanstream.consumer.cache.byte_store import StoreFailure, StoreUnavailable
from spanstream.consumer.cache.redis_connection import RedisOptions
from spanstream.consumer.cache.redis_store import RedisStore
from spanstream.consumer.cache.store_breaker import StoreChange
from spanstream.consumer.operations.doctor import Level
from spanstream.consumer.operations.doctor.store import redis as finding_of_redis
from tests.support.memory.cached_documents import ALL_HIT, ALL_MISSED, SecondsClock, read_all
from tests.support.redis.redis_server import RedisServer
from tests.support.redis.tcp_servers import Certificate, scripted, self_signed, tls_front

SECRET = "hunter2"  # noqa: S105  what must not be seen
OPTIONS = RedisOptions(timeout_seconds=0.5, connect_timeout_seconds=2, call_seconds=20)
PATIENT = replace(OPTIONS, timeout_seconds=10)

ONE_VALUE = b"*1\r\n$5\r\nhello\r\n"
REPLIES = [
    (b"\x00\xff\xfe\x80\r\n" * 100, StoreFailure.BAD_REPLY),
    (b"HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n", StoreFailure.BAD_REPLY),
    (b"+OK\r\n", StoreFailure.BAD_REPLY),
    (b":7\r\n", StoreFailure.BAD_REPLY),
    (b"$-1\r\n", StoreFailure.BAD_REPLY),
    (b"$5\r\nhello\r\n", StoreFailure.BAD_REPLY),
    (b"$x\r\n", StoreFailure.BAD_REPLY),
    (ONE_VALUE, StoreFailure.BAD_REPLY),
    (b"*-1\r\n", StoreFailure.BAD_REPLY),
    (b"*20\r\n" + b":1\r\n" * 20, StoreFailure.BAD_REPLY),
    (b"*20\r\n" + b"*0\r\n" * 20, StoreFailure.BAD_REPLY),
    (b"*20\r\n" + b"-ERR inside\r\n" * 20, StoreFailure.BAD_REPLY),
    (b"*1\r\n" * 3000, StoreFailure.BAD_REPLY),  # deeper than the interpreter's stack
    (b"-MOVED\r\n", StoreFailure.BAD_REPLY),
    (b"-MOVED 1 127.0.0.1:1\r\n", StoreFailure.REFUSED),
    (b"-CLUSTERDOWN Hash slot not served\r\n", StoreFailure.REFUSED),
    (b"-WRONGTYPE Operation against a key holding the wrong kind of value\r\n", StoreFailure.REFUSED),
    (b"-ERR unknown command\r\n", StoreFailure.REFUSED),
    (b"-MISCONF Redis is configured to save RDB snapshots, but\r\n", StoreFailure.REFUSED),
    (b"-LOADING Redis is loading the dataset in memory\r\n", StoreFailure.LOADING),
    (b"-READONLY You can't write against a read only replica.\r\n", StoreFailure.READ_ONLY),
    (b"-OOM command not allowed when used memory > 'maxmemory'.\r\n", StoreFailure.FULL),
    (b"-NOAUTH Authentication required.\r\n", StoreFailure.CREDENTIALS),
    (b"-NOPERM this user has no permissions\r\n", StoreFailure.CREDENTIALS),
    (b"-ERR max number of clients reached\r\n", StoreFailure.CONNECTION),
    (b"$99999999999\r\nnever", StoreFailure.TIMEOUT),
    (b"*20\r\n$5\r\nhello\r\n", StoreFailure.TIMEOUT),
    (b"no line end", StoreFailure.TIMEOUT),
]


@pytest.mark.parametrize(("reply", "reason"), REPLIES, ids=lambda value: repr(value)[:30])
def test_whatever_comes_back_is_a_miss(reply: bytes, reason: StoreFailure) -> None:
    changes: list[StoreChange] = []
    with scripted(lambda _: [reply]) as server:
        store = RedisStore(f"redis://127.0.0.1:{server.port}", OPTIONS, on_change=changes.append, clock=SecondsClock())
        assert [read_all(store) for _ in range(6)] == [ALL_MISSED] * 6
        assert server.requests == OPTIONS.fail_max
        with contextlib.suppress(StoreUnavailable):  # "+OK" is the right answer to this one
            store.set_many({"key": b"value"})
        if reply != ONE_VALUE:  # the right answer to this one
            with pytest.raises(StoreUnavailable):
                store.ping("key")
        store.close()
    assert [(change.operation, change.available, change.reason) for change in changes] == [("read", False, reason)]


def test_a_connection_that_is_closed_instead_of_answered_is_a_miss() -> None:
    def hang_up(_: bytes) -> Iterable[bytes]:
        raise EOFError

    with scripted(hang_up) as server:
        store = RedisStore(f"redis://127.0.0.1:{server.port}", OPTIONS, clock=SecondsClock())
        assert [read_all(store) for _ in range(6)] == [ALL_MISSED] * 6
        assert server.requests == OPTIONS.fail_max
        store.close()


def test_a_reply_that_drips_in_is_given_up_though_every_byte_is_in_time() -> None:
    dripped = 0

    def drip(_: bytes) -> Iterator[bytes]:
        nonlocal dripped
        yield b"*20\r\n$100000\r\n"
        for _piece in range(10_000):
            server.sleep(0.02)
            dripped += 1
            yield b"x"

    with scripted(drip) as server:
        options = replace(OPTIONS, call_seconds=0.3, fail_max=1)
        store = RedisStore(f"redis://127.0.0.1:{server.port}", options, clock=SecondsClock())
        with pytest.raises(StoreUnavailable) as caught:
            store.get_many([str(number) for number in range(20)])
        assert caught.value.reason is StoreFailure.TIMEOUT
        assert dripped < 10_000
        store.close()


def test_a_probe_finds_the_server_well_again() -> None:
    reply = b"garbage\r\n"

    def respond(_: bytes) -> Iterable[bytes]:
        return [reply]

    clock = SecondsClock()
    with scripted(respond) as server:
        store = RedisStore(f"redis://127.0.0.1:{server.port}", replace(OPTIONS, fail_max=1), clock=clock)
        for _ in range(5):
            with pytest.raises(StoreUnavailable):
                store.get_many(["key"])
        assert server.requests == 1
        clock.now += OPTIONS.reset_seconds + 1
        reply = b"*1\r\n$5\r\nhello\r\n"
        assert store.get_many(["key"]) == {"key": b"hello"}
        assert server.requests == 2
        store.close()


def test_a_wrong_password_is_a_miss_and_is_not_shown(own_redis: RedisServer) -> None:
    with own_redis.client() as client:
        client.acl_setuser("cache", enabled=True, passwords=["+right"], keys=["*"], commands=["+mget", "+set"])
    store = RedisStore(own_redis.url_as("cache", SECRET), PATIENT, clock=SecondsClock())
    assert [read_all(store) for _ in range(4)] == [ALL_MISSED] * 4
    with pytest.raises(StoreUnavailable) as caught:
        store.ping("key")
    assert caught.value.reason is StoreFailure.CREDENTIALS
    assert SECRET not in everything_shown(caught.value)
    store.close()


def test_a_user_who_may_only_read_and_write_is_enough(own_redis: RedisServer) -> None:
    with own_redis.client() as client:
        client.acl_setuser("cache", enabled=True, passwords=["+right"], keys=["test*"], commands=["+mget", "+set"])
    store = RedisStore(own_redis.url_as("cache", "right"), PATIENT)
    store.ping("test")
    assert read_all(store) == ALL_MISSED
    assert read_all(store) == ALL_HIT
    assert finding_of_redis(lambda: store, "test").level is Level.OK


def test_a_user_who_may_only_read_still_reads(own_redis: RedisServer) -> None:
    with own_redis.client() as client:
        client.acl_setuser("reader", enabled=True, passwords=["+right"], keys=["*"], commands=["+mget"])
    writer, reader = RedisStore(own_redis.url, PATIENT), RedisStore(own_redis.url_as("reader", "right"), PATIENT)
    read_all(writer, "kept")
    assert [read_all(reader, "refused") for _ in range(4)] == [ALL_MISSED] * 4
    assert read_all(reader, "kept") == ALL_HIT
    writer.close()
    reader.close()


def test_a_server_that_repeats_the_password_does_not_bring_it_into_the_error() -> None:
    echo = f"-ERR unknown command 'AUTH', with args beginning with: 'user' '{SECRET}'\r\n".encode()
    with scripted(lambda _: [echo]) as server:
        store = RedisStore(f"redis://user:{SECRET}@127.0.0.1:{server.port}", OPTIONS)
        with pytest.raises(StoreUnavailable) as caught:
            store.get_many(["key"])
        assert SECRET not in everything_shown(caught.value)
        store.close()


def test_a_half_made_connection_is_not_used_again() -> None:
    """The first login is answered with garbage; the next call must log in again before it asks."""
    asked: list[bytes] = []

    def respond(request: bytes) -> Iterable[bytes]:
        asked.append(request)
        if len(asked) == 1:
            return [b"*0\r\n"]
        return [b"+OK\r\n"] if b"AUTH" in request else [b"*1\r\n$5\r\nhello\r\n"]

    with scripted(respond) as server:
        store = RedisStore(f"redis://user:{SECRET}@127.0.0.1:{server.port}", OPTIONS)
        with pytest.raises(StoreUnavailable):
            store.get_many(["key"])
        assert store.get_many(["key"]) == {"key": b"hello"}
        store.close()
    assert [b"AUTH" in request for request in asked] == [True, True, False]


def test_a_server_that_is_one_answer_behind_is_never_believed() -> None:
    def respond(_: bytes) -> Iterable[bytes]:
        first_on_this_connection = server.requests == server.connections
        return [b"+OK\r\n" if first_on_this_connection else b"*1\r\n$7\r\nanother\r\n"]

    with scripted(respond) as server:
        store = RedisStore(f"redis://127.0.0.1:{server.port}", OPTIONS)
        for _ in range(OPTIONS.fail_max):
            with pytest.raises(StoreUnavailable):
                store.get_many(["key"])
        assert server.connections == OPTIONS.fail_max
        store.close()


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Certificate:
    openssl = shutil.which("openssl")
    if openssl is None:
        pytest.skip("openssl is not on PATH")
    return self_signed(tmp_path_factory.mktemp("certificate"), openssl)


def test_tls_with_the_right_authority_is_used(own_redis: RedisServer, certificate: Certificate) -> None:
    with tls_front(own_redis.port, certificate) as port:
        options = replace(PATIENT, client={"ssl_ca_certs": str(certificate.certificate)})
        store = RedisStore(f"rediss://127.0.0.1:{port}", options)
        store.set_many({"key": b"over TLS"})
        assert store.get_many(["key"]) == {"key": b"over TLS"}
        store.close()


def test_a_certificate_that_nobody_vouches_for_is_a_miss(own_redis: RedisServer, certificate: Certificate) -> None:
    with tls_front(own_redis.port, certificate) as port:
        store = RedisStore(f"rediss://127.0.0.1:{port}", PATIENT, clock=SecondsClock())
        assert [read_all(store) for _ in range(4)] == [ALL_MISSED] * 4
        with pytest.raises(StoreUnavailable, match="CERTIFICATE_VERIFY_FAILED"):
            store.ping("key")
        store.close()


def test_a_server_without_tls_is_a_miss_for_a_client_that_wants_it(own_redis: RedisServer) -> None:
    store = RedisStore(f"rediss://127.0.0.1:{own_redis.port}", OPTIONS, clock=SecondsClock())
    assert [read_all(store) for _ in range(4)] == [ALL_MISSED] * 4
    store.close()


def everything_shown(error: BaseException) -> str:
    """Returns the error as a log would show it, with the errors behind it."""
    shown = [repr(error), *traceback.format_exception(error)]
    while (behind := error.__cause__ or error.__context__) is not None:
        shown.append(repr(behind) + str(behind))
        error = behind
    return "\n".join(shown)
