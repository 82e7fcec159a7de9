"""Takes records in and launches them, chunk by chunk.

add -> Backlog -> take -> [the documents published before it are read] -> launch (Preparer -> Pipeline)
          ^                                                                         │
          └────────────── give_back: fenced, or too slow for a rebalance ───────────┘
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import structlog

from spanstream.consumer.answering.documents import Documents
from spanstream.consumer.answering.pipeline import Pipeline
from spanstream.consumer.answering.prepare import Preparer
from spanstream.consumer.answering.question_record import QuestionRecord, read_retry_headers
from spanstream.consumer.answering.report import Reporter
from spanstream.consumer.broker.protocols import Partition, Record
from spanstream.consumer.clock import Clock, Deadline
from spanstream.consumer.delivery.backlog import Backlog
from spanstream.consumer.settings import Settings

_log = structlog.get_logger(__name__)

# Questions of the first chunk after an idle time: small, so that its answers come soon.
_FIRST_QUESTIONS = 8


@dataclass(frozen=True, slots=True)
class _WaitingChunk:
    """A chunk that waits until the documents published before it are read.

    Attributes:
        records: its records.
        ends: where the documents ended when the chunk was taken.
        deadline: until when it waits.
    """

    records: tuple[QuestionRecord, ...]
    ends: Mapping[Partition, int]
    deadline: Deadline


class Intake:
    """Holds the records that are not in flight: the backlog, and at most one chunk that waits for documents.

    Args:
        documents: read up to where they ended when a chunk was taken, before it is launched.
        preparer: prepares the chunks.
        pipeline: infers them.
        reporter: told what is begun, given back, and how long preparing took.
        settings: sizes and waits.
        clock: measures the waits.
    """

    def __init__(  # noqa: PLR0913  built in one place, by name
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
        self._retries_topic = settings.topics.retries
        self._backlog = Backlog[QuestionRecord](
            due_ms=self._due_ms,
            max_records=settings.chunk.backlog_records,
            max_bytes=settings.chunk.backlog_bytes,
            max_wait_seconds=settings.retries.delay_seconds,
            clock=clock,
        )
        self._waiting: _WaitingChunk | None = None
        # When the first of the ready records came.
        self._ready_since = 0.0

    def __len__(self) -> int:
        return len(self._backlog) + (len(self._waiting.records) if self._waiting else 0)

    @property
    def has_ready(self) -> bool:
        """Whether a record could be taken."""
        return self._backlog.ready > 0

    @property
    def ready(self) -> int:
        """Records that can be worked on now: all but the retries whose time has not come."""
        return self._backlog.ready + (len(self._waiting.records) if self._waiting else 0)

    @property
    def waits_for_documents(self) -> bool:
        """Whether a chunk is taken and not launched yet."""
        return self._waiting is not None

    @property
    def full_topics(self) -> frozenset[str]:
        """Topics to fetch nothing more of."""
        return self._backlog.full_topics

    @property
    def partitions(self) -> frozenset[Partition]:
        """The partitions of all records in here."""
        waiting = self._waiting.records if self._waiting else ()
        return self._backlog.partitions.union(record.partition for record in waiting)

    def add(self, records: Sequence[Record]) -> None:
        """Adds records behind those that are here."""
        if records and not self.has_ready:
            self._ready_since = self._clock.monotonic()
        self._backlog.add(read_retry_headers(record) for record in records)

    def take(self) -> bool:
        """Takes a chunk out of the backlog; returns whether it did.

        With nothing in flight a small chunk is taken at once, or after `linger_seconds`; otherwise only a whole one.

        Raises:
            Retryable: it is not known where the documents end now; nothing was taken.
        """
        ready = self._backlog.ready
        if self._waiting is not None or not ready or not self._pipeline.has_room:
            return False
        if ready < self._chunk.max_questions:
            waited = self._clock.monotonic() - self._ready_since
            if self._pipeline or waited < self._chunk.linger_seconds:
                return False
        ends = self._documents.ends()
        deadline = Deadline(self._clock, self._catch_up_seconds)
        is_first = not self._pipeline and not self._chunk.linger_seconds
        max_records = min(_FIRST_QUESTIONS, self._chunk.max_questions) if is_first else self._chunk.max_questions
        records = self._backlog.take(max_records, self._chunk.max_bytes)
        self._waiting = _WaitingChunk(tuple(records), ends, deadline)
        return True

    def launch(self) -> bool:
        """Prepares and launches the chunk that was taken, once the documents published before it are read.

        Returns:
            Whether it did. Past the chunk's deadline it does not wait for the documents any longer, unless a
            translator stands in their way: that is no fault of the questions, and their tries are counted.

        Raises:
            TranslatorUnavailable: the first record, or its document, cannot be read yet; the chunk stays here.
        """
        chunk = self._waiting
        if chunk is None:
            return False
        behind = self._documents.behind(chunk.ends)
        if behind and self._documents.is_stalled:
            self._waiting = replace(chunk, deadline=Deadline(self._clock, self._catch_up_seconds))
            return False
        if behind and not chunk.deadline.has_passed:
            return False
        if behind:
            names = [str(partition) for partition in sorted(behind)]
            _log.warning("documents_behind", partitions=names, records=len(chunk.records))
        started = self._clock.monotonic()
        self._reporter.began(chunk.records)
        prepared, left = self._preparer.prepare(chunk.records, frozenset(partition.number for partition in behind))
        self._waiting = None
        self._reporter.given_back(left)
        self._backlog.give_back(left)
        now = self._clock.monotonic()
        self._reporter.prepared(prepared, now - started)
        # Estimated with the chunk's own windows a record.
        waiting_windows = round(len(self._backlog) * prepared.windows / len(prepared.records))
        self._pipeline.launch(prepared, waiting_windows, now)
        return True

    def give_back(self, partitions: frozenset[Partition] | None) -> bool:
        """Moves chunks back to the backlog: the first that holds one of the partitions, and all later ones.

        Args:
            partitions: None moves all chunks back.

        Returns:
            Whether publishing one of the chunks was tried: it may have been published all the same.
        """
        chunks = self._pipeline.give_back(partitions)
        records = [record for chunk in chunks for record in chunk.prepared.records]
        self._reporter.given_back(records)
        if self._waiting is not None:
            records.extend(self._waiting.records)
            self._waiting = None
        self._backlog.give_back(records)
        return any(chunk.commit is not None for chunk in chunks)

    def drop(self, partitions: frozenset[Partition]) -> None:
        """Drops the records of partitions that are no longer owned, once they are given back."""
        self._backlog.drop(partitions)

    def drop_before(self, committed: Mapping[Partition, int | None]) -> None:
        """Drops the records before these offsets: they turned out to be committed."""
        self._backlog.drop_before(committed)

    def drop_from(self, offsets: Mapping[Partition, int]) -> None:
        """Drops the records from these offsets on, once they are given back: they come again."""
        self._backlog.drop_from(offsets)

    def _due_ms(self, record: QuestionRecord) -> int | None:
        return record.due_ms if record.partition.topic == self._retries_topic else None
