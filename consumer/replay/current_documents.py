"""Reads the current documents from their topic when the first one is asked for, without a consumer group."""

from __future__ import annotations

from dataclasses import dataclass, field

from spanstream.consumer.answering.documents import Documents
from spanstream.consumer.answering.stored_documents import StoredDocument
from spanstream.consumer.broker.protocols import PartitionReader
from spanstream.consumer.broker.reading import Patience
from spanstream.consumer.clock import Clock
from spanstream.consumer.delivery.circuit import Circuit
from spanstream.consumer.formats.event_formats import EventFormats
from spanstream.consumer.replay.fixes.built_in import DocumentText
from spanstream.consumer.replay.letters.letter import Letter
from spanstream.consumer.settings import Settings
from spanstream.schemas.errors import InvalidRecord

_WAIT_SECONDS = 0.2


@dataclass(slots=True)
class CurrentDocuments:
    """The documents in all partitions of the documents topic, up to where they ended at the first use.

    Attributes:
        reader: used for nothing else.
        settings: the topic and memory of the consumer.
        formats: reads the documents and the questions about them; waits for its own translators.
        clock: measures `patience_seconds`.
        patience_seconds: how long the broker may send nothing.
    """

    reader: PartitionReader
    settings: Settings
    formats: EventFormats
    clock: Clock
    patience_seconds: float
    _documents: Documents | None = field(default=None, init=False)

    @property
    def documents(self) -> Documents:
        """The document index, read to the end.

        Raises:
            Retryable: the broker sent nothing for too long, or a translator stayed unavailable.
            Stop: there is no such topic.
        """
        if self._documents is None:
            self._documents = self._read()
        return self._documents

    def find(self, document_id: str) -> StoredDocument | None:
        """Finds a document in any partition; None where there is none that can be read."""
        for partition in sorted(self.documents.owned):
            try:
                document = self.documents.find(partition.number, document_id)
            except InvalidRecord:
                continue
            if document is not None:
                return document
        return None

    def text(self, document_id: str) -> DocumentText | None:
        """Returns a document's text, for a fix."""
        document = self.find(document_id)
        return None if document is None else DocumentText(document.text, document.sha256)

    def asked_about(self, letter: Letter) -> str | None:
        """Returns the text that a dead letter's question asks about; None where there is none."""
        try:
            question = self.formats.question(letter.record)
        except InvalidRecord:
            return None
        if question.context is not None:
            return question.context
        document = self.find(question.document_id or "")
        return None if document is None else document.text

    def close(self) -> None:
        """Closes the reader."""
        self.reader.close()

    def _read(self) -> Documents:
        settings = self.settings
        documents = Documents(
            self.reader,
            settings.topics.documents,
            formats=self.formats,
            memory_bytes=settings.documents.memory_bytes,
            read_seconds=settings.documents.read_seconds,
            circuit=Circuit(window=1, min_records=1, max_share=1.0),
            clock=self.clock,
        )
        ends = self.reader.end_offsets(self.reader.partitions(settings.topics.documents))
        # The consumer reports bad records; here all of them count as reported.
        documents.own(ends)
        patience = Patience(self.clock, self.patience_seconds)
        while behind := documents.behind(ends):
            records = documents.poll(_WAIT_SECONDS)
            patience.check(moved=records > 0 or documents.behind(ends) != behind, where=str(min(behind)))
        return documents
