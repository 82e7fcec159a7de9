"""Documents as they were read from their topic: good ones, bad ones, and how far the reading is."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import dataclass

from spanstream.consumer.broker.protocols import Partition, Record
from spanstream.schemas.errors import InvalidRecord


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
