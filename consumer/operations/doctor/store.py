"""Checks Redis. Everything works without it, so whatever is wrong with it is a warning."""

from __future__ import annotations

from collections.abc import Callable

from spanstream.consumer.cache.byte_store import ByteStore, StoreFailure, StoreUnavailable
from spanstream.consumer.operations.doctor.finding import Finding, ok, warning

_ADVICE = {
    StoreFailure.TIMEOUT: "raise SPANSTREAM_REDIS__TIMEOUT_SECONDS if it is far away; else see what keeps it busy",
    StoreFailure.CONNECTION: "start it, or correct SPANSTREAM_REDIS__URL (rediss:// where it wants TLS)",
    StoreFailure.CREDENTIALS: "correct user and password in SPANSTREAM_REDIS__URL; the user needs MGET and SET on its "
    "keys, and SELECT for a database other than 0",
    StoreFailure.FULL: "set its maxmemory-policy to allkeys-lru, or raise its maxmemory",
    StoreFailure.READ_ONLY: "point SPANSTREAM_REDIS__URL to the primary; this one is a replica",
    StoreFailure.LOADING: "wait until it has loaded its data",
    StoreFailure.REFUSED: "look into its log; a cluster's node needs a proxy in front",
    StoreFailure.BAD_REPLY: "correct SPANSTREAM_REDIS__URL: what listens there does not speak as Redis does",
}
_LOOK_AGAIN = "look into its log"


def redis(open_store: Callable[[], ByteStore | None], namespace: str) -> Finding:
    """Asks, writes a probe key and reads it back, as the consumer would. Raises `Stop` on a URL that is none."""
    store = open_store()
    if store is None:
        return ok("Redis", "not configured (SPANSTREAM_REDIS__URL): tokenizations are kept in each process only")
    key = f"{namespace}:doctor"
    probe = {key: b"probe"}
    doing = "is not there"
    try:
        store.ping(key)
        doing = "takes no values"
        store.set_many(probe)
        doing = "gives no values"
        if store.get_many([key]) != probe:
            return warning("Redis", "forgot a value at once", _ADVICE[StoreFailure.FULL])
    except StoreUnavailable as error:
        detail = f"{doing}: {error}; everything works without it, only slower"
        return warning("Redis", detail, _ADVICE.get(error.reason, _LOOK_AGAIN))
    finally:
        store.close()
    return ok("Redis", "takes and gives values")
