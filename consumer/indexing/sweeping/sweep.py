"""Reads one partition once more, for the documents that the index has and the topic has not."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Final

from spanstream.consumer.broker.protocols import Partition, PartitionReader, Record
from spanstream.consumer.clock import Clock
from spanstream.consumer.passages.index import DocumentPassages, PassageIndex, SweepMark

# Of one step, which new documents wait for.
_IDS: Final = 2000
_RECORDS: Final = 500
_POLL_SECONDS: Final = 0.05


class Sweep:
    """A sweep; it holds the ids of one partition's documents.

        the ids that the index has of the partition  -  the keys of its records  =  ghosts

    A key counts whatever its record says: what stands in the topic, the tail has read or is going to. It reads on
    meanwhile, and says what it read: a document that is new is none of the ghosts.

    Args:
        partition: of the documents topic.
        because: why it is swept.
        index: the generation.
        reader: made for this; closed with it.
        clock: for the moment as of which the partition is swept.

    Attributes:
        mark: what holds of the partition when all ghosts are gone.
        end: up to where it is read; 0: not known yet.
        is_read: whether the ghosts are known.
        removed: documents that were taken out.
    """

    def __init__(
        self, partition: Partition, because: str, index: PassageIndex, reader: PartitionReader, clock: Clock
    ) -> None:
        self.partition = partition
        self.because = because
        self.mark = SweepMark(0, 0)
        self.removed = 0
        self._ids: Iterator[str] | None = index.documents_of(partition.number)
        self._left: set[bytes] = set()
        self._reader = reader
        self._clock = clock
        self.end = 0
        self.is_read = False

    def step(self) -> None:
        """Reads a little. Raises `Retryable` where the index or Kafka does not answer."""
        if self._ids is None:
            self._read()
            return
        found = list(islice(self._ids, _IDS))
        self._left.update(name.encode() for name in found)
        if len(found) < _IDS:
            self._ids = None
            self._begin_to_read()

    def saw(self, records: Iterable[Record]) -> None:
        """Takes in that the topic has these records."""
        self._left.difference_update(record.key for record in records if record.partition == self.partition)

    def ghosts(self, limit: int) -> list[DocumentPassages]:
        """Returns what takes some of the ghosts out of the index; none are left where they are fewer than the limit."""
        number = self.partition.number
        return [DocumentPassages(name.decode(), (), only_of=number) for name in islice(self._left, limit)]

    def took(self, ghosts: Iterable[DocumentPassages]) -> None:
        """Takes in that these are out of the index."""
        gone = {ghost.document_id.encode() for ghost in ghosts}
        self._left -= gone
        self.removed += len(gone)

    def close(self) -> None:
        """Lets go of the reader."""
        self._reader.close()

    def _begin_to_read(self) -> None:
        as_of_ms, here = self._clock.now_ms(), [self.partition]
        self.mark = SweepMark(as_of_ms, self._reader.begin_offsets(here)[self.partition])
        self.end = self._reader.end_offsets(here)[self.partition]
        self.is_read = not self._left or self.end <= self.mark.begin
        if not self.is_read:
            self._reader.follow({self.partition: None})

    def _read(self) -> None:
        self.saw(self._reader.poll(_RECORDS, _POLL_SECONDS))
        self.is_read = not self._left or (self._reader.position(self.partition) or 0) >= self.end
