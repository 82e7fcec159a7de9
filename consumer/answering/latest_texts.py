"""The latest texts of followed partitions: where each document's last record stands, and the texts that fit in memory.

    Record -> index {key: offset} (every document) + LRU (the latest texts)
    find(key) -> LRU, else the topic at the remembered offset

Offsets mean something in one topic only: what is read at an offset is used only if the topic is still the one that was
indexed.
"""

from __future__ import annotations

from collections.abc import Collection, KeysView

from cachetools import LRUCache

from spanstream.consumer.answering.stored_documents import StoredDocument, stored_document
from spanstream.consumer.broker.protocols import Partition, PartitionReader, Record
from spanstream.consumer.cache.asked_texts import AskedTexts
from spanstream.consumer.errors import Retryable
from spanstream.consumer.formats.event_formats import EventFormats
from spanstream.schemas.codec import can_be_id


class LatestTexts:
    """Holds one topic's index. For the thread that talks to Kafka.

    Args:
        reader: reads texts that are not in memory.
        formats: reads the documents.
        memory_bytes: bound of the texts kept.
        read_seconds: longest wait for one evicted document.
        asked: told of texts that are asked about, and when they are replaced or deleted.

    Attributes:
        topic_id: of the topic that is indexed.
    """

    def __init__(
        self,
        reader: PartitionReader,
        formats: EventFormats,
        *,
        memory_bytes: int,
        read_seconds: float,
        asked: AskedTexts,
    ) -> None:
        self.topic_id = ""
        self._reader = reader
        self._formats = formats
        self._read_seconds = read_seconds
        self._asked = asked
        self._index: dict[Partition, dict[bytes, int]] = {}
        self._texts: LRUCache[tuple[Partition, bytes], StoredDocument] = LRUCache(
            memory_bytes, getsizeof=lambda document: document.nbytes
        )

    @property
    def partitions(self) -> KeysView[Partition]:
        """The partitions that are indexed."""
        return self._index.keys()

    def count(self, partitions: Collection[Partition]) -> int:
        """Returns how many documents these partitions have."""
        return sum(len(self._index[partition]) for partition in partitions)

    def add(self, partition: Partition) -> None:
        """Indexes a partition too, if it is not yet."""
        self._index.setdefault(partition, {})

    def forget(self, partitions: Collection[Partition]) -> None:
        """Drops what is known of these."""
        for partition in partitions:
            del self._index[partition]
        for key in [key for key in self._texts if key[0] in partitions]:
            del self._texts[key]
        self._asked.release(partitions)

    def point(self, record: Record) -> None:
        """Points at the record as the latest one of its document; its text is not read."""
        key = record.key
        if key is None:
            return
        index = self._index[record.partition]
        self._texts.pop((record.partition, key), None)
        if record.value is None:
            index.pop(key, None)
            self._asked.replace((record.partition, key), None)
        # Another key is no document's: keeping it would cost memory only.
        elif can_be_id(key, self._formats.limits):
            index[key] = record.offset

    def replaced(self, record: Record, sha256: str | None) -> None:
        """Takes in which text a record's document has now; None: one that is not known."""
        if record.key is not None:
            self._asked.replace((record.partition, record.key), sha256)

    def keep(self, record: Record) -> StoredDocument:
        """Reads a record's document, and keeps its text where there is room.

        Raises:
            InvalidRecord: it is no document.
            TranslatorUnavailable: it cannot be read yet.
        """
        stored = stored_document(record, self._formats)
        if stored.nbytes <= self._texts.maxsize:
            self._texts[record.partition, stored.document_id.encode()] = stored
        return stored

    def find(self, partition: Partition, document_id: str) -> StoredDocument | None:
        """Returns the document as it stands; None where the topic does not hold it.

        Raises:
            InvalidRecord: the document's latest record cannot be read.
            TranslatorUnavailable: it cannot be read yet.
            Retryable: the topic did not answer in time, or was replaced.
        """
        key = document_id.encode()
        offset = self._index[partition].get(key)
        if offset is None:
            return None
        document = self._texts.get((partition, key))
        if document is None or document.offset != offset:
            document = self._read_again(partition, key, offset)
        if document is not None:
            self._asked.note((partition, key), document.sha256)
        return document

    def _read_again(self, partition: Partition, key: bytes, offset: int) -> StoredDocument | None:
        """Reads a document that is not in memory; None where the topic does not hold it any more."""
        record = self._reader.read_at(partition, offset, self._read_seconds)
        if record is None or record.value is None:
            return None
        # The topic may have been replaced since its id was last asked for. Ids do not return: if it is the same now,
        # this is the record that was indexed.
        if record.key != key or self._reader.topic_id(partition.topic) != self.topic_id:
            raise Retryable(f"{partition.topic} was replaced while {partition} was read at {offset}")
        return self.keep(record)
