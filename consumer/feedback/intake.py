"""Holds feedback from its arrival until it is published, and builds the next transaction.

add -> Backlog ── [documents read up to now] ──┐
                                               ├──> FeedbackTransaction (by FeedbackProcessor) ──> FeedbackCommit
ChangedDocuments ──────────────────────────────┘                                                        │
          ^ give_back: it could not be published ───────────────────────────────────────────────────────┘
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from spanstream.consumer.answering.documents import Documents
from spanstream.consumer.broker.protocols import Partition, Record
from spanstream.consumer.clock import Clock, Deadline
from spanstream.consumer.delivery.backlog import Backlog
from spanstream.consumer.delivery.circuit import Circuit
from spanstream.consumer.delivery.committed_offsets import offsets_behind
from spanstream.consumer.errors import Retryable
from spanstream.consumer.feedback.changed_documents import ChangedDocuments
from spanstream.consumer.feedback.known_labels import KnownLabels
from spanstream.consumer.feedback.processor import FeedbackProcessor
from spanstream.consumer.feedback.transaction import FeedbackTransaction
from spanstream.consumer.settings import Settings

# Of one transaction.
MAX_RECORDS = 500
_MAX_CHANGED = 500
# The loop does not poll while a transaction is built. Documents that are not in memory take some milliseconds each;
# from a broker in trouble, each takes its whole timeout.
_BUILD_SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class FeedbackCommit:
    """A transaction ready to be published, with the records it consumes, to be given back if that fails."""

    transaction: FeedbackTransaction
    offsets: Mapping[Partition, int]
    records: tuple[Record, ...] = ()


class FeedbackIntake:
    """Records that were read and are not published yet. Only for the thread that talks to Kafka.

    Args:
        documents: read up to where they ended when records were taken, before these are looked at.
        changed: the documents whose labels are to be looked at.
        labels: what is known of them.
        processor: says what a record or a document changes.
        circuit: opens when too many records are poison.
        settings: sizes.
        clock: bounds how long one transaction is built.
    """

    def __init__(  # noqa: PLR0913  wired in one place, by name
        self,
        *,
        documents: Documents,
        changed: ChangedDocuments,
        labels: KnownLabels,
        processor: FeedbackProcessor,
        circuit: Circuit,
        settings: Settings,
        clock: Clock,
    ) -> None:
        self._documents = documents
        self._changed = changed
        self._labels = labels
        self._processor = processor
        self._circuit = circuit
        self._labels_topic = settings.topics.labels
        self._clock = clock
        self._backlog = Backlog[Record](
            max_records=settings.chunk.backlog_records, max_bytes=settings.chunk.backlog_bytes, clock=clock
        )
        # How many of the first records wait until the documents are read up to these ends.
        self._waiting: tuple[int, Mapping[Partition, int]] | None = None
        # Numbers of the partitions whose labels have all to be looked at, once they are read.
        self._unchecked: set[int] = set()

    @property
    def has_work(self) -> bool:
        """Whether something could be done now."""
        return self._backlog.ready > 0 or not self._changed.is_empty

    @property
    def waits_for_documents(self) -> bool:
        """Whether records wait until the documents published before them are read."""
        return self._waiting is not None

    @property
    def full_topics(self) -> frozenset[str]:
        """Topics to fetch nothing more of."""
        return self._backlog.full_topics

    @property
    def partitions(self) -> frozenset[Partition]:
        """The partitions of all records in here."""
        return self._backlog.partitions

    def add(self, records: Sequence[Record]) -> None:
        """Adds records behind those that are here."""
        self._backlog.add(records)

    def check_labels_of(self, numbers: Collection[int]) -> None:
        """Lets all labels of these partitions be looked at: what became of their documents meanwhile nobody saw."""
        self._unchecked |= set(numbers)

    def give_back(self, commit: FeedbackCommit) -> None:
        """Puts the records of a commit that failed in front again."""
        self._backlog.give_back(commit.records)

    def drop(self, partitions: frozenset[Partition]) -> None:
        """Drops what is of partitions that are no longer owned."""
        self._waiting = None
        self._backlog.drop(partitions)
        numbers = {partition.number for partition in partitions}
        self._unchecked -= numbers
        self._changed.drop(numbers)

    def drop_before(self, committed: Mapping[Partition, int | None]) -> None:
        """Drops the records before these committed offsets: they have been published."""
        self._waiting = None
        self._backlog.drop_before(committed)

    def drop_from(self, offsets: Mapping[Partition, int]) -> None:
        """Drops the records from these offsets on: they come again."""
        self._waiting = None
        self._backlog.drop_from(offsets)

    def next_commit(self, ready: Collection[int]) -> FeedbackCommit | None:
        """Builds the commit of the first records and of what has changed; None: there is nothing, or not yet.

        Args:
            ready: the numbers of the partitions whose labels and documents have been read.

        Raises:
            CircuitOpen: too large a share of the latest records is poison.
            TranslatorUnavailable: the first record cannot be read yet.
            Retryable: Kafka does not say what is asked.
        """
        transaction, deadline = FeedbackTransaction(self._labels), Deadline(self._clock, _BUILD_SECONDS)
        looked_at = self._apply_changes(ready, transaction, deadline)
        records = self._apply_records(transaction, deadline)
        self._circuit.check(transaction.reasons)
        offsets: Mapping[Partition, int] = offsets_behind(records)
        if not records and transaction.changes:
            # The ends of the label partitions stand in the place of offsets: every transaction moves those on, so if
            # the commit's outcome is in doubt, they tell whether it was made.
            offsets = self._labels.ends({Partition(self._labels_topic, number) for number, _ in transaction.changes})
        # From here on the commit is repeated until it is done, or all labels are read and looked at again.
        self._changed.done(looked_at)
        return FeedbackCommit(transaction, offsets, records) if offsets else None

    def commit_of_offsets(self, offsets: Mapping[Partition, int]) -> FeedbackCommit:
        """Builds a commit of nothing but offsets."""
        return FeedbackCommit(FeedbackTransaction(self._labels), offsets)

    def count(self, transaction: FeedbackTransaction) -> None:
        """Takes in that a transaction is done: its records count for the circuit."""
        self._circuit.count(transaction.reasons)

    def _apply_changes(
        self, ready: Collection[int], transaction: FeedbackTransaction, deadline: Deadline
    ) -> list[tuple[int, str]]:
        """Looks at the labels of documents that have changed, and returns these; the others are looked at later."""
        for number in self._unchecked & set(ready):
            self._changed.add(number, self._labels.documents(number))
            self._unchecked.discard(number)
        done: list[tuple[int, str]] = []
        try:
            for place in self._changed.first(ready, _MAX_CHANGED):
                if deadline.has_passed:
                    break
                self._processor.apply_change(*place, transaction)
                done.append(place)
        except Retryable:
            if not done:
                raise
        return done

    def _apply_records(self, transaction: FeedbackTransaction, deadline: Deadline) -> tuple[Record, ...]:
        """Applies the first records once the documents that were published before them are read; returns them."""
        if self._waiting is None and (count := min(self._backlog.ready, MAX_RECORDS)):
            self._waiting = count, self._documents.ends()
        if self._waiting is None or self._documents.behind(self._waiting[1]):
            return ()
        records = self._backlog.take(self._waiting[0])
        self._waiting = None
        applied = 0
        try:
            while applied < len(records) and not deadline.has_passed:
                self._processor.apply_feedback(records[applied], transaction)
                applied += 1
        except Retryable:
            if not transaction.outcomes:
                raise
        finally:
            self._backlog.give_back(records[applied:])
        return tuple(records[:applied])
