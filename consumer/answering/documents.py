"""The documents of the owned partitions, as their compacted topic has them now.

    documents topic -> PartitionReader -> LatestTexts -> find(key)

The topic is the only source of truth. On assignment each partition is read from its beginning to where it ended; keys
and offsets are kept. The latest record of a key decides: where it cannot be read, there is no document, because an
older version would give wrong answers that nobody notices. A topic that was deleted and created anew is read again.

For questions about collections the partitions of other members are watched, too. What is bad in them is theirs to tell.
"""

from __future__ import annotations

import sys
from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from typing import Final, NoReturn

import structlog

from spanstream.consumer.answering.latest_texts import LatestTexts
from spanstream.consumer.answering.stored_documents import (
    BadDocuments,
    DocumentProgress,
    DocumentsReplaced,
    StoredDocument,
)
from spanstream.consumer.broker.protocols import Partition, PartitionReader, Record
from spanstream.consumer.cache.asked_texts import AskedTexts
from spanstream.consumer.clock import Clock, Deadline
from spanstream.consumer.delivery.circuit import Circuit
from spanstream.consumer.errors import Retryable
from spanstream.consumer.formats.event_formats import EventFormats
from spanstream.schemas.dead_letters import Reason
from spanstream.schemas.errors import InvalidRecord

_log = structlog.get_logger(__name__)

_READ_RECORDS = 1000
# A partition that is revoked mostly comes back in the same rebalance: it need not be read again from its beginning.
_KEEP_RELEASED_SECONDS = 60.0
# Between two looks whether the topic has new partitions to watch.
_WATCH_AGAIN_SECONDS = 30.0
# Of a watched partition, as if all of it were committed: none of it is judged here.
_ALL_COMMITTED: Final = sys.maxsize


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
        watches_all: whether the partitions of other members are watched too, for `look_up`.
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
        watches_all: bool = False,
    ) -> None:
        self._reader = reader
        self._topic = topic
        self._latest = LatestTexts(
            reader,
            formats,
            memory_bytes=memory_bytes,
            read_seconds=read_seconds,
            asked=asked or AskedTexts(lambda _: None, cache_bytes=0),
        )
        self._circuit = circuit
        self._clock = clock
        self._watches_all = watches_all
        self._watch_again = Deadline(clock, 0.0)
        self._watched: frozenset[Partition] = frozenset()  # of other members
        self._released: dict[Partition, Deadline] = {}
        self._committed: dict[Partition, int] = {}
        # Up to where records were counted for the circuit: a partition that comes back is read from its beginning.
        self._counted: dict[Partition, int] = {}
        self._bad = BadDocuments()
        # Polled and not taken in: a translator is unavailable.
        self._unread: deque[Record] = deque()

    @property
    def owned(self) -> frozenset[Partition]:
        """The partitions whose documents this member owns."""
        return frozenset(self._latest.partitions - self._released.keys() - self._watched)

    @property
    def known(self) -> int:
        """Documents in the index, without those that are watched only."""
        return self._latest.count(self._latest.partitions - self._watched)

    def own(self, committed: Mapping[Partition, int | None]) -> None:
        """Follows these too, from their beginning; bad records before a committed offset are dead-lettered already.

        Raises:
            DocumentsReplaced: own all partitions again.
            Retryable: Kafka does not say which topic this is now.
        """
        self._latest.topic_id = self._current_topic()
        # What is bad in a watched partition was passed over: it is read again.
        self._forget(self._watched & committed.keys())
        for partition, offset in committed.items():
            self._released.pop(partition, None)
            self._latest.add(partition)
            self._committed[partition] = offset or 0
        self._bad.drop_before(self._committed)
        self._follow()
        self._watch_others()

    def release(self, partitions: Iterable[Partition]) -> None:
        """Gives up partitions that another member owns; they are followed a while longer, in case they come back."""
        for partition in frozenset(partitions) & self._latest.partitions - self._watched:
            self._released[partition] = Deadline(self._clock, _KEEP_RELEASED_SECONDS)

    def poll(self, timeout_seconds: float = 0.0) -> int:
        """Reads what is there, waiting at most the timeout for the first record; returns how many records came.

        Raises:
            CircuitOpen: too large a share of the latest documents is poison.
            TranslatorUnavailable: what was polled is kept, and taken in by a later call.
        """
        self._forget_released()
        if not self._latest.partitions or self.is_full:
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
        return self._bad.are_full

    def ends(self) -> dict[Partition, int]:
        """Returns where the owned partitions end now, and those that are watched.

        Raises:
            DocumentsReplaced: own all partitions again.
            Retryable: no answer.
        """
        if not self.owned:
            return {}
        # The id comes first: a client that knew the topic before may be told no offsets of the new one.
        self._current_topic()
        if self._watch_again.has_passed:
            self._watch_others()
        ends = self._reader.end_offsets(self._latest.partitions if self._watches_all else self.owned)
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
        partition = Partition(self._topic, number)
        if partition in self._released or partition in self._watched or partition not in self._latest.partitions:
            raise Retryable(f"{partition} is not this member's")
        return self._latest.find(partition, document_id)

    def look_up(self, number: int, document_id: str) -> StoredDocument | None:
        """Returns a document of any partition, else as `find`; None too where no such partition is known."""
        partition = Partition(self._topic, number)
        return self._latest.find(partition, document_id) if partition in self._latest.partitions else None

    def progress(self) -> DocumentProgress:
        """Returns what was read and is not committed yet."""
        owned = self.owned
        positions = {partition: self._position(partition) or 0 for partition in owned}
        new = {one: position for one, position in positions.items() if position > self._committed[one]}
        return DocumentProgress(self._bad.of(owned), new)

    def committed(self, progress: DocumentProgress) -> None:
        """Takes in that this progress is committed: `progress` will not return it again."""
        self._bad.done(progress.bad)
        judged = self._committed.keys() - self._watched
        self._committed |= {partition: offset for partition, offset in progress.offsets.items() if partition in judged}

    def close(self) -> None:
        """Closes the reader."""
        self._reader.close()

    def _forget_released(self) -> None:
        # The bad documents of a released partition are another member's to dead-letter: they must not stop the reading.
        stopping = self._bad.partitions if self.is_full else frozenset()
        over = frozenset(one for one, deadline in self._released.items() if deadline.has_passed or one in stopping)
        if over:
            (self._watch if self._watches_all else self._forget)(over)

    def _forget(self, to_forget: frozenset[Partition]) -> None:
        for partition in to_forget:
            del self._committed[partition]
            self._released.pop(partition, None)
        self._watched -= to_forget
        self._bad.drop(to_forget)
        self._unread = deque(record for record in self._unread if record.partition not in to_forget)
        self._latest.forget(to_forget)
        self._follow()

    def _watch_others(self) -> None:
        """Watches all partitions that are not followed yet."""
        if self._watches_all:
            self._watch(frozenset(self._reader.partitions(self._topic)) - self._latest.partitions)
            self._watch_again = Deadline(self._clock, _WATCH_AGAIN_SECONDS)
            self._follow()

    def _watch(self, partitions: frozenset[Partition]) -> None:
        """Looks only for which record is each document's latest one in these from now on."""
        for partition in partitions:
            self._latest.add(partition)
            self._released.pop(partition, None)
            self._committed[partition] = _ALL_COMMITTED
        self._bad.drop(partitions)
        self._watched |= partitions

    def _current_topic(self) -> str:
        """Returns the topic's id. Raises `DocumentsReplaced` where it is not that of the index."""
        topic_id = self._reader.topic_id(self._topic)
        if self._latest.partitions and topic_id != self._latest.topic_id:
            self._start_over("a new topic of this name")
        return topic_id

    def _start_over(self, found: str) -> NoReturn:
        """Forgets everything, so that it is read again from the beginning."""
        _log.warning("documents_replaced", topic=self._topic, found=found, documents=self.known)
        self._forget(frozenset(self._latest.partitions))
        self._counted.clear()
        raise DocumentsReplaced(f"{self._topic} was replaced ({found}): its documents are read again")

    def _follow(self) -> None:
        # Known partitions go on where they are; a new one begins at its beginning.
        self._reader.follow(dict.fromkeys(self._latest.partitions))

    def _position(self, partition: Partition) -> int | None:
        unread = (record.offset for record in self._unread if record.partition == partition)
        return next(unread, self._reader.position(partition))

    def _take(self, record: Record) -> Iterator[Reason | None]:
        """Takes a record in; yields its outcome for the circuit, unless it was counted before."""
        if record.partition not in self._latest.partitions:
            return
        self._latest.point(record)
        if record.key is not None and record.value is None:
            return
        if record.offset < self._committed[record.partition]:
            if self._watched:  # its text is not read
                self._latest.replaced(record, None)
            return
        sha256, reason = None, None
        try:
            sha256 = self._latest.keep(record).sha256
        except InvalidRecord as error:
            self._bad.add(record, error)
            reason = error.reason
        self._latest.replaced(record, sha256)
        if record.offset >= self._counted.get(record.partition, 0):
            self._counted[record.partition] = record.next_offset
            yield reason
