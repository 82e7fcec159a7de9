"""Keeps a topic's partitions in memory as Kafka does, for tests: appended to, compacted, cut off."""

from __future__ import annotations

import uuid
from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass, field

from spanstream.consumer.broker.partitioner import partition_of
from spanstream.consumer.broker.protocols import Outgoing, Partition, Record


@dataclass(slots=True)
class Log:
    """One partition: records in the order of their offsets, not all offsets taken."""

    partition: Partition
    begin: int = 0
    end: int = 0
    _records: list[Record] = field(default_factory=list)

    def append(self, outgoing: Outgoing, timestamp_ms: int) -> None:
        """Writes one record at the end."""
        record = Record(self.partition, self.end, outgoing.key, outgoing.value, tuple(outgoing.headers), timestamp_ms)
        self._records.append(record)
        self.end = record.next_offset

    def mark(self) -> None:
        """Leaves what a transaction leaves behind its records: an offset without a record."""
        self.end += 1

    def read(self, offset: int, limit: int) -> list[Record]:
        """Returns up to `limit` records from this offset on."""
        first = self._index(offset)
        return self._records[first : first + limit]

    def at(self, offset: int) -> Record | None:
        """Returns the record at exactly this offset."""
        return next((record for record in self.read(offset, 1) if record.offset == offset), None)

    def compact(self) -> None:
        """Keeps the last record of each key; a key's tombstone goes too, as after `delete.retention.ms`."""
        last = {record.key: record for record in self._records}
        self._records = [r for r in self._records if last[r.key] is r and r.value is not None]

    def cut_before(self, offset: int) -> None:
        """Drops what lies before this offset, as retention does."""
        self.begin = max(self.begin, min(offset, self.end))
        self._records = self._records[self._index(self.begin) :]

    def _index(self, offset: int) -> int:
        return bisect_left(self._records, offset, key=lambda record: record.offset)


class Topic:
    """A topic of several partitions; records larger than `max_record_bytes` are refused."""

    def __init__(self, name: str, partitions: int, max_record_bytes: int) -> None:
        self.name = name
        self.topic_id = uuid.uuid4().hex
        self.max_record_bytes = max_record_bytes
        self.tombstone_seconds = 86_400.0
        self.logs = [Log(Partition(name, number)) for number in range(partitions)]
        self._keyless = 0

    @property
    def partitions(self) -> list[Partition]:
        """In order."""
        return [log.partition for log in self.logs]

    def enlarge(self, partitions: int) -> None:
        """Adds empty partitions until there are so many."""
        self.logs += [Log(Partition(self.name, number)) for number in range(len(self.logs), partitions)]

    def append(self, records: Sequence[Outgoing], timestamp_ms: int, *, transactional: bool) -> None:
        """Writes records, each where its partition or its key says; keyless ones in turn."""
        written = set()
        for record in records:
            number = self._choose(record)
            self.logs[number].append(record, timestamp_ms)
            written.add(number)
        if transactional:
            for number in written:
                self.logs[number].mark()

    def _choose(self, record: Outgoing) -> int:
        if record.partition is not None:
            return record.partition
        if record.key is not None:
            return partition_of(record.key, len(self.logs))
        self._keyless += 1
        return self._keyless % len(self.logs)
