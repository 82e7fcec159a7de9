"""Makes the changes of a batch of records: cuts the documents, and embeds the passages whose texts are new."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from spanstream.consumer.broker.protocols import Record
from spanstream.consumer.indexing.cutting import CutDocument, DocumentCutter
from spanstream.consumer.passages.index import DocumentPassages, Passage, PassageIndex
from spanstream.consumer.passages.retrieval import Embedder
from spanstream.models.arrays import Float32Array

# A second or two of work on one CPU: a signal, or a rebalance, waits no longer for it.
_TEXTS_AT_A_TIME: Final = 256


@dataclass(frozen=True, slots=True)
class BatchCounts:
    """What a batch led to.

    Attributes:
        indexed: documents with passages.
        removed: documents without: deleted, in no collection, or blank.
        bad: latest records that are no documents.
        embedded: passages whose vectors were made.
        reused: passages whose vectors were there.
    """

    indexed: int = 0
    removed: int = 0
    bad: int = 0
    embedded: int = 0
    reused: int = 0

    @property
    def documents(self) -> int:
        """All of them."""
        return self.indexed + self.removed + self.bad

    def __add__(self, other: BatchCounts) -> BatchCounts:
        return BatchCounts(
            self.indexed + other.indexed,
            self.removed + other.removed,
            self.bad + other.bad,
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
        """
        documents = list(self._cutter.cut_all(records))
        vectors = self._known(documents, known)
        new = list(dict.fromkeys(text for one in documents for text in one.texts if text not in vectors))
        for start in range(0, len(new), _TEXTS_AT_A_TIME):
            beat()
            texts = new[start : start + _TEXTS_AT_A_TIME]
            vectors.update(zip(texts, self._encoder.embed(texts), strict=True))
        passages = sum(len(one.texts) for one in documents)
        counts = BatchCounts(
            indexed=sum(bool(one.places) for one in documents),
            removed=sum(not one.places and not one.is_bad for one in documents),
            bad=sum(one.is_bad for one in documents),
            embedded=len(new),
            reused=passages - len(new),
        )
        return [_change(one, vectors) for one in documents], counts

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
