"""Keeps the latest record of each key of compacted topics: where it stands, when it was written, whether it deletes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from hashlib import blake2b
from typing import NamedTuple

from spanstream.consumer.broker.protocols import Partition, PartitionReader, Record
from spanstream.consumer.broker.reading import Patience
from spanstream.consumer.clock import Clock
from spanstream.consumer.replay.planning.headers import written_at_origin

_READ_RECORDS = 1000
_WAIT_SECONDS = 0.2
# Keys may be long: about 350 bytes a key are kept, whatever its length.
_DIGEST_BYTES = 16


class LatestRecord(NamedTuple):
    """The latest record of a key in one partition.

    `written_ms` is milliseconds since the epoch. Of a record that was sent again, it is the time of the first record.
    """

    partition: Partition
    offset: int
    written_ms: int | None
    is_tombstone: bool


@dataclass(slots=True)
class LatestRecords:
    """The latest records of the topics that were asked about; each is read whole when it is first asked about.

    Attributes:
        reader: used for nothing else.
        clock: measures `patience_seconds`.
        patience_seconds: how long the broker may send nothing.
    """

    reader: PartitionReader
    clock: Clock
    patience_seconds: float
    _begins: dict[Partition, int] = field(default_factory=dict)
    _by_key: dict[Partition, dict[bytes, LatestRecord]] = field(default_factory=dict)
    _offsets: dict[Partition, set[int]] = field(default_factory=dict)

    def of_key(self, topic: str, key: bytes) -> Iterator[LatestRecord]:
        """Yields the latest record of a key in each partition of the topic that holds one.

        Raises:
            Retryable: the broker sent nothing for too long.
            Stop: there is no such topic, or this client may not read it.
        """
        digest = _digest(key)
        for partition in self._partitions(topic):
            latest = self._by_key[partition].get(digest)
            if latest is not None:
                yield latest

    def is_superseded(self, partition: Partition, offset: int) -> bool:
        """Returns whether the record that stood here is not the latest one of its key any more.

        A compacted topic keeps the latest record of each key, and a tombstone for a while. So a record that is gone
        was followed by another one of its key. False where the topic cannot tell: before its begin and behind its end.

        Raises:
            Retryable, Stop: as `of_key`.
        """
        if partition not in self._partitions(partition.topic):
            return False
        is_inside = self._begins[partition] <= offset < (self.reader.position(partition) or 0)
        return is_inside and offset not in self._offsets[partition]

    def refresh(self) -> None:
        """Reads on, to where the topics end now with what open transactions wrote: these are waited for.

        Raises:
            Retryable: the broker sent nothing, or a transaction stayed open, for too long.
        """
        if self._by_key:
            self._read_to(self.reader.written_offsets(self._by_key))
            self._begins.update(self.reader.begin_offsets(self._by_key))

    def close(self) -> None:
        """Closes the reader."""
        self.reader.close()

    def _partitions(self, topic: str) -> list[Partition]:
        """Returns the partitions of a topic, once it is read."""
        known = [partition for partition in self._by_key if partition.topic == topic]
        return known or self._read_topic(topic)

    def _read_topic(self, topic: str) -> list[Partition]:
        partitions = self.reader.partitions(topic)
        for partition in partitions:
            self._by_key[partition], self._offsets[partition] = {}, set()
        self.reader.follow(dict.fromkeys(self._by_key))
        self._begins.update(self.reader.begin_offsets(partitions))
        self._read_to(self.reader.end_offsets(partitions))
        return partitions

    def _read_to(self, ends: Mapping[Partition, int]) -> None:
        patience = Patience(self.clock, self.patience_seconds)
        while behind := {p: self.reader.position(p) for p, end in ends.items() if (self.reader.position(p) or 0) < end}:
            records = self.reader.poll(_READ_RECORDS, _WAIT_SECONDS)
            for record in records:
                self._take(record)
            moved = any(self.reader.position(partition) != position for partition, position in behind.items())
            patience.check(moved=moved or bool(records), where=f"the end of {min(behind)}")

    def _take(self, record: Record) -> None:
        if record.key is None:
            return
        digest, by_key, offsets = _digest(record.key), self._by_key[record.partition], self._offsets[record.partition]
        if (older := by_key.get(digest)) is not None:
            offsets.discard(older.offset)
        offsets.add(record.offset)
        written_ms = written_at_origin(record.headers, record.timestamp_ms)
        by_key[digest] = LatestRecord(record.partition, record.offset, written_ms, record.value is None)


def _digest(key: bytes) -> bytes:
    return blake2b(key, digest_size=_DIGEST_BYTES).digest()
