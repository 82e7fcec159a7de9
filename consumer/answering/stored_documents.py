"""Documents as they were read from their topic: good ones, bad ones, and how far the reading is."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import dataclass

from spanstream.consumer.broker.protocols import Partition, Record
from spanstream.consumer.errors import Retryable
from spanstream.consumer.formats.event_formats import EventFormats
from spanstream.schemas.codec import check_bounds, check_key
from spanstream.schemas.errors import InvalidRecord, Reason


@dataclass(frozen=True, slots=True)
class StoredDocument:
    """A document's text as it stands at one offset of the topic."""

    document_id: str
    text: str
    sha256: str
    offset: int

    @property
    def nbytes(self) -> int:
        """Bytes held in memory, about."""
        return sys.getsizeof(self.text) + 512


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
    return StoredDocument(document.document_id, document.text, document.sha256, record.offset)


class DocumentsReplaced(Retryable):
    """The topic was replaced, or its log starts over. The index is empty now: own all partitions again."""


@dataclass(frozen=True, slots=True)
class BadDocument:
    """A record of the documents topic that is no document."""

    record: Record
    error: InvalidRecord


@dataclass(frozen=True, slots=True)
class DocumentProgress:
    """What was read since the last commit: records to dead-letter, and the offsets to commit with them."""

    bad: tuple[BadDocument, ...]
    offsets: Mapping[Partition, int]
