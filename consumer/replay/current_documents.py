"""The documents as their topic has them now, for whoever is no consumer: read when the first one is asked for."""

from __future__ import annotations

from dataclasses import dataclass, field

from spanstream.consumer.answering.documents import Documents, StoredDocument
from spanstream.consumer.broker.protocols import PartitionReader
from spanstream.consumer.broker.reading import Patience
from spanstream.consumer.clock import Clock
from spanstream.consumer.delivery.circuit import Circuit
from spanstream.consumer.replay.fixes.built_in import DocumentText
from spanstream.consumer.settings import Settings
from spanstream.schemas.errors import InvalidRecord

_WAIT_SECONDS = 0.2


@dataclass(slots=True)
class CurrentDocuments:
    """All partitions of the documents topic, as far as they go when this is first used.

    Attributes:
        reader: follows nothing else.
        settings: the topic, limits and memory, as the consumer has them.
        clock: measures patience.
        patience_seconds: how long the broker may be silent.
    """

    reader: PartitionReader
    settings: Settings
    clock: Clock
    patience_seconds: float
    _documents: Documents | None = field(default=None, init=False)

    @property
    def documents(self) -> Documents:
        """The index, read to the end.

        Raises:
            Retryable: the broker was silent for too long.
            Stop: there is no such topic.
        """
        if self._documents is None:
            self._documents = self._read()
        return self._documents

    def find(self, document_id: str) -> StoredDocument | None:
        """The document, whatever partition it is in; None where there is none that can be read."""
        for partition in sorted(self.documents.owned):
            try:
                found = self.documents.find(partition.number, document_id)
            except InvalidRecord:
                found = None
            if found is not None:
                return found
        return None

    def text(self, document_id: str) -> DocumentText | None:
        """The document's text, for a fix."""
        found = self.find(document_id)
        return None if found is None else DocumentText(found.text, found.sha256)

    def close(self) -> None:
        """Let go of the reader."""
        self.reader.close()

    def _read(self) -> Documents:
        settings = self.settings
        documents = Documents(
            self.reader,
            settings.topics.documents,
            limits=settings.limits,
            memory_bytes=settings.documents.memory_bytes,
            read_seconds=settings.documents.read_seconds,
            circuit=Circuit(window=1, min_records=1, max_share=1.0),
            clock=self.clock,
        )
        ends = self.reader.end_offsets(self.reader.partitions(settings.topics.documents))
        # Bad records before a committed offset are somebody else's to report: here, all of them.
        documents.own(ends)
        patience = Patience(self.clock, self.patience_seconds)
        while behind := documents.behind(ends):
            records = documents.poll(_WAIT_SECONDS)
            patience.check(moved=records > 0 or documents.behind(ends) != behind, where=str(min(behind)))
        return documents
