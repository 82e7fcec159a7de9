"""Makes of a record of the documents topic what the index is to hold of the document: its passages, without vectors."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace

import structlog

from spanstream.consumer.broker.protocols import Partition, Record
from spanstream.consumer.errors import SpanstreamError
from spanstream.consumer.formats.event_formats import EventFormats
from spanstream.consumer.passages.index import PassagePlace
from spanstream.schemas.codec import can_be_id, check_bounds, check_key
from spanstream.schemas.errors import InvalidRecord

_log = structlog.get_logger(__name__)

CutText = Callable[[str], list[tuple[int, int]]]
"""Returns the character ranges of a text's passages, in order."""


@dataclass(frozen=True, slots=True)
class CutDocument:
    """A document as the index is to hold it.

    Attributes:
        document_id: the document.
        partition: of its record ...
        offset: ... and where it stands in that.
        places: of its passages; none: it is deleted, in no collection, blank, bad, or cannot be cut.
        texts: of its passages, in the same order.
        collections: that it is in.
        metadata: the document's own.
        is_bad: the latest record is no document.
        error: what cutting it raised.
    """

    document_id: str
    partition: Partition
    offset: int
    places: tuple[PassagePlace, ...] = ()
    texts: tuple[str, ...] = field(default=(), repr=False)
    collections: tuple[str, ...] = ()
    metadata: Mapping[str, str] = field(default_factory=dict, repr=False)
    is_bad: bool = False
    error: Exception | None = None


class DocumentCutter:
    """Decodes records and cuts their documents.

    The latest record of a document decides: where it is no document (`spanstream run` makes a dead letter of it), the
    document has no passages, because those of an older version would lead to questions that wait for it in vain.

    Args:
        formats: reads the documents.
        cut: cuts a text into passages.
    """

    def __init__(self, formats: EventFormats, cut: CutText) -> None:
        self._formats = formats
        self._cut = cut

    def cut_all(self, records: Iterable[Record]) -> Iterator[CutDocument]:
        """Yields the documents of these records, each once: as its last record says.

        Raises:
            TranslatorUnavailable: a record cannot be read yet.
        """
        latest = {record.key: record for record in records}
        for key, record in latest.items():
            # Another key is no document's.
            if key is not None and can_be_id(key, self._formats.limits):
                yield self._cut_safely(CutDocument(key.decode(), record.partition, record.offset), record)

    def _cut_safely(self, empty: CutDocument, record: Record) -> CutDocument:
        """Cuts a document; whatever its text makes raise, the others go on."""
        try:
            return self._cut_record(empty, record)
        except SpanstreamError:
            raise
        except Exception as error:  # noqa: BLE001  whatever it is, it is this text's fault
            return replace(empty, error=error)

    def _cut_record(self, empty: CutDocument, record: Record) -> CutDocument:
        if record.value is None:
            return empty
        try:
            check_bounds(record.key, record.size, self._formats.limits)
            document = self._formats.document(record)
            check_key(record.key, document.document_id)
        except InvalidRecord as error:
            place = {"partition": str(record.partition), "offset": record.offset}
            _log.warning("document_not_indexed", reason=error.reason, **place)
            return replace(empty, is_bad=True)
        if not document.collections:
            return empty
        ranges = self._cut(document.text)
        places = tuple(
            PassagePlace(empty.document_id, number, start, end, document.sha256, record.partition.number)
            for number, (start, end) in enumerate(ranges)
        )
        texts = tuple(document.text[start:end] for start, end in ranges)
        collections, metadata = tuple(document.collections), document.metadata
        return replace(empty, places=places, texts=texts, collections=collections, metadata=metadata)
