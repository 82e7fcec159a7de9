"""Finding and deleting keys in a real Redis by what they end with."""

from __future__ import annotations

from spanstream.consumer.cache.redis_connection import RedisOptions
from spanstream.consumer.cache.redis_store import RedisStore
from tests.support.redis.redis_server import RedisServer

PATIENT = RedisOptions(timeout_seconds=30, call_seconds=60)
MANY = 5_000


def test_keys_are_found_by_their_ending_among_many_in_their_namespace_alone(
    redis_server: RedisServer, redis_namespace: str
) -> None:
    namespace = f"{redis_namespace}:a[b]*"  # a pattern, if it were taken for one
    store = RedisStore(redis_server.url, PATIENT)
    try:
        ours = {f"{namespace}:{tokenizer}:{number}": b"v" for tokenizer in "fg" for number in range(MANY)}
        others = {f"{redis_namespace}:ab:f:7": b"v", f"{namespace}:f:77x": b"v"}
        store.set_many(ours | others)
        wanted = [f"{namespace}:{tokenizer}:{number}" for tokenizer in "fg" for number in (4711, 7)]
        assert store.keys_with(namespace, {"7", "4711", "never"}) == sorted(wanted)
        store.delete_many(wanted)
        store.delete_many([])
        assert store.keys_with(namespace, {"7", "4711"}) == []
        assert store.get_many(list(others)) == others
        store.delete_many([*ours, *others])
    finally:
        store.close()
