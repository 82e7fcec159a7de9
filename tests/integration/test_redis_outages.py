"""A real Redis that is stopped, killed, paused, filled or made a replica: the results are the tokenizer's, always."""

from __future__ import annotations

import multiprocessing
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

import pytest

from spanstream.consumer.cache.byte_store import StoreFailure, StoreUnavailable
from spanstream.consumer.cache.redis_connection import RedisOptions
from spanstream.consumer.cache.redis_store import RedisStore
from spanstream.consumer.cache.store_breaker import StoreChange
from tests.support.memory.cached_documents import ALL_HIT, ALL_MISSED, TEXTS, SecondsClock, key_of, read_all
from tests.support.redis.redis_server import RedisServer

RESET = 10.0
# Long enough for a busy machine, short enough to be waited for a few times.
OPTIONS = RedisOptions(timeout_seconds=0.5, connect_timeout_seconds=2, call_seconds=20, reset_seconds=RESET)


@dataclass(slots=True)
class WatchedStore:
    """A store on a server of the test's own, with what it told and the clock of its breakers."""

    store: RedisStore
    clock: SecondsClock
    changes: list[StoreChange] = field(default_factory=list)

    def new_changes(self) -> Sequence[tuple[str, bool, StoreFailure | None]]:
        new_changes = [(change.operation, change.available, change.reason) for change in self.changes]
        self.changes.clear()
        return new_changes


@pytest.fixture
def watched(own_redis: RedisServer) -> Iterator[WatchedStore]:
    clock, changes = SecondsClock(), list[StoreChange]()
    store = RedisStore(own_redis.url, OPTIONS, on_change=changes.append, clock=clock)
    yield WatchedStore(store, clock, changes)
    store.close()


def gets_served(server: RedisServer) -> int:
    with server.client() as client:
        served = client.info("commandstats")
    return int(served.get("cmdstat_mget", {}).get("calls", 0))


@pytest.mark.parametrize("end", [RedisServer.stop, RedisServer.kill])
def test_a_redis_that_is_gone_costs_nothing_after_a_few_failures_and_is_used_again_when_it_is_back(
    own_redis: RedisServer, watched: WatchedStore, end: Callable[[RedisServer], None]
) -> None:
    assert read_all(watched.store) == ALL_MISSED
    assert read_all(watched.store) == ALL_HIT

    end(own_redis)
    assert [read_all(watched.store) for _ in range(10)] == [ALL_MISSED] * 10
    assert watched.new_changes() == [("read", False, StoreFailure.CONNECTION)]

    own_redis.start()
    assert read_all(watched.store) == ALL_MISSED
    assert gets_served(own_redis) == 0  # it is there again, and still left alone

    watched.clock.now += RESET + 1
    assert read_all(watched.store) == ALL_MISSED  # it came back empty
    assert read_all(watched.store) == ALL_HIT
    assert watched.new_changes() == [("read", True, None)]


def test_a_restart_between_two_calls_is_not_even_noticed(own_redis: RedisServer, watched: WatchedStore) -> None:
    read_all(watched.store)
    own_redis.restart()
    assert read_all(watched.store) == ALL_MISSED
    assert read_all(watched.store) == ALL_HIT
    assert watched.new_changes() == []


def test_a_redis_that_hangs_costs_a_few_timeouts_and_then_nothing(
    own_redis: RedisServer, watched: WatchedStore
) -> None:
    read_all(watched.store)
    served = gets_served(own_redis)
    own_redis.pause()
    assert [read_all(watched.store) for _ in range(10)] == [ALL_MISSED] * 10
    assert watched.new_changes() == [("read", False, StoreFailure.TIMEOUT)]

    own_redis.resume()
    with own_redis.client() as client:
        client.ping()
    # What was sent while it hung, and no more: one read of each connection that the failures opened.
    assert gets_served(own_redis) <= served + OPTIONS.fail_max
    watched.clock.now += RESET + 1
    assert read_all(watched.store) == ALL_HIT
    assert watched.new_changes() == [("read", True, None)]


def test_a_late_reply_is_never_taken_for_another_questions(own_redis: RedisServer) -> None:
    store = RedisStore(own_redis.url, RedisOptions(timeout_seconds=0.3, fail_max=1000))
    store.set_many({"first": b"1", "second": b"2"})
    for _ in range(3):
        own_redis.pause()
        with pytest.raises(StoreUnavailable):
            store.get_many(["first"])
        own_redis.resume()
        with own_redis.client() as client:
            client.ping()  # it has answered all that it was asked
        assert RedisStore(own_redis.url, OPTIONS).get_many(["second"]) == {"second": b"2"}
        assert store.get_many(["second"]) == {"second": b"2"}
    store.close()


def test_a_full_redis_is_read_but_not_written_until_it_has_room(own_redis: RedisServer, watched: WatchedStore) -> None:
    read_all(watched.store, "kept")
    own_redis.flood()
    assert [read_all(watched.store, "refused") for _ in range(10)] == [ALL_MISSED] * 10
    assert read_all(watched.store, "kept") == ALL_HIT
    assert watched.new_changes() == [("write", False, StoreFailure.FULL)]

    own_redis.drain()
    watched.clock.now += RESET + 1
    assert read_all(watched.store, "refused") == ALL_MISSED
    assert read_all(watched.store, "refused") == ALL_HIT
    assert watched.new_changes() == [("write", True, None)]


def test_a_replica_is_read_but_not_written(own_redis: RedisServer, watched: WatchedStore) -> None:
    read_all(watched.store, "kept")
    with own_redis.client() as client:
        client.replicaof("127.0.0.1", "1")
    assert [read_all(watched.store, "refused") for _ in range(4)] == [ALL_MISSED] * 4
    assert read_all(watched.store, "kept") == ALL_HIT
    assert watched.new_changes() == [("write", False, StoreFailure.READ_ONLY)]


def test_a_replica_without_its_master_is_a_store_that_is_away(own_redis: RedisServer, watched: WatchedStore) -> None:
    with own_redis.client() as client:
        client.config_set("replica-serve-stale-data", "no")
        client.replicaof("127.0.0.1", "1")
    assert [read_all(watched.store) for _ in range(4)] == [ALL_MISSED] * 4
    assert watched.new_changes() == [("read", False, StoreFailure.REFUSED)]


def test_entries_are_kept_for_the_time_that_was_set(own_redis: RedisServer) -> None:
    store = RedisStore(own_redis.url, RedisOptions(timeout_seconds=5, ttl_seconds=1000))
    store.set_many({"key": b"value"})
    with own_redis.client() as client:
        assert 900 < int(client.ttl("key")) <= 1000
    store.close()


def test_garbage_and_other_types_under_our_keys_are_misses_and_are_overwritten(
    own_redis: RedisServer, watched: WatchedStore
) -> None:
    read_all(watched.store)
    keys = [key_of("test", sha256) for sha256 in TEXTS]
    with own_redis.client() as client:
        valid = bytes(client.get(keys[0]) or b"")
        client.delete(*keys[:4])  # the fourth stays away
        client.rpush(keys[0], "a list")
        client.hset(keys[1], "a", "hash")
        client.sadd(keys[2], "a set")
        client.set(keys[4], b"")
        client.set(keys[5], b"\xff" * 500)
        client.set(keys[6], valid)  # another text's
        client.set(keys[7], valid[:-1])
        client.set(keys[8], valid + b"\0")
        client.setbit(keys[9], 1000, 1 - int(client.getbit(keys[9], 1000)))
    counts = read_all(watched.store)
    assert (counts.hits_store, counts.misses, counts.bad_entries) == (len(TEXTS) - 10, 10, 6)
    assert read_all(watched.store) == ALL_HIT
    assert watched.new_changes() == []


def test_a_forked_process_has_a_connection_of_its_own(own_redis: RedisServer) -> None:
    store = RedisStore(own_redis.url, RedisOptions(timeout_seconds=5))
    store.set_many({f"key-{number}": b"%d" % number for number in range(50)})

    def read_often() -> None:
        for number in range(50):
            if store.get_many([f"key-{number}"]) != {f"key-{number}": b"%d" % number}:
                raise SystemExit(1)

    child = multiprocessing.get_context("fork").Process(target=read_often)
    child.start()
    read_often()
    child.join()
    assert child.exitcode == 0
    store.close()
