"""Records that were read ahead: some can be taken now, others wait for their time.

Each partition keeps the order of its topic. A commit holds the offset behind its last record, so no record may be
taken before those in front of it. Records leave by `take`, and may come back by `give_back`. They are dropped by
`drop`, when their partition goes to another member, and by `drop_before`, when they turn out to be committed.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Generic, TypeVar

from spanstream.consumer.broker.protocols import Partition, Record
from spanstream.consumer.clock import Clock, monotonic_due

_R = TypeVar("_R", bound=Record)


def _never_waits(_: Record) -> int | None:
    return None


class Backlog(Generic[_R]):
    """Holds records in order, bounded for each topic, so that records that wait do not hold up other topics.

    Args:
        due_ms: until when a record waits, milliseconds since the epoch; None: it does not wait.
        max_records: a topic is full from this many records on ...
        max_bytes: ... or this many bytes.
        max_wait_seconds: no record waits longer after it was added, whatever `due_ms` says and the machine's time is
            set to: it would hold up those behind it.
        clock: compared with `due_ms` once, when a record is added; from then on its monotonic time counts.
    """

    def __init__(
        self,
        *,
        due_ms: Callable[[_R], int | None] = _never_waits,
        max_records: int,
        max_bytes: int,
        max_wait_seconds: float = 0.0,
        clock: Clock,
    ) -> None:
        self._due_ms = due_ms
        self._max_wait_ms = round(max_wait_seconds * 1000)
        self._max_records = max_records
        self._max_bytes = max_bytes
        self._clock = clock
        self._ready: deque[_R] = deque()
        # One queue a partition, with monotonic due times: all its records wait equally long, so the first is due first.
        self._waiting: dict[Partition, deque[tuple[float, _R]]] = {}
        self._records: Counter[str] = Counter()
        self._bytes: Counter[str] = Counter()
        self._full: frozenset[str] = frozenset()

    def __len__(self) -> int:
        return self._records.total()

    @property
    def full_topics(self) -> frozenset[str]:
        """The topics to fetch nothing more of; a full topic stays full until half of its records are gone."""
        self._full = frozenset(
            topic for topic in self._records if self._is_full(topic, 2 if topic in self._full else 1)
        )
        return self._full

    @property
    def ready(self) -> int:
        """Records that could be taken now."""
        self._move_due()
        return len(self._ready)

    @property
    def partitions(self) -> frozenset[Partition]:
        """The partitions of all records in here."""
        waiting = (partition for partition, queue in self._waiting.items() if queue)
        return frozenset(record.partition for record in self._ready).union(waiting)

    @property
    def first_offsets(self) -> dict[Partition, int]:
        """The offset of the first record in here, for each partition."""
        waiting = {partition: queue[0][1].offset for partition, queue in self._waiting.items() if queue}
        return waiting | {record.partition: record.offset for record in reversed(self._ready)}

    def add(self, records: Iterable[_R]) -> None:
        """Adds records behind those that are here."""
        for record in records:
            self._count(record, 1)
            due_ms = self._due_ms(record)
            if due_ms is None:
                self._ready.append(record)
            else:
                due = monotonic_due(self._clock, due_ms, longest_ms=self._max_wait_ms)
                self._waiting.setdefault(record.partition, deque()).append((due, record))

    def take(self, max_records: int, max_bytes: int | None = None) -> list[_R]:
        """Takes out the first records: at most so many, and none behind those that reach so many bytes."""
        self._move_due()
        taken: list[_R] = []
        taken_bytes = 0
        while self._ready and len(taken) < max_records and (max_bytes is None or taken_bytes < max_bytes):
            record = self._ready.popleft()
            self._count(record, -1)
            taken_bytes += record.size
            taken.append(record)
        return taken

    def give_back(self, records: Sequence[_R]) -> None:
        """Puts records that were taken in front again, in the order in which they were taken."""
        for record in reversed(records):
            self._count(record, 1)
            self._ready.appendleft(record)

    def drop(self, partitions: frozenset[Partition]) -> None:
        """Drops the records of partitions that are no longer owned; their next owner reads them."""
        self._drop(lambda record: record.partition in partitions)

    def drop_before(self, committed: Mapping[Partition, int | None]) -> None:
        """Drops the records before these offsets: they turned out to be committed."""
        self._drop(lambda record: record.offset < (committed.get(record.partition) or 0))

    def drop_from(self, offsets: Mapping[Partition, int]) -> None:
        """Drops the records from these offsets on: they come again."""
        self._drop(lambda record: record.partition in offsets and record.offset >= offsets[record.partition])

    def _drop(self, is_dropped: Callable[[_R], bool]) -> None:
        waiting = (record for queue in self._waiting.values() for _, record in queue)
        for record in (*self._ready, *waiting):
            if is_dropped(record):
                self._count(record, -1)
        self._ready = deque(record for record in self._ready if not is_dropped(record))
        for partition, queue in self._waiting.items():
            self._waiting[partition] = deque((due, record) for due, record in queue if not is_dropped(record))

    def _move_due(self) -> None:
        """Moves the records whose time has come to those that can be taken."""
        now = self._clock.monotonic()
        for queue in self._waiting.values():
            while queue and queue[0][0] <= now:
                self._ready.append(queue.popleft()[1])

    def _is_full(self, topic: str, divisor: int) -> bool:
        return self._records[topic] >= self._max_records / divisor or self._bytes[topic] >= self._max_bytes / divisor

    def _count(self, record: Record, sign: int) -> None:
        self._records[record.partition.topic] += sign
        self._bytes[record.partition.topic] += sign * record.size
