"""Records that were read and are not in a chunk yet: fresh questions, and retries that wait for their time.

Per partition the order of the topic is kept, for a chunk commits the offset behind its last record: nothing may be
taken before what stands in front of it. Records leave by `take` (and may come back by `give_back`) or, when their
partition goes to another member or they turn out to be done, by `drop` and `drop_before`; there is no other way out.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable, Iterable, Mapping, Sequence

from spanstream.consumer.broker.protocols import Partition, Record
from spanstream.consumer.clock import Clock
from spanstream.schemas.dead_letters import Retry
from spanstream.schemas.errors import InvalidRecord


class Backlog:
    """A queue in front of the chunks, bounded for each topic: retries that wait do not hold fresh questions up.

    Args:
        retries_topic: its records wait until the time in their `retry.due` header; None: there is no such topic.
        max_records: a topic is full from this many records on ...
        max_bytes: ... or this many bytes.
        max_wait_seconds: no retry waits longer, whatever its header says: it would hold up those behind it.
        clock: compared with `retry.due`.
    """

    def __init__(
        self,
        retries_topic: str | None = None,
        *,
        max_records: int,
        max_bytes: int,
        max_wait_seconds: float = 0.0,
        clock: Clock,
    ) -> None:
        self._retries_topic = retries_topic
        self._max_wait_ms = round(max_wait_seconds * 1000)
        self._max_records = max_records
        self._max_bytes = max_bytes
        self._clock = clock
        self._ready: deque[Record] = deque()
        # One line a partition: all retries wait equally long, so the first of a line is the first one due.
        self._waiting: dict[Partition, deque[tuple[int, Record]]] = {}
        self._records: Counter[str] = Counter()
        self._bytes: Counter[str] = Counter()
        self._full: frozenset[str] = frozenset()

    def __len__(self) -> int:
        return self._records.total()

    @property
    def full_topics(self) -> frozenset[str]:
        """The topics of which nothing more should be fetched; one that was full stays so until half of it is gone."""
        self._full = frozenset(
            topic for topic in self._records if self._is_full(topic, 2 if topic in self._full else 1)
        )
        return self._full

    @property
    def ready(self) -> int:
        """Records that could be taken now."""
        self._ripen()
        return len(self._ready)

    @property
    def partitions(self) -> frozenset[Partition]:
        """The partitions of all records in here."""
        waiting = (partition for partition, line in self._waiting.items() if line)
        return frozenset(record.partition for record in self._ready).union(waiting)

    def add(self, records: Iterable[Record]) -> None:
        """Put records behind those that are here."""
        latest_due_ms = self._clock.now_ms() + self._max_wait_ms
        for record in records:
            self._count(record, 1)
            if record.partition.topic == self._retries_topic:
                due_ms = min(_due_ms(record), latest_due_ms)
                self._waiting.setdefault(record.partition, deque()).append((due_ms, record))
            else:
                self._ready.append(record)

    def take(self, max_records: int) -> list[Record]:
        """The first records, at most so many."""
        self._ripen()
        taken = [self._ready.popleft() for _ in range(min(max_records, len(self._ready)))]
        for record in taken:
            self._count(record, -1)
        return taken

    def give_back(self, records: Sequence[Record]) -> None:
        """Put records that were taken in front again, in the order in which they were taken."""
        for record in reversed(records):
            self._count(record, 1)
            self._ready.appendleft(record)

    def drop(self, partitions: frozenset[Partition]) -> None:
        """Forget the records of partitions that are no longer owned; their next owner reads them."""
        self._drop(lambda record: record.partition in partitions)

    def drop_before(self, committed: Mapping[Partition, int | None]) -> None:
        """Forget the records before these offsets: they turned out to be done."""
        self._drop(lambda record: record.offset < (committed.get(record.partition) or 0))

    def _drop(self, is_dropped: Callable[[Record], bool]) -> None:
        lines = [self._ready, *(deque(record for _, record in line) for line in self._waiting.values())]
        for record in (record for line in lines for record in line if is_dropped(record)):
            self._count(record, -1)
        self._ready = deque(record for record in self._ready if not is_dropped(record))
        for partition, line in self._waiting.items():
            self._waiting[partition] = deque(one for one in line if not is_dropped(one[1]))

    def _ripen(self) -> None:
        now_ms = self._clock.now_ms()
        for line in self._waiting.values():
            while line and line[0][0] <= now_ms:
                self._ready.append(line.popleft()[1])

    def _is_full(self, topic: str, divisor: int) -> bool:
        return self._records[topic] >= self._max_records / divisor or self._bytes[topic] >= self._max_bytes / divisor

    def _count(self, record: Record, sign: int) -> None:
        self._records[record.partition.topic] += sign
        self._bytes[record.partition.topic] += sign * record.size


def _due_ms(record: Record) -> int:
    """When a retry may be tried, milliseconds since the epoch; one without readable headers at once, to be refused."""
    try:
        retry = Retry.from_headers(record.headers)
    except InvalidRecord:
        return 0
    return retry.due_ms if retry is not None else 0
