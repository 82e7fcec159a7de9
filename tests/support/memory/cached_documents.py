"""Documents through a `TokenCache` and a real tokenizer, to be compared with the tokenizer alone."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from spanstream.consumer.cache.byte_store import ByteStore
from spanstream.consumer.cache.token_cache import CacheCounts, TokenCache
from spanstream.models.text import token_codec
from spanstream.models.text.tokenization import TokenizedDocument, sha256_of
from tests.support.model.small_tokenizer import small_tokenizer

TOKENIZER = small_tokenizer()
TEXTS = {sha256_of(text): text for text in (f"The train {number} leaves at {number}:05." for number in range(20))}


def as_bytes(documents: Mapping[str, TokenizedDocument]) -> dict[str, bytes]:
    return {sha256: token_codec.encode(document) for sha256, document in documents.items()}


EXPECTED = as_bytes({sha256: TOKENIZER.tokenize_document(text) for sha256, text in TEXTS.items()})


def key_of(namespace: str, sha256: str) -> str:
    return f"{namespace}:{TOKENIZER.fingerprint}:{sha256}"


def read_all(store: ByteStore | None, namespace: str = "test") -> CacheCounts:
    """Reads all documents with a fresh cache (nothing in memory); they must be what the tokenizer alone makes."""
    cache = TokenCache(
        TOKENIZER.tokenize_document,
        token_codec,
        fingerprint=TOKENIZER.fingerprint,
        store=store,
        namespace=namespace,
        clock=lambda: 0.0,
    )
    assert as_bytes(cache.get_many(TEXTS)) == EXPECTED
    return cache.counts


ALL_MISSED = CacheCounts(misses=len(TEXTS))
ALL_HIT = CacheCounts(hits_store=len(TEXTS))


@dataclass(slots=True)
class SecondsClock:
    """Seconds that pass when the test says so."""

    now: float = field(default=1000.0)

    def __call__(self) -> float:
        return self.now
