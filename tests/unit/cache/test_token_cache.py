from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spanstream.consumer.cache.byte_store import StoreFailure, StoreUnavailable
from spanstream.consumer.cache.memory_store import MemoryStore
from spanstream.consumer.cache.token_cache import CacheCounts, TokenCache
from spanstream.models.errors import BadCacheEntry
from spanstream.models.text import token_codec
from spanstream.models.text.tokenization import TokenizedDocument, sha256_of
from tests.support.model.small_tokenizer import small_tokenizer

FINGERPRINT = "f" * 64
TOKENIZER = small_tokenizer()


@dataclass(frozen=True, slots=True)
class Upper:
    """Stands for a tokenization: a text in capitals, of a size the test chooses."""

    text: str
    nbytes: int = 1000


class UpperCodec:
    """The text and what it must belong to, in the clear."""

    def encode(self, value: Upper, /) -> bytes:
        return f"{FINGERPRINT}/{hashlib.sha256(value.text.lower().encode()).hexdigest()}/{value.text}".encode()

    def decode(self, value: bytes, /, *, fingerprint: str, text_sha256: str) -> Upper:
        made_by, made_from, text = (*value.decode(errors="replace").split("/", 2), "", "")[:3]
        if (made_by, made_from) != (fingerprint, text_sha256):
            raise BadCacheEntry("another's")
        return Upper(text)


@dataclass(slots=True)
class CountingTokenizer:
    """Remembers the texts it was called with."""

    nbytes: int = 1000
    texts: list[str] = field(default_factory=list)

    def __call__(self, text: str) -> Upper:
        if text == "poison":
            raise ValueError(text)
        self.texts.append(text)
        return Upper(text.upper(), self.nbytes)


class AwayStore(MemoryStore):
    """A store that is away when the test says so, and counts how often it is asked."""

    def __init__(self) -> None:
        super().__init__()
        self.reads_fail = self.writes_fail = False
        self.reads = self.writes = 0

    def get_many(self, keys: Sequence[str]) -> dict[str, bytes]:
        self.reads += 1
        if self.reads_fail:
            raise StoreUnavailable(StoreFailure.TIMEOUT, "away")
        return super().get_many(keys)

    def set_many(self, items: Mapping[str, bytes]) -> None:
        self.writes += 1
        if self.writes_fail:
            raise StoreUnavailable(StoreFailure.FULL, "full")
        super().set_many(items)


def named(*texts: str) -> dict[str, str]:
    return {sha256_of(text): text for text in texts}


def cache_of(
    tokenize: CountingTokenizer, store: MemoryStore | None = None, *, max_bytes: int = 1 << 20
) -> TokenCache[Upper]:
    codec = UpperCodec()
    return TokenCache(tokenize, codec, fingerprint=FINGERPRINT, store=store, max_bytes=max_bytes, clock=lambda: 0.0)


def texts_of(values: Mapping[str, Upper]) -> list[str]:
    return [value.text for value in values.values()]


def test_a_text_is_tokenized_once_and_then_found_in_memory() -> None:
    tokenize = CountingTokenizer()
    cache = cache_of(tokenize)
    first, second = cache.get_many(named("a", "b")), cache.get_many(named("b", "a"))
    assert texts_of(first) == ["A", "B"]
    assert texts_of(second) == ["B", "A"]
    assert tokenize.texts == ["a", "b"]
    assert (cache.counts.misses, cache.counts.hits_memory) == (2, 2)


def test_what_one_process_tokenized_another_finds_in_the_store() -> None:
    store = MemoryStore()
    cache_of(CountingTokenizer(), store).get_many(named("a", "b"))
    idle = CountingTokenizer()
    other = cache_of(idle, store)
    assert texts_of(other.get_many(named("a", "b"))) == ["A", "B"]
    assert idle.texts == []
    assert other.counts == CacheCounts(hits_store=2)


def test_a_store_hit_is_kept_in_memory() -> None:
    store = AwayStore()
    cache_of(CountingTokenizer(), store).get_many(named("a"))
    other = cache_of(CountingTokenizer(), store)
    other.get_many(named("a"))
    asked = store.reads
    other.get_many(named("a"))
    assert store.reads == asked
    assert other.counts == CacheCounts(hits_memory=1, hits_store=1)


def test_memory_is_bounded_in_bytes_and_forgets_the_least_recently_used() -> None:
    tokenize = CountingTokenizer(nbytes=1000)
    cache = cache_of(tokenize, max_bytes=4000)
    cache.get_many(named("a", "b"))
    cache.get_many(named("a"))
    cache.get_many(named("c"))  # no room for three: b goes
    cache.get_many(named("a", "c"))
    assert tokenize.texts == ["a", "b", "c"]
    cache.get_many(named("b"))
    assert tokenize.texts == ["a", "b", "c", "b"]
    assert 0 < cache.memory_bytes <= 4000


def test_values_without_a_size_of_their_own_are_bounded_too() -> None:
    cache = cache_of(CountingTokenizer(nbytes=0), max_bytes=10_000)
    cache.get_many(named(*(str(number) for number in range(1000))))
    assert 0 < cache.memory_bytes <= 10_000


@pytest.mark.parametrize("max_bytes", [0, 1200])
def test_a_value_larger_than_the_memory_is_answered_but_not_kept(max_bytes: int) -> None:
    tokenize = CountingTokenizer(nbytes=1000)
    cache = cache_of(tokenize, max_bytes=max_bytes)
    assert texts_of(cache.get_many(named("a"))) == ["A"]
    assert texts_of(cache.get_many(named("a"))) == ["A"]
    assert tokenize.texts == ["a", "a"]
    assert cache.memory_bytes == 0


def test_more_than_the_memory_holds_is_answered_in_one_call() -> None:
    cache = cache_of(CountingTokenizer(nbytes=1000), max_bytes=4000)
    letters = "abcdefghij"
    assert texts_of(cache.get_many(named(*letters))) == list(letters.upper())


def test_one_read_and_one_write_serve_a_whole_chunk() -> None:
    store = AwayStore()
    cache_of(CountingTokenizer(), store).get_many(named(*"abcdef"))
    assert (store.reads, store.writes) == (1, 1)


def test_a_chunk_that_memory_holds_does_not_trouble_the_store() -> None:
    store = AwayStore()
    cache = cache_of(CountingTokenizer(), store)
    cache.get_many(named("a"))
    cache.get_many(named("a"))
    cache.get_many({})
    assert (store.reads, store.writes) == (1, 1)


def test_a_store_that_is_away_changes_no_result_and_is_not_written_to() -> None:
    store = AwayStore()
    store.reads_fail = True
    cache = cache_of(CountingTokenizer(), store)
    assert texts_of(cache.get_many(named("a", "b"))) == ["A", "B"]
    assert (store.reads, store.writes) == (1, 0)
    assert cache.counts.misses == 2


def test_a_full_store_changes_no_result_and_still_serves_what_it_holds() -> None:
    store = AwayStore()
    cache_of(CountingTokenizer(), store).get_many(named("a"))
    store.writes_fail = True
    cache = cache_of(CountingTokenizer(), store)
    assert texts_of(cache.get_many(named("a", "b"))) == ["A", "B"]
    assert (cache.counts.hits_store, cache.counts.misses) == (1, 1)


def test_a_bad_entry_is_a_miss_and_is_overwritten() -> None:
    store = MemoryStore()
    key = f"spanstream:tokens:{FINGERPRINT}:{sha256_of('a')}"
    store.set_many({key: b"garbage"})
    cache = cache_of(CountingTokenizer(), store)
    assert texts_of(cache.get_many(named("a"))) == ["A"]
    assert (cache.counts.misses, cache.counts.bad_entries, cache.counts.hits_store) == (1, 1, 0)
    again = cache_of(CountingTokenizer(), store)
    again.get_many(named("a"))
    assert again.counts == CacheCounts(hits_store=1)


def test_another_texts_entry_under_our_key_is_a_miss() -> None:
    store = MemoryStore()
    key = f"spanstream:tokens:{FINGERPRINT}:{sha256_of('a')}"
    store.set_many({key: UpperCodec().encode(Upper("B"))})
    assert texts_of(cache_of(CountingTokenizer(), store).get_many(named("a"))) == ["A"]


def test_another_tokenizer_does_not_see_these_entries() -> None:
    store = MemoryStore()
    cache_of(CountingTokenizer(), store).get_many(named("a"))
    tokenize = CountingTokenizer()
    other = TokenCache(tokenize, UpperCodec(), fingerprint="0" * 64, store=store)
    other.get_many(named("a"))
    assert tokenize.texts == ["a"]
    assert other.counts.bad_entries == 0


def test_what_the_tokenizer_raises_passes_through_and_leaves_the_cache_usable() -> None:
    store = AwayStore()
    cache = cache_of(CountingTokenizer(), store)
    cache.get_many(named("a"))
    with pytest.raises(ValueError, match="poison"):
        cache.get_many(named("a", "b", "poison"))
    assert store.writes == 1
    assert texts_of(cache.get_many(named("a", "b"))) == ["A", "B"]


def test_the_seconds_spent_tokenizing_are_counted() -> None:
    ticks: Iterator[float] = iter([10.0, 12.5, 20.0, 20.25])
    cache = TokenCache(CountingTokenizer(), UpperCodec(), fingerprint=FINGERPRINT, clock=lambda: next(ticks))
    cache.get_many(named("a"))
    cache.get_many(named("b"))
    assert cache.counts.tokenize_seconds == 2.75


@settings(max_examples=200)
@given(
    chunks=st.lists(st.sets(st.sampled_from("abcdefgh"), max_size=5), max_size=12),
    weather=st.lists(st.sampled_from(["fine", "away", "full", "forgot", "garbage"]), min_size=12, max_size=12),
    max_bytes=st.sampled_from([0, 3000, 1 << 20]),
)
def test_whatever_the_store_does_the_results_are_the_tokenizers(
    chunks: list[set[str]], weather: list[str], max_bytes: int
) -> None:
    store = AwayStore()
    cache = cache_of(CountingTokenizer(), store, max_bytes=max_bytes)
    for number, chunk in enumerate(chunks):
        store.reads_fail, store.writes_fail = weather[number] == "away", weather[number] == "full"
        if weather[number] == "forgot":
            store._values.clear()
        if weather[number] == "garbage":
            store.set_many(dict.fromkeys(store._values, b"garbage"))
        texts = named(*sorted(chunk))
        assert cache.get_many(texts) == {sha256: Upper(text.upper()) for sha256, text in texts.items()}
    counted = cache.counts.hits_memory + cache.counts.hits_store + cache.counts.misses
    assert counted == sum(len(chunk) for chunk in chunks)


def token_cache(store: MemoryStore) -> TokenCache[TokenizedDocument]:
    return TokenCache(TOKENIZER.tokenize_document, token_codec, fingerprint=TOKENIZER.fingerprint, store=store)


def test_every_single_flipped_bit_of_an_entry_is_a_miss() -> None:
    text = "the train"
    store = MemoryStore()
    expected = token_codec.encode(token_cache(store).get_many(named(text))[sha256_of(text)])
    (key,) = store._values
    for bit in range(len(expected) * 8):
        damaged = bytearray(expected)
        damaged[bit // 8] ^= 1 << bit % 8
        store.set_many({key: bytes(damaged)})
        cache = token_cache(store)
        tokenized = cache.get_many(named(text))[sha256_of(text)]
        assert token_codec.encode(tokenized) == expected
        assert (cache.counts.hits_store, cache.counts.bad_entries) == (0, 1), f"bit {bit}"


@settings(max_examples=100, deadline=None)
@given(text=st.text(st.characters(codec="utf-8"), max_size=200), data=st.data())
def test_a_cut_padded_or_flipped_entry_of_any_text_is_a_miss(text: str, data: st.DataObject) -> None:
    store = MemoryStore()
    expected = token_codec.encode(token_cache(store).get_many(named(text))[sha256_of(text)])
    (key,) = store._values
    bit = data.draw(st.integers(0, len(expected) * 8 - 1))
    flipped = bytearray(expected)
    flipped[bit // 8] ^= 1 << bit % 8
    cut = expected[: data.draw(st.integers(0, len(expected) - 1))]
    store.set_many({key: data.draw(st.sampled_from([bytes(flipped), cut, expected + b"\0", expected * 2]))})
    cache = token_cache(store)
    assert token_codec.encode(cache.get_many(named(text))[sha256_of(text)]) == expected
    assert (cache.counts.misses, cache.counts.bad_entries) == (1, 1)


def test_a_text_that_is_forgotten_is_in_memory_no_more() -> None:
    tokenize = CountingTokenizer()
    cache = TokenCache(tokenize, UpperCodec(), fingerprint=FINGERPRINT)
    cache.get_many({sha256_of("a"): "a", sha256_of("b"): "b"})
    cache.forget(sha256_of("a"))
    cache.forget(sha256_of("never seen"))
    cache.get_many({sha256_of("a"): "a", sha256_of("b"): "b"})
    assert tokenize.texts == ["a", "b", "a"]
