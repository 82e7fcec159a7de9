"""The documents of the owned partitions, as their compacted topic has them now.

    documents topic -> PartitionReader -> index {key: offset} (every document) + LRU (the latest texts)
                                            find(key) -> LRU, else the topic at the remembered offset

The topic is the only source of truth. On assignment each partition is read from its beginning to where it ended; keys
and offsets are kept. The latest record of a key decides: where it cannot be read, there is no document, because an
older version would give wrong answers that nobody notices.

Offsets mean something in one topic only. A topic that was deleted and created anew has another id, and everything is
read again; what is read at an offset is used only if the topic is still the one that was indexed.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from typing import NoReturn

import structlog
from cachetools import LRUCache

from spanstream.consumer.answering.stored_documents import (
    BadDocument,
    DocumentProgress,
    DocumentsReplaced,
    StoredDocument,
    stored_document,
)
from spanstream.consumer.broker.protocols import Partition, PartitionReader, Record
from spanstream.consumer.cache.asked_texts import AskedTexts
from spanstream.consumer.clock import Clock, Deadline
from spanstream.consumer.delivery.circuit import Circuit
from spanstream.consumer.errors import Retryable
from spanstream.consumer.formats.event_formats import EventFormats
from spanstream.schemas.codec import can_be_id
from spanstream.schemas.dead_letters import Reason
from spanstream.schemas.errors import InvalidRecord

_log = structlog.get_logger(__name__)

_READ_RECORDS = 1000
# Bad records are held as they are until they are dead-lettered, all in one transaction.
_BAD_AT_A_TIME = 100
_BAD_BYTES_AT_A_TIME = 8 << 20
# A partition that is revoked mostly comes back in the same rebalance: it need not be read again from its beginning.
_KEEP_RELEASED_SECONDS = 60.0


class Documents:
    """Follows the owned partitions of the documents topic. For the thread that talks to Kafka.

    Args:
        reader: reads partitions outside of the group.
        topic: the documents topic.
        formats: reads the documents.
        memory_bytes: bound of the texts kept.
        read_seconds: longest wait for one evicted document.
        circuit: opens when too many documents are poison.
        clock: measures how long a partition is followed after it was released.
        asked: told of texts that are asked about, and when they are replaced or deleted; None: nobody is.
    """

    def __init__(  # noqa: PLR0913  built in one place, by name
        self,
        reader: PartitionReader,
        topic: str,
        *,
        formats: EventFormats,
        memory_bytes: int,
        read_seconds: float,
        circuit: Circuit,
        clock: Clock,
        asked: AskedTexts | None = None,
    ) -> None:
        self._reader = reader
        self._topic = topic
        self._formats = formats
        self._read_seconds = read_seconds
        self._topic_id = ""  # of the topic that is indexed
        self._index: dict[Partition, dict[bytes, int]] = {}
        self._circuit = circuit
        self._clock = clock
        self._asked = asked or AskedTexts(lambda _: None, cache_bytes=0)
        self._released: dict[Partition, Deadline] = {}
        self._committed: dict[Partition, int] = {}
        # Up to where records were counted for the circuit: a partition that comes back is read from its beginning.
        self._counted: dict[Partition, int] = {}
        self._bad: list[BadDocument] = []
        # Polled and not taken in: a translator is unavailable.
        self._unread: deque[Record] = deque()
        self._texts: LRUCache[tuple[Partition, bytes], StoredDocument] = LRUCache(
            memory_bytes, getsizeof=lambda document: document.nbytes
        )

    @property
    def owned(self) -> frozenset[Partition]:
        """The partitions whose documents this member owns."""
        return frozenset(self._index.keys() - self._released.keys())

    @property
    def known(self) -> int:
        """Documents in the index."""
        return sum(len(index) for index in self._index.values())

    def own(self, committed: Mapping[Partition, int | None]) -> None:
        """Follows these too, from their beginning; bad records before a committed offset are dead-lettered already.

        Raises:
            DocumentsReplaced: own all partitions again.
            Retryable: Kafka does not say which topic this is now.
        """
        self._topic_id = self._current_topic()
        for partition, offset in committed.items():
            self._released.pop(partition, None)
            self._index.setdefault(partition, {})
            self._committed[partition] = offset or 0
        self._bad = [bad for bad in self._bad if bad.record.offset >= self._committed[bad.record.partition]]
        self._follow()

    def release(self, partitions: Iterable[Partition]) -> None:
        """Gives up partitions that another member owns; they are followed a while longer, in case they come back."""
        for partition in frozenset(partitions) & self._index.keys():
            self._released[partition] = Deadline(self._clock, _KEEP_RELEASED_SECONDS)

    def poll(self, timeout_seconds: float = 0.0) -> int:
        """Reads what is there, waiting at most the timeout for the first record; returns how many records came.

        Raises:
            CircuitOpen: too large a share of the latest documents is poison.
            TranslatorUnavailable: what was polled is kept, and taken in by a later call.
        """
        self._forget_released()
        if not self._index or self.is_full:
            return 0
        if not self._unread:
            self._unread.extend(self._reader.poll(_READ_RECORDS, timeout_seconds))
        polled, outcomes = len(self._unread), list[Reason | None]()
        try:
            while self._unread:
                outcomes.extend(self._take(self._unread[0]))
                self._unread.popleft()
        finally:
            self._circuit.check(outcomes)
            self._circuit.count(outcomes)
        return polled

    @property
    def is_stalled(self) -> bool:
        """Whether the last poll ended at a record that its translator could not read yet."""
        return bool(self._unread)

    @property
    def is_full(self) -> bool:
        """Whether nothing more is read before the bad documents that were read are dead-lettered."""
        return len(self._bad) >= _BAD_AT_A_TIME or sum(bad.record.size for bad in self._bad) >= _BAD_BYTES_AT_A_TIME

    def ends(self) -> dict[Partition, int]:
        """Returns where the owned partitions end now.

        Raises:
            DocumentsReplaced: own all partitions again.
            Retryable: no answer.
        """
        if not self.owned:
            return {}
        # The id comes first: a client that knew the topic before may be told no offsets of the new one.
        self._current_topic()
        ends = self._reader.end_offsets(self.owned)
        if any(end < (self._position(partition) or 0) for partition, end in ends.items()):
            self._start_over("a log that ends before what was read of it")
        return ends

    def behind(self, ends: Mapping[Partition, int]) -> frozenset[Partition]:
        """Returns the partitions that are not read up to these ends yet."""
        return frozenset(partition for partition, end in ends.items() if (self._position(partition) or 0) < end)

    def find(self, number: int, document_id: str) -> StoredDocument | None:
        """Returns the document as it stands; None where the topic does not hold it.

        Args:
            number: the partition's number, the same as its questions'.
            document_id: the document.

        Raises:
            InvalidRecord: the document's latest record cannot be read.
            TranslatorUnavailable: it cannot be read yet.
            Retryable: the partition is not owned (yet), or the topic did not answer in time.
        """
        partition, key = Partition(self._topic, number), document_id.encode()
        if partition not in self.owned:
            raise Retryable(f"{partition} is not this member's")
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
        if record.key != key or self._reader.topic_id(self._topic) != self._topic_id:
            raise Retryable(f"{self._topic} was replaced while {partition} was read at {offset}")
        return self._keep(record)

    def progress(self) -> DocumentProgress:
        """Returns what was read and is not committed yet."""
        owned = self.owned
        positions = {partition: self._position(partition) or 0 for partition in owned}
        offsets = {
            partition: position for partition, position in positions.items() if position > self._committed[partition]
        }
        return DocumentProgress(tuple(bad for bad in self._bad if bad.record.partition in owned), offsets)

    def committed(self, progress: DocumentProgress) -> None:
        """Takes in that this progress is committed: `progress` will not return it again."""
        done = {id(bad) for bad in progress.bad}
        self._bad = [bad for bad in self._bad if id(bad) not in done]
        self._committed.update(
            {partition: offset for partition, offset in progress.offsets.items() if partition in self._index}
        )

    def close(self) -> None:
        """Closes the reader."""
        self._reader.close()

    def _forget_released(self) -> None:
        # The bad documents of a released partition are another member's to dead-letter: they must not stop the reading.
        stopping = {bad.record.partition for bad in self._bad} if self.is_full else frozenset()
        to_forget = frozenset(
            partition for partition, deadline in self._released.items() if deadline.has_passed or partition in stopping
        )
        if to_forget:
            self._forget(to_forget)

    def _forget(self, to_forget: frozenset[Partition]) -> None:
        for partition in to_forget:
            del self._index[partition], self._committed[partition]
            self._released.pop(partition, None)
        self._bad = [bad for bad in self._bad if bad.record.partition not in to_forget]
        self._unread = deque(record for record in self._unread if record.partition not in to_forget)
        for key in [key for key in self._texts if key[0] in to_forget]:
            del self._texts[key]
        self._asked.release(to_forget)
        self._follow()

    def _current_topic(self) -> str:
        """Returns the topic's id. Raises `DocumentsReplaced` where it is not that of the index."""
        topic_id = self._reader.topic_id(self._topic)
        if self._index and topic_id != self._topic_id:
            self._start_over("a new topic of this name")
        return topic_id

    def _start_over(self, found: str) -> NoReturn:
        """Forgets everything, so that it is read again from the beginning."""
        _log.warning("documents_replaced", topic=self._topic, found=found, documents=self.known)
        self._forget(frozenset(self._index))
        self._counted.clear()
        raise DocumentsReplaced(f"{self._topic} was replaced ({found}): its documents are read again")

    def _follow(self) -> None:
        # Known partitions go on where they are; a new one begins at its beginning.
        self._reader.follow(dict.fromkeys(self._index))

    def _position(self, partition: Partition) -> int | None:
        unread = (record.offset for record in self._unread if record.partition == partition)
        return next(unread, self._reader.position(partition))

    def _take(self, record: Record) -> Iterator[Reason | None]:
        """Takes a record in; yields its outcome for the circuit, unless it was counted before."""
        index = self._index.get(record.partition)
        if index is None:
            return
        if record.key is not None:
            self._texts.pop((record.partition, record.key), None)
            if record.value is None:
                index.pop(record.key, None)
                self._asked.replace((record.partition, record.key), None)
                return
            # Another key is no document's: keeping it would cost memory only.
            if can_be_id(record.key, self._formats.limits):
                index[record.key] = record.offset
        if record.offset < self._committed[record.partition]:
            return
        sha256, reason = None, None
        try:
            sha256 = self._keep(record).sha256
        except InvalidRecord as error:
            self._bad.append(BadDocument(record, error))
            reason = error.reason
        if record.key is not None:
            self._asked.replace((record.partition, record.key), sha256)
        if record.offset >= self._counted.get(record.partition, 0):
            self._counted[record.partition] = record.next_offset
            yield reason

    def _keep(self, record: Record) -> StoredDocument:
        stored = stored_document(record, self._formats)
        if stored.nbytes <= self._texts.maxsize:
            self._texts[record.partition, stored.document_id.encode()] = stored
        return stored
