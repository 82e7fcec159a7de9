"""The loop of the feedback: one thread, one transaction at a time.

    poll -> FeedbackIntake (FeedbackProcessor) -> PacedPublisher (Publisher) -> KnownLabels

A transaction holds the labels, the dead letters and the consumed offsets. They become visible together or not at all.
The labels topic is owned in the group, so that it moves with the feedback, and read outside of it; the documents of the
same numbers are followed. Which labels are to go follows from the documents as they stand, so a tombstone that nobody
saw is not missed: when partitions are taken over, each document that has labels is looked at once.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable, Sequence

import structlog

from spanstream.consumer.answering.stored_documents import DocumentsReplaced
from spanstream.consumer.broker.protocols import Partition
from spanstream.consumer.clock import Deadline
from spanstream.consumer.delivery.committed_offsets import CommittedOffsets
from spanstream.consumer.delivery.ownership import Ownership
from spanstream.consumer.errors import Fenced, Retryable, TooLarge
from spanstream.consumer.feedback.intake import MAX_RECORDS, FeedbackCommit
from spanstream.consumer.feedback.parts import FeedbackParts
from spanstream.consumer.formats.translator import TranslatorUnavailable
from spanstream.consumer.settings import Settings

_log = structlog.get_logger(__name__)

# Seconds.
_IDLE_POLL = 0.1
_BUSY_WAIT = 0.02


class FeedbackService:
    """A member of the feedback group. `run` is its whole life; the rebalance listener runs in the same thread."""

    def __init__(self, parts: FeedbackParts, settings: Settings) -> None:
        self._parts = parts
        self._settings = settings
        self._clock = parts.clock
        self._topics = settings.topics
        self._ownership = Ownership(parts.consumer, settings.topics.labels)
        self._pending_commit: FeedbackCommit | None = None
        self._committed = CommittedOffsets(parts.clock)
        # Set when it is not known whether a commit was made: nothing is done before all labels are read again.
        self._reloading = False
        self._unavailable = ""  # what a translator waited for in this turn
        # Set when the member is to leave: what is begun ends by then, in `close` too.
        self._leaving: Deadline | None = None

    def run(self, stop: threading.Event) -> None:
        """Takes feedback in until `stop` is set; then finishes what was begun, within `drain_seconds`.

        Raises:
            Stop: the member cannot go on.
        """
        deadline = self._new_deadline()
        try:
            self.start()
            while not stop.is_set():
                deadline = self._new_deadline()  # from before the turn in which the signal comes
                self.turn()
            self.drain(deadline)
        finally:
            self.close()

    def start(self) -> None:
        """Joins the group; what a predecessor of the same name left open is ended first, if Kafka answers."""
        self._parts.publisher.prepare()
        self._parts.consumer.subscribe(list(self._topics.consumed_by_feedback), self)

    def drain(self, deadline: Deadline | None = None) -> None:
        """Finishes the commit that was begun until the deadline, by default within `drain_seconds`."""
        self._leaving = deadline or self._new_deadline()
        self._finish(self._leaving)
        with self._parts.publisher.until(self._leaving):
            if self._pending_commit is None and self._parts.publisher.may_publish:
                self._commit_progress(at_once=True)

    def close(self) -> None:
        """Leaves the group and closes the clients; the next owner does what is not published."""
        self._parts.consumer.close()
        self._parts.publisher.close()
        self._parts.labels.close()
        self._parts.documents.close()

    def turn(self) -> None:
        """Goes once around: does what can be done now, and waits a moment at most."""
        ownership, intake, self._unavailable = self._ownership, self._parts.intake, ""
        is_loading = bool(ownership.to_load or ownership.ends_to_load)
        can_work = self._pending_commit is not None or (intake.has_work and not self._reloading)
        self._poll(0.0 if is_loading or can_work else _IDLE_POLL)
        self._parts.partition_counts.compare()
        try:
            self._load()
            self._parts.health.beat()  # each of the questions above may have waited for Kafka
            self._follow(_BUSY_WAIT if is_loading or intake.waits_for_documents else 0.0)
            ownership.update(self._behind(), intake.full_topics, self._without_partner)
            self._reloading = self._reloading and bool(ownership.to_load or ownership.ends_to_load)
            made_progress = self._advance()
        except Retryable as error:
            made_progress = False
            self._wait(error)
        if can_work and not is_loading and not made_progress:
            # Nothing was published: the pause after a failure, or work that changed nothing. Do not spin.
            self._clock.sleep(_BUSY_WAIT)
        self._parts.health.turned(self._waiting_for())
        self._parts.reporter.turned(ownership)

    # Rebalance listener: called from inside poll and close.

    def on_assigned(self, partitions: Sequence[Partition]) -> None:
        """Takes partitions over; their feedback is fetched once their labels and documents are read."""
        _log.info("partitions_assigned", partitions=[str(partition) for partition in partitions])
        self._ownership.add(partitions)
        self._parts.partition_counts.compare_soon()

    def on_revoked(self, partitions: Sequence[Partition]) -> None:
        """Finishes the commit that was begun, and gives up the rest of these partitions."""
        _log.info("partitions_revoked", partitions=[str(partition) for partition in partitions])
        self._finish(self._leaving or self._new_deadline())
        self._let_go(frozenset(partitions))

    def on_lost(self, partitions: Sequence[Partition]) -> None:
        """Gives up everything of these partitions: another member has them already."""
        _log.warning("partitions_lost", partitions=[str(partition) for partition in partitions])
        self._let_go(frozenset(partitions))

    def _let_go(self, partitions: frozenset[Partition]) -> None:
        self._ownership.remove(partitions)
        if self._pending_commit is not None:
            self._give_back()
        self._parts.intake.drop(partitions)
        released = [partition for partition in partitions if partition.topic == self._topics.labels]
        self._parts.labels.release(released)
        self._parts.documents.release(_numbers(released))
        self._committed.forget(partitions)
        self._parts.rewinds.forget(partitions)

    def _give_back(self) -> None:
        """Gives up the commit that was begun. It may have been published all the same: all labels are read again."""
        if self._pending_commit is not None:
            self._parts.intake.give_back(self._pending_commit)
            self._pending_commit = None
        self._parts.publisher.in_doubt = True
        self._ownership.reload()
        self._reloading = True

    # The steps of a turn.

    def _poll(self, timeout_seconds: float) -> None:
        """Polls records into the intake; what comes again takes the place of what was read before."""
        records, rewound = self._parts.rewinds.sift(self._parts.consumer.poll(MAX_RECORDS, timeout_seconds))
        if rewound:
            self._give_back()
            self._parts.intake.drop_from(rewound)
        self._parts.intake.add(records)

    def _load(self) -> None:
        """Starts to read the labels and the documents of newly assigned partitions.

        The group's offsets are asked for first: Kafka answers only when no transaction is open on them. What such a
        transaction wrote then stands before the end that is asked for next, so labels and offsets belong together.

        Raises:
            Retryable: nothing has begun.
        """
        shared = self._parts.partition_counts.shared
        to_load = frozenset(partition for partition in self._ownership.to_load if partition.number < shared)
        if not to_load or not self._parts.publisher.prepare():
            return
        committed = self._parts.start_offsets.committed(self._ownership.followed | self._ownership.consumed)
        self._parts.documents.own(_numbers(to_load))
        ends = self._parts.labels.load(to_load)
        self._parts.intake.check_labels_of(_numbers(to_load))
        self._committed.start_from(committed)
        self._parts.rewinds.start_from(committed)
        self._parts.intake.drop_before(committed)
        self._ownership.begin_loading(ends)
        self._parts.publisher.in_doubt = False

    def _follow(self, timeout_seconds: float) -> None:
        """Reads on in the labels and the documents."""
        self._parts.labels.poll(self._ownership.ends_to_load, timeout_seconds)
        self._parts.documents.poll(timeout_seconds)

    def _behind(self) -> frozenset[Partition]:
        """Returns the partitions whose labels or documents are not read to where they ended."""
        ends, loading = self._ownership.ends_to_load, self._parts.documents.loading
        unread = self._parts.labels.behind(ends)
        return frozenset(partition for partition in ends if partition in unread or partition.number in loading)

    def _advance(self) -> bool:
        """Builds a commit, unless one is pending, and tries to publish it; returns whether it was published."""
        if self._reloading or not self._parts.publisher.may_publish or not self._parts.partition_counts.shared:
            return False
        if self._pending_commit is None:
            self._pending_commit = self._next_commit()
        if self._pending_commit is None:
            self._commit_progress()
            return False
        return self._publish()

    def _next_commit(self) -> FeedbackCommit | None:
        self._parts.writer.open()
        commit = self._parts.intake.next_commit(self._ready)
        if commit is not None and not commit.transaction.outgoing:
            # Known or older verdicts only: their offsets are committed by the next progress.
            self._count(commit)
            return None
        return commit

    def _publish(self) -> bool:
        """Tries to publish the pending commit; returns whether it was.

        Raises:
            Stop: the broker refuses it for good.
        """
        commit = self._pending_commit
        if commit is None:
            return False
        try:
            if not self._parts.publisher.publish(commit.transaction.outgoing, commit.offsets):
                return False
        except Fenced:
            self._give_back()
            return False
        except TooLarge as error:
            self._parts.processor.replace_too_large(error, commit.transaction)
            return False
        self._pending_commit = None
        self._committed.advance(commit.offsets)
        self._parts.labels.apply(commit.transaction.changes)
        self._count(commit)
        return True

    def _commit_progress(self, *, at_once: bool = False) -> None:
        """Commits, every second, positions past records that changed nothing and past transaction markers.

        Without it the group's lag would not read 0 when everything is done.
        """
        if not (at_once or self._committed.is_progress_due):
            return
        self._committed.delay_progress()
        ahead = self._committed.ahead(self._ownership.idle_positions(self._parts.intake.partitions))
        if ahead:
            self._pending_commit = self._parts.intake.commit_of_offsets(ahead)
            self._publish()

    def _finish(self, deadline: Deadline) -> None:
        """Tries to publish the pending commit, until the deadline."""
        publisher = self._parts.publisher
        with publisher.until(deadline):
            while self._pending_commit is not None and not deadline.has_passed and not publisher.in_doubt:
                if not (publisher.may_publish and self._publish()):
                    self._clock.sleep(min(_IDLE_POLL, deadline.seconds_left))

    def _wait(self, error: Retryable) -> None:
        """Waits a moment before the next turn asks again; a documents topic that was replaced is read anew."""
        if isinstance(error, DocumentsReplaced):
            self._parts.documents.start_over()
            self._ownership.reload()
        if isinstance(error, TranslatorUnavailable):
            self._unavailable = error.detail
        else:
            _log.warning("feedback_waits_for_kafka", detail=str(error))
        self._parts.health.beat()
        self._clock.sleep(_IDLE_POLL)

    def _new_deadline(self) -> Deadline:
        return Deadline(self._clock, self._settings.drain_seconds)

    # What the steps go by, and what the probes are told.

    @property
    def _ready(self) -> frozenset[int]:
        """Numbers of the partitions whose labels and documents have been read."""
        return _numbers(self._ownership.followed - self._ownership.to_load - self._ownership.ends_to_load.keys())

    @property
    def _without_partner(self) -> frozenset[Partition]:
        """Partitions whose number not all topics have."""
        shared = self._parts.partition_counts.shared
        return frozenset(partition for partition in self._ownership.consumed if partition.number >= shared)

    def _count(self, commit: FeedbackCommit) -> None:
        self._parts.intake.count(commit.transaction)
        self._parts.reporter.published(commit.transaction)

    def _waiting_for(self) -> str:
        if not self._ownership.followed:
            return "partitions"
        if self._unavailable or (self._ownership.is_ready and not self._without_partner):
            return self._unavailable
        return self._parts.partition_counts.differing or "labels and documents"


def _numbers(partitions: Iterable[Partition]) -> frozenset[int]:
    return frozenset(partition.number for partition in partitions)
