"""Which texts are remembered, and when the cache is told to forget them."""

from __future__ import annotations

from spanstream.consumer.broker.protocols import Partition
from spanstream.consumer.cache.asked_texts import AskedTexts

ZERO = Partition("documents", 0)


def test_more_texts_than_the_cache_can_hold_are_not_remembered_and_the_oldest_is_forgotten_in_the_cache_too() -> None:
    forgotten: list[str] = []
    asked = AskedTexts(forgotten.append, cache_bytes=2 * 2048)
    for name in ("a", "b", "a", "c"):
        asked.note((ZERO, name.encode()), name)
    assert forgotten == ["b"]
    asked.replace((ZERO, b"a"), None)
    asked.replace((ZERO, b"b"), None)
    assert forgotten == ["b", "a"]


def test_a_document_that_nobody_asked_about_is_nothing_to_forget() -> None:
    forgotten: list[str] = []
    asked = AskedTexts(forgotten.append, cache_bytes=1 << 20)
    asked.replace((ZERO, b"a"), None)
    asked.release([ZERO])
    assert not forgotten
