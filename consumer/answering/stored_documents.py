"""Documents as they were read from their topic: good ones, bad ones, and how far the reading is."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

from spanstream.consumer.broker.protocols import Partition, Record
from spanstream.consumer.errors import Retryable
from spanstream.consumer.formats.event_formats import EventFormats
from spanstream.schemas.codec import check_bounds, check_key
from spanstream.schemas.errors import InvalidRecord, Reason

# Bad records are held as they are until they are dead-lettered, all in one transaction.
_BAD_AT_A_TIME = 100
_BAD_BYTES_AT_A_TIME = 8 << 20


@dataclass(frozen=True, slots=True)
class StoredDocument:
    """A document's text as it stands at one offset of the topic; `collections` and `metadata` say who finds it."""

    document_id: str
    text: str
    sha256: str
    offset: int
    collections: frozenset[str] = frozenset()
    metadata: Mapping[str, str] = field(default_factory=dict, repr=False)

    @property
    def nbytes(self) -> int:
        """Bytes held in memory, about."""
        names = sum(len(name) + len(value) + 128 for name, value in self.metadata.items())
        return sys.getsizeof(self.text) + 512 + 128 * len(self.collections) + names


def stored_document(record: Record, formats: EventFormats) -> StoredDocument:
    """Returns the document in a record.

    Raises:
        InvalidRecord: it is none, or its key is not the document's id.
        TranslatorUnavailable: as `EventFormats`.
    """
    if record.key is None:
        raise InvalidRecord(Reason.INVALID_EVENT, "record key: should be the document_id, there is none")
    check_bounds(record.key, record.size, formats.limits)
    document = formats.document(record)
    check_key(record.key, document.document_id)
    stored = StoredDocument(document.document_id, document.text, document.sha256, record.offset)
    if not document.collections:
        return stored
    return replace(stored, collections=frozenset(document.collections), metadata=document.metadata)


class DocumentsReplaced(Retryable):
    """The topic was replaced, or its log starts over. The index is empty now: own all partitions again."""


@dataclass(frozen=True, slots=True)
class BadDocument:
    """A record of the documents topic that is no document."""

    record: Record
    error: InvalidRecord


class BadDocuments:
    """The bad records that were read and are not dead-lettered yet."""

    def __init__(self) -> None:
        self._bad: list[BadDocument] = []

    @property
    def are_full(self) -> bool:
        """Whether no more of them should be held."""
        return len(self._bad) >= _BAD_AT_A_TIME or sum(bad.record.size for bad in self._bad) >= _BAD_BYTES_AT_A_TIME

    @property
    def partitions(self) -> frozenset[Partition]:
        """The partitions that they are of."""
        return frozenset(bad.record.partition for bad in self._bad)

    def add(self, record: Record, error: InvalidRecord) -> None:
        """Holds one more."""
        self._bad.append(BadDocument(record, error))

    def of(self, partitions: frozenset[Partition]) -> tuple[BadDocument, ...]:
        """Returns those of these partitions."""
        return tuple(bad for bad in self._bad if bad.record.partition in partitions)

    def drop(self, partitions: frozenset[Partition]) -> None:
        """Drops those of these partitions: they are another member's to dead-letter."""
        self._bad = [bad for bad in self._bad if bad.record.partition not in partitions]

    def drop_before(self, committed: Mapping[Partition, int]) -> None:
        """Drops those before these offsets: they are dead-lettered already."""
        self._bad = [bad for bad in self._bad if bad.record.offset >= committed[bad.record.partition]]

    def done(self, dead_lettered: Iterable[BadDocument]) -> None:
        """Drops these very ones."""
        done = {id(bad) for bad in dead_lettered}
        self._bad = [bad for bad in self._bad if id(bad) not in done]


@dataclass(frozen=True, slots=True)
class DocumentProgress:
    """What was read since the last commit: records to dead-letter, and the offsets to commit with them."""

    bad: tuple[BadDocument, ...]
    offsets: Mapping[Partition, int]
