"""The way from a record to a chunk in flight.

add -> Backlog -> take -> [the documents published before it are read] -> launch (Preparer -> Pipeline)
          ^                                                                         │
          └────────────── give_back: fenced, or too slow for a rebalance ───────────┘
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import structlog

from spanstream.consumer.answering.documents import Documents
from spanstream.consumer.answering.pipeline import Pipeline
from spanstream.consumer.answering.prepare import Preparer
from spanstream.consumer.answering.report import Reporter
from spanstream.consumer.broker.protocols import Partition, Record
from spanstream.consumer.clock import Clock, Deadline
from spanstream.consumer.delivery.backlog import Backlog
from spanstream.consumer.settings import Settings

_log = structlog.get_logger(__name__)

# Questions of the chunk that ends an idle time: its answers need not wait for a whole chunk's.
_FIRST_QUESTIONS = 8


@dataclass(frozen=True, slots=True)
class _Taken:
    """Records that wait for the documents published before them."""

    records: tuple[Record, ...]
    ends: Mapping[Partition, int]
    deadline: Deadline


class Intake:
    """Records that were read and are not in flight: the backlog, and at most one chunk that waits for documents.

    Args:
        documents: followed up to where they ended when a chunk was taken.
        preparer: makes the chunks.
        pipeline: what they are launched into.
        reporter: told how long preparing took.
        settings: sizes and waits.
        clock: measures them.
    """

    def __init__(  # noqa: PLR0913  wired in one place
        self,
        *,
        documents: Documents,
        preparer: Preparer,
        pipeline: Pipeline,
        reporter: Reporter,
        settings: Settings,
        clock: Clock,
    ) -> None:
        self._documents = documents
        self._preparer = preparer
        self._pipeline = pipeline
        self._reporter = reporter
        self._chunk = settings.chunk
        self._catch_up_seconds = settings.documents.catch_up_seconds
        self._clock = clock
        self._backlog = Backlog(
            settings.topics.retries,
            max_records=settings.chunk.backlog_records,
            max_bytes=settings.chunk.backlog_bytes,
            max_wait_seconds=settings.retries.delay_seconds,
            clock=clock,
        )
        self._taken: _Taken | None = None
        self._company_since = 0.0

    def __len__(self) -> int:
        return len(self._backlog) + (len(self._taken.records) if self._taken else 0)

    @property
    def has_ready(self) -> bool:
        """Whether something could be taken."""
        return self._backlog.ready > 0

    @property
    def ready(self) -> int:
        """Records that are work now: all but the retries that wait for their time."""
        return self._backlog.ready + (len(self._taken.records) if self._taken else 0)

    @property
    def waits_for_documents(self) -> bool:
        """Whether a chunk is taken and not launched."""
        return self._taken is not None

    @property
    def full_topics(self) -> frozenset[str]:
        """Topics of which nothing more should be fetched."""
        return self._backlog.full_topics

    @property
    def partitions(self) -> frozenset[Partition]:
        """The partitions of all records in here."""
        taken = self._taken.records if self._taken else ()
        return self._backlog.partitions.union(record.partition for record in taken)

    def add(self, records: Sequence[Record]) -> None:
        """Put records behind those that are here."""
        if records and not self.has_ready:
            self._company_since = self._clock.monotonic()
        self._backlog.add(records)

    def take(self) -> bool:
        """A chunk out of the backlog: a small one at once where nothing is being done, a whole one where something is.

        Raises:
            Retryable: it is not known where the documents end now; nothing was taken.
        """
        ready = self._backlog.ready
        if self._taken is not None or not ready or not self._pipeline.has_room:
            return False
        if ready < self._chunk.max_questions:
            waited = self._clock.monotonic() - self._company_since
            if self._pipeline or waited < self._chunk.linger_seconds:
                return False
        ends = self._documents.ends()
        deadline = Deadline(self._clock, self._catch_up_seconds)
        is_first = not self._pipeline and not self._chunk.linger_seconds
        most = min(_FIRST_QUESTIONS, self._chunk.max_questions) if is_first else self._chunk.max_questions
        self._taken = _Taken(tuple(self._backlog.take(most)), ends, deadline)
        return True

    def launch(self) -> bool:
        """Prepare what was taken, once the documents published before it are read, and begin to infer it."""
        taken = self._taken
        if taken is None:
            return False
        behind = self._documents.behind(taken.ends)
        if behind and not taken.deadline.has_passed:
            return False
        if behind:
            names = [str(partition) for partition in sorted(behind)]
            _log.warning("documents_behind", partitions=names, records=len(taken.records))
        started = self._clock.monotonic()
        prepared, left = self._preparer.prepare(taken.records, frozenset(partition.number for partition in behind))
        self._taken = None
        self._backlog.give_back(left)
        now = self._clock.monotonic()
        self._reporter.prepared(prepared, now - started)
        # Windows queued behind the chunk, guessed from its own windows a record.
        waiting = round(len(self._backlog) * prepared.windows / len(prepared.records))
        self._pipeline.launch(prepared, waiting, now)
        return True

    def give_back(self, partitions: frozenset[Partition] | None) -> bool:
        """Back to the backlog with everything from the first chunk that holds one of these (None: with all).

        Returns:
            Whether it was tried to publish one of the chunks: it may have been published all the same.
        """
        flights = self._pipeline.give_back(partitions)
        records = [record for flight in flights for record in flight.prepared.records]
        if self._taken is not None:
            records.extend(self._taken.records)
            self._taken = None
        self._backlog.give_back(records)
        return any(flight.attempt is not None for flight in flights)

    def drop(self, partitions: frozenset[Partition]) -> None:
        """Forget the records of partitions that are no longer owned, once they are given back."""
        self._backlog.drop(partitions)

    def drop_before(self, committed: Mapping[Partition, int | None]) -> None:
        """Forget the records before these offsets: they turned out to be done."""
        self._backlog.drop_before(committed)
