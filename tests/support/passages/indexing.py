"""Brings an index up to date with a documents topic that was read as a whole."""

from __future__ import annotations

from collections.abc import Iterable

from spanstream.consumer.broker.protocols import Record
from spanstream.consumer.passages.index import DocumentPassages, IndexDescription, Passage, PassageIndex, PassagePlace
from spanstream.consumer.passages.retrieval import Embedder
from spanstream.models.text.passages import passages_of
from spanstream.schemas.codec import decode_document
from spanstream.schemas.errors import InvalidRecord
from spanstream.schemas.events import Document
from spanstream.schemas.limits import Limits


def description_of(encoder: Embedder, partitions: int) -> IndexDescription:
    return IndexDescription(encoder.fingerprint, encoder.dimensions, "a-topic", partitions)


def index_all(records: Iterable[Record], index: PassageIndex, encoder: Embedder) -> None:
    """Applies the latest record of each document."""
    latest = {record.key: record for record in records}
    changes = []
    for key, record in latest.items():
        document = _document(record)
        passages = () if document is None else _passages(document, record.partition.number, encoder)
        changes.append(DocumentPassages((key or b"").decode(), passages))
    index.apply(changes, {})


def _document(record: Record) -> Document | None:
    try:
        return None if record.value is None else decode_document(record.value, Limits())
    except InvalidRecord:
        return None


def _passages(document: Document, partition: int, encoder: Embedder) -> tuple[Passage, ...]:
    places = passages_of(document.text) if document.collections else []
    texts = [document.text[start:end] for start, end in places]
    vectors = encoder.embed(texts)
    return tuple(
        Passage(
            PassagePlace(document.document_id, number, start, end, document.sha256, partition),
            texts[number],
            vectors[number],
            tuple(document.collections),
            document.metadata,
        )
        for number, (start, end) in enumerate(places)
    )
