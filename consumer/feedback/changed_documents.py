"""Remembers which documents have changed since their labels were looked at."""

from __future__ import annotations

from collections.abc import Collection, Iterable

from spanstream.consumer.broker.protocols import Partition
from spanstream.consumer.cache.asked_texts import AskedTexts, RecordKey


class ChangedDocuments(AskedTexts):
    """Is told by `Documents` of each record that it reads, in the place of what forgets texts."""

    def __init__(self) -> None:
        super().__init__(lambda _: None, cache_bytes=0)
        self._changed: dict[tuple[int, str], None] = {}

    @property
    def is_empty(self) -> bool:
        """Whether there are none."""
        return not self._changed

    def note(self, place: RecordKey, sha256: str) -> None:
        """Does nothing: that a document was looked at changes nothing."""

    def replace(self, place: RecordKey, sha256: str | None) -> None:  # noqa: ARG002  whatever it is now, it is looked at
        """Takes in that a document was written or deleted."""
        partition, key = place
        self.add(partition.number, [key.decode(errors="replace")])

    def release(self, partitions: Collection[Partition]) -> None:
        """Forgets the documents of partitions that are not followed any more."""
        self.drop(partition.number for partition in partitions)

    def add(self, number: int, document_ids: Iterable[str]) -> None:
        """Adds documents of a partition."""
        self._changed.update(((number, document_id), None) for document_id in document_ids)

    def drop(self, numbers: Iterable[int]) -> None:
        """Forgets the documents of the partitions of these numbers."""
        dropped = frozenset(numbers)
        self._changed = {place: None for place in self._changed if place[0] not in dropped}

    def first(self, numbers: Collection[int], limit: int) -> list[tuple[int, str]]:
        """Returns the first documents in the partitions of these numbers, as (partition number, document id)."""
        found = (place for place in self._changed if place[0] in numbers)
        return [place for place, _ in zip(found, range(limit), strict=False)]

    def done(self, places: Iterable[tuple[int, str]]) -> None:
        """Takes in that the labels of these documents were looked at."""
        for place in places:
            self._changed.pop(place, None)
