"""Remembers the texts that were asked about, so that what was made of them goes when their document goes."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Collection
from typing import Final

from spanstream.consumer.broker.protocols import Partition

RecordKey = tuple[Partition, bytes]
"""A document's partition and key."""

# A remembered text takes a few hundred bytes, the tokenization of a short one two thousand.
_BYTES_A_TEXT: Final = 2048


def remembered_texts(cache_bytes: int) -> int:
    """Returns how many texts are remembered beside a cache of this size: as many short ones as it can hold."""
    return cache_bytes // _BYTES_A_TEXT


class AskedTexts:
    """The texts of the latest documents that were asked about, by their SHA-256.

    Args:
        forget: called with the SHA-256 of a text that is no longer this document's, or no longer remembered here.
        cache_bytes: of the cache that forgets.
    """

    def __init__(self, forget: Callable[[str], object], cache_bytes: int) -> None:
        self._forget = forget
        self._limit = remembered_texts(cache_bytes)
        self._texts: OrderedDict[RecordKey, str] = OrderedDict()

    def note(self, place: RecordKey, sha256: str) -> None:
        """Takes in that a document with this text was asked about."""
        self._texts[place] = sha256
        self._texts.move_to_end(place)
        if len(self._texts) > self._limit:
            self._forget(self._texts.popitem(last=False)[1])

    def replace(self, place: RecordKey, sha256: str | None) -> None:
        """Takes in that a document has another text now; None: it has none, or one that is not known."""
        before = self._texts.get(place)
        if before is not None and before != sha256:
            del self._texts[place]
            self._forget(before)

    def release(self, partitions: Collection[Partition]) -> None:
        """Forgets the texts of partitions that are not followed any more: their tombstones will not be seen."""
        for place in [place for place in self._texts if place[0] in partitions]:
            self.replace(place, None)
