"""Caches documents' tokenizations in two tiers, for a chunk at a time.

    texts by SHA-256 -> in-process LRU -> one read of the store -> tokenize the rest -> one write to the store

Keys name the tokenizer and the text's content, so an entry cannot be stale. Nothing depends on the store: what it
does not give, or gives damaged, is tokenized again, with the same result. An entry that somebody forged shows only when
it is used; `renew` puts the right one in its place.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from threading import Lock
from typing import Generic, Protocol, TypeVar

from cachetools import LRUCache

from spanstream.consumer.cache.byte_store import ByteStore, StoreUnavailable
from spanstream.models.errors import BadCacheEntry


class Sized(Protocol):
    """A value that knows its size."""

    @property
    def nbytes(self) -> int:
        """Bytes held in memory."""


_T = TypeVar("_T", bound=Sized)

# A key of 64 digits, the cache's own bookkeeping and the value's object, beside the value's arrays.
_ENTRY_BYTES = 512


class Codec(Protocol[_T]):
    """A value as bytes for a store that others can reach; the module `models.text.token_codec` is one."""

    def encode(self, value: _T, /) -> bytes:
        """Returns the value as bytes."""

    def decode(self, value: bytes, /, *, fingerprint: str, text_sha256: str) -> _T:
        """Returns the value, of exactly this tokenizer and this text.

        Raises:
            BadCacheEntry: the bytes are anything else.
        """


@dataclass(frozen=True, slots=True)
class CacheCounts:
    """Where texts were found; each is counted in one of `hits_memory`, `hits_store` and `misses`.

    A text whose entry turned out to be forged is counted once more, as a miss.

    Attributes:
        hits_memory: found in this process.
        hits_store: found in the store.
        misses: tokenized.
        bad_entries: of the misses, those that the store held damaged, foreign or forged.
        tokenize_seconds: wall time spent tokenizing the misses.
    """

    hits_memory: int = 0
    hits_store: int = 0
    misses: int = 0
    bad_entries: int = 0
    tokenize_seconds: float = 0.0

    def __add__(self, other: CacheCounts) -> CacheCounts:
        return CacheCounts(
            self.hits_memory + other.hits_memory,
            self.hits_store + other.hits_store,
            self.misses + other.misses,
            self.bad_entries + other.bad_entries,
            self.tokenize_seconds + other.tokenize_seconds,
        )


@dataclass(frozen=True, slots=True)
class _FromStore(Generic[_T]):
    """What one read of the store gave."""

    values: dict[str, _T]
    bad_entries: int
    answered: bool


class TokenCache(Generic[_T]):
    """Two tiers in front of a tokenizer. Safe to share between threads: one call waits for the other.

    Args:
        tokenize: a text's value; what it raises passes through, and nothing of that call is kept.
        codec: values to bytes and back, for the store.
        fingerprint: the tokenizer's; part of every key.
        store: the second tier; None: there is none.
        max_bytes: what the values in this process may hold together; 0: none are kept.
        namespace: in front of every key in the store.
        clock: seconds that are never set back.
    """

    def __init__(  # noqa: PLR0913  wired in one place, by name
        self,
        tokenize: Callable[[str], _T],
        codec: Codec[_T],
        *,
        fingerprint: str,
        store: ByteStore | None = None,
        max_bytes: int = 64 << 20,
        namespace: str = "spanstream:tokens",
        clock: Callable[[], float] = time.perf_counter,
    ) -> None:
        self._tokenize, self._codec, self._store, self._clock = tokenize, codec, store, clock
        self._fingerprint = fingerprint
        self._prefix = f"{namespace}:{fingerprint}:"
        self._memory: LRUCache[str, _T] = LRUCache(max_bytes, getsizeof=lambda value: value.nbytes + _ENTRY_BYTES)
        self._counts = CacheCounts()
        self._lock = Lock()

    @property
    def counts(self) -> CacheCounts:
        """Since the cache was made."""
        return self._counts

    @property
    def memory_bytes(self) -> int:
        """Held in this process now."""
        return int(self._memory.currsize)

    def get_many(self, texts: Mapping[str, str]) -> dict[str, _T]:
        """Returns the value of every text, in the texts' order.

        Args:
            texts: each text under its SHA-256 (64 hexadecimal digits).
        """
        with self._lock:
            values = {sha256: self._memory[sha256] for sha256 in texts if sha256 in self._memory}
            counts = CacheCounts(hits_memory=len(values))
            absent = {sha256: text for sha256, text in texts.items() if sha256 not in values}
            try:
                if absent:
                    counts += self._fill(values, absent)
            finally:
                self._counts += counts
        return {sha256: values[sha256] for sha256 in texts}

    def renew(self, sha256: str, text: str, held: _T) -> _T | None:
        """Tokenizes a text again, and puts the result into both tiers where the value that is held is another one.

        Args:
            sha256: the text's SHA-256.
            text: the text.
            held: the value that is in doubt.

        Returns:
            The text's value; None if `held` is just that.
        """
        with self._lock:
            known = self._memory.get(sha256, held)
            if known is not held:  # another question about this text had it renewed
                return known
            started = self._clock()
            value = self._tokenize(text)
            seconds = self._clock() - started
            if self._codec.encode(value) == self._codec.encode(held):
                return None
            self._memory.pop(sha256, None)
            self._keep(sha256, value)
            self._write({sha256: value})
            self._counts += CacheCounts(misses=1, bad_entries=1, tokenize_seconds=seconds)
        return value

    def forget(self, sha256: str) -> None:
        """Drops a text's value from this process; the store keeps it for its own time."""
        with self._lock:
            self._memory.pop(sha256, None)

    def _fill(self, values: dict[str, _T], absent: Mapping[str, str]) -> CacheCounts:
        stored = self._read(absent)
        values.update(stored.values)
        started = self._clock()
        made = {sha256: self._tokenize(text) for sha256, text in absent.items() if sha256 not in stored.values}
        seconds = self._clock() - started
        values.update(made)
        for sha256 in absent:
            self._keep(sha256, values[sha256])
        if made and stored.answered:  # a store that did not answer the read is not asked to write
            self._write(made)
        return CacheCounts(0, len(stored.values), len(made), stored.bad_entries, seconds)

    def _keep(self, sha256: str, value: _T) -> None:
        if value.nbytes + _ENTRY_BYTES <= self._memory.maxsize:
            self._memory[sha256] = value

    def _read(self, absent: Mapping[str, str]) -> _FromStore[_T]:
        if self._store is None:
            return _FromStore({}, 0, answered=False)
        try:
            entries = self._store.get_many([self._prefix + sha256 for sha256 in absent])
        except StoreUnavailable:  # the store reports its own state, once
            return _FromStore({}, 0, answered=False)
        values: dict[str, _T] = {}
        bad_entries = 0
        for sha256 in absent:
            entry = entries.get(self._prefix + sha256)
            if entry is None:
                continue
            try:
                values[sha256] = self._codec.decode(entry, fingerprint=self._fingerprint, text_sha256=sha256)
            except BadCacheEntry:
                bad_entries += 1
        return _FromStore(values, bad_entries, answered=True)

    def _write(self, made: Mapping[str, _T]) -> None:
        if self._store is None:
            return
        try:
            self._store.set_many({self._prefix + sha256: self._codec.encode(value) for sha256, value in made.items()})
        except StoreUnavailable:  # the next consumer tokenizes it again
            return
