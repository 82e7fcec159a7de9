"""Reads on in partitions of the documents topic, each from a position of its own, slice by slice."""

from __future__ import annotations

from collections import deque
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Final

from spanstream.consumer.broker.protocols import Partition, PartitionReader, Record

_READ_RECORDS: Final = 500
# Long documents come in smaller slices: one slice is some seconds of work.
_SLICE_BYTES: Final = 1 << 20


@dataclass(frozen=True, slots=True)
class Slice:
    """Records to index together, and the positions that follow from them; there may be positions without records."""

    records: tuple[Record, ...]
    positions: Mapping[Partition, int]


class DocumentTail:
    """Follows partitions. Only for the thread that talks to Kafka.

    Args:
        reader: reads outside of the group; it follows nothing else.
    """

    def __init__(self, reader: PartitionReader) -> None:
        self._reader = reader
        self._positions: dict[Partition, int] = {}  # up to where slices were taken
        self._unread: deque[Record] = deque()  # polled, and in no slice that was taken

    @property
    def followed(self) -> frozenset[Partition]:
        """The partitions that are followed."""
        return frozenset(self._positions)

    @property
    def positions(self) -> Mapping[Partition, int]:
        """The next offset to be indexed of each of them."""
        return self._positions

    def begin(self, positions: Mapping[Partition, int]) -> None:
        """Follows these from here on; what was read of them before is forgotten."""
        self.release(positions)
        self._positions.update(positions)
        self._reader.follow({partition: position or None for partition, position in self._positions.items()})

    def release(self, partitions: Collection[Partition]) -> None:
        """Follows these no more."""
        self._unread = deque(record for record in self._unread if record.partition not in partitions)
        self._positions = {
            partition: position for partition, position in self._positions.items() if partition not in partitions
        }
        self._reader.follow(dict.fromkeys(self._positions))

    def next_slice(self, max_records: int, timeout_seconds: float) -> Slice:
        """Returns what is to be indexed next; waits at most the timeout where nothing is there."""
        if not self._unread and self._positions:
            polled = self._reader.poll(_READ_RECORDS, timeout_seconds)
            # Of a document that was changed several times only the last version is worth embedding.
            latest = {(record.partition, record.key): record for record in polled}
            self._unread.extend(record for record in polled if latest[record.partition, record.key] is record)
        records, taken_bytes = list[Record](), 0
        for record in self._unread:
            if len(records) == max_records or taken_bytes >= _SLICE_BYTES:
                break
            records.append(record)
            taken_bytes += record.size
        return Slice(tuple(records), self._positions_after(len(records)))

    def took(self, done: Slice) -> None:
        """Takes in that the slice is in the index: the next one begins behind it."""
        for _ in done.records:
            self._unread.popleft()
        self._positions.update(done.positions)

    def lag(self) -> dict[Partition, int]:
        """Returns how many offsets of each followed partition are not indexed yet, as it was last fetched."""
        ends = {partition: self._reader.seen_end(partition) for partition in self._positions}
        return {
            partition: max(0, end - self._positions[partition]) for partition, end in ends.items() if end is not None
        }

    def _positions_after(self, count: int) -> dict[Partition, int]:
        """Returns the positions that the first records lead to, of the partitions where they are ahead."""
        left: dict[Partition, int] = {}
        for record in list(self._unread)[count:]:
            left.setdefault(record.partition, record.offset)
        after = {partition: left.get(partition, self._read_up_to(partition)) for partition in self._positions}
        return {partition: offset for partition, offset in after.items() if offset != self._positions[partition]}

    def _read_up_to(self, partition: Partition) -> int:
        """Returns the next offset that is read; it is lower than before where the topic lost its end."""
        read = self._reader.position(partition)
        return self._positions[partition] if read is None else read
