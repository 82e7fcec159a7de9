"""What every `ByteStore` does: the one in memory and the one in Redis."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from spanstream.consumer.cache.byte_store import ByteStore
from spanstream.consumer.cache.memory_store import MemoryStore
from spanstream.consumer.cache.redis_connection import RedisOptions
from spanstream.consumer.cache.redis_store import RedisStore

LIMIT = 1 << 20
# The tests' machine is busy; what is slow there is no failure of the store.
PATIENT = RedisOptions(timeout_seconds=10, connect_timeout_seconds=10, call_seconds=30, max_value_bytes=LIMIT)


@pytest.fixture(params=["memory", "redis"])
def store(request: pytest.FixtureRequest) -> Iterator[ByteStore]:
    if request.param == "memory":
        made: ByteStore = MemoryStore(max_value_bytes=LIMIT)
    else:
        made = RedisStore(request.getfixturevalue("redis_server").url, PATIENT)
    yield made
    made.close()


def test_what_was_set_is_found(store: ByteStore, redis_namespace: str) -> None:
    items = {f"{redis_namespace}:{number}": b"value %d" % number for number in range(3)}
    store.set_many(items)
    assert store.get_many(list(items)) == items


def test_a_key_that_was_never_set_is_left_out(store: ByteStore, redis_namespace: str) -> None:
    store.set_many({f"{redis_namespace}:there": b"1"})
    asked = [f"{redis_namespace}:absent", f"{redis_namespace}:there", f"{redis_namespace}:absent too"]
    assert store.get_many(asked) == {f"{redis_namespace}:there": b"1"}


def test_asking_for_nothing_and_setting_nothing_is_fine(store: ByteStore) -> None:
    store.set_many({})
    assert store.get_many([]) == {}


def test_the_last_value_of_a_key_is_the_one_found(store: ByteStore, redis_namespace: str) -> None:
    store.set_many({redis_namespace: b"first, and longer"})
    store.set_many({redis_namespace: b"last"})
    assert store.get_many([redis_namespace]) == {redis_namespace: b"last"}


def test_a_key_asked_for_twice_is_found_once(store: ByteStore, redis_namespace: str) -> None:
    store.set_many({redis_namespace: b"value"})
    assert store.get_many([redis_namespace, redis_namespace]) == {redis_namespace: b"value"}


def test_a_value_over_the_limit_is_left_out_and_its_neighbour_kept(store: ByteStore, redis_namespace: str) -> None:
    large, fits = f"{redis_namespace}:large", f"{redis_namespace}:fits"
    store.set_many({large: b"x" * (LIMIT + 1), fits: b"x" * LIMIT})
    assert store.get_many([large, fits]) == {fits: b"x" * LIMIT}


def test_a_thousand_keys_go_in_one_call(store: ByteStore, redis_namespace: str) -> None:
    items = {f"{redis_namespace}:{number}": number.to_bytes(2) * 500 for number in range(1000)}
    store.set_many(items)
    assert store.get_many(list(items)) == items


@settings(deadline=None, max_examples=50, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(values=st.dictionaries(st.text(st.characters(codec="utf-8"), max_size=20), st.binary(max_size=300), max_size=5))
def test_any_bytes_come_back_as_they_were(store: ByteStore, redis_namespace: str, values: Mapping[str, bytes]) -> None:
    items = {f"{redis_namespace}:{key}": value for key, value in values.items()}
    store.set_many(items)
    assert store.get_many(list(items)) == items


def test_a_store_that_is_there_answers_a_ping_and_keeps_nothing_of_it(store: ByteStore, redis_namespace: str) -> None:
    store.ping(redis_namespace)
    assert store.get_many([redis_namespace]) == {}


def test_closing_twice_is_harmless(store: ByteStore, redis_namespace: str) -> None:
    store.ping(redis_namespace)
    store.close()
    store.close()
