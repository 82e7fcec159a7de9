"""Makes the changes of a batch of records: cuts the documents, and embeds the passages whose texts are new."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

import structlog

from spanstream.consumer.broker.protocols import Record
from spanstream.consumer.indexing.cutting import CutDocument, DocumentCutter
from spanstream.consumer.indexing.failed_stretch import FailedStretch
from spanstream.consumer.logs import exception_facts
from spanstream.consumer.passages.embedding import embed_each
from spanstream.consumer.passages.index import DocumentPassages, Passage, PassageIndex
from spanstream.consumer.passages.retrieval import Embedder
from spanstream.models.arrays import Float32Array

_log = structlog.get_logger(__name__)

# A second or two of work on one CPU: a signal, or a rebalance, waits no longer for it.
_TEXTS_AT_A_TIME: Final = 256


@dataclass(frozen=True, slots=True)
class BatchCounts:
    """What a batch led to.

    Attributes:
        indexed: documents with passages.
        removed: documents without: deleted, in no collection, or blank.
        bad: latest records that are no documents.
        failed: documents that could not be cut or embedded; they are without passages, too.
        embedded: passages whose vectors were made.
        reused: passages whose vectors were there.
    """

    indexed: int = 0
    removed: int = 0
    bad: int = 0
    failed: int = 0
    embedded: int = 0
    reused: int = 0

    @property
    def documents(self) -> int:
        """All of them."""
        return self.indexed + self.removed + self.bad + self.failed

    def __add__(self, other: BatchCounts) -> BatchCounts:
        return BatchCounts(
            self.indexed + other.indexed,
            self.removed + other.removed,
            self.bad + other.bad,
            self.failed + other.failed,
            self.embedded + other.embedded,
            self.reused + other.reused,
        )


class BatchBuilder:
    """Turns records into changes of an index.

    Args:
        cutter: cuts the documents.
        encoder: makes the vectors.
    """

    def __init__(self, cutter: DocumentCutter, encoder: Embedder) -> None:
        self._cutter = cutter
        self._encoder = encoder
        self._stretch = FailedStretch("documents")

    def build(
        self, records: Iterable[Record], known: Sequence[PassageIndex], beat: Callable[[], None]
    ) -> tuple[list[DocumentPassages], BatchCounts]:
        """Returns the changes that these records make.

        Args:
            records: in the order of their offsets; the last one of a document decides.
            known: indexes of the same encoder that may have vectors already.
            beat: called now and then; what it raises ends the work.

        Raises:
            Retryable: an index did not answer, or a record cannot be read yet.
            Stop: the encoder fails on one document after the other.
        """
        documents = list(self._cutter.cut_all(records))
        vectors = self._known(documents, known)
        new = list(dict.fromkeys(text for one in documents for text in one.texts if text not in vectors))
        errors = dict[str, Exception]()
        for start in range(0, len(new), _TEXTS_AT_A_TIME):
            embedded = embed_each(self._encoder.embed, new[start : start + _TEXTS_AT_A_TIME], beat)
            vectors |= embedded.vectors
            errors |= embedded.errors
        documents = [self._without_failed(one, errors) for one in documents]
        written = {text for one in documents for text in one.texts}
        made = sum(text in written for text in new)
        counts = BatchCounts(
            indexed=sum(bool(one.places) for one in documents),
            removed=sum(not one.places and not one.is_bad and one.error is None for one in documents),
            bad=sum(one.is_bad for one in documents),
            failed=sum(one.error is not None for one in documents),
            embedded=made,
            reused=sum(len(one.texts) for one in documents) - made,
        )
        return [_change(one, vectors) for one in documents], counts

    def _without_failed(self, document: CutDocument, errors: Mapping[str, Exception]) -> CutDocument:
        """Returns the document, without passages where it could not be cut or one of them not be embedded.

        Its older passages go, too: they would lead to questions that wait in vain.

        Raises:
            Stop: as `build`.
        """
        error = document.error or next((errors[text] for text in document.texts if text in errors), None)
        if error is None:
            if document.places:
                self._stretch.went_well()
            return document
        place = {"partition": str(document.partition), "offset": document.offset}
        _log.error("document_not_indexed", **place, **exception_facts(error))
        self._stretch.failed((document.partition, document.offset), error)
        return replace(document, places=(), texts=(), error=error)

    def _known(self, documents: Sequence[CutDocument], known: Sequence[PassageIndex]) -> dict[str, Float32Array]:
        """Returns vectors by text, of what these documents had before."""
        with_passages = [one.document_id for one in documents if one.places]
        wanted = {text for one in documents for text in one.texts}
        vectors: dict[str, Float32Array] = {}
        for index in known if with_passages else ():
            for of_document in index.vectors_of(with_passages).values():
                vectors.update((text, vector) for text, vector in of_document.items() if text in wanted)
        return vectors


def _change(document: CutDocument, vectors: dict[str, Float32Array]) -> DocumentPassages:
    passages = tuple(
        Passage(place, text, vectors[text], document.collections, document.metadata)
        for place, text in zip(document.places, document.texts, strict=True)
    )
    return DocumentPassages(document.document_id, passages)
