"""The loop of the triage stream: one thread, one transaction at a time.

    poll -> TriageIntake (TicketProcessor) -> PacedPublisher (Publisher) -> StateStore

A transaction holds what is published, the new states and the consumed offsets. They become visible together or not at
all, so a ticket's state is always that of exactly the records that were consumed. Without transactions they are
written in that order: after a failure records may be published again, with the same ids, and nothing is lost.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence

import structlog

from spanstream.consumer.broker.protocols import Partition
from spanstream.consumer.clock import Deadline
from spanstream.consumer.delivery.committed_offsets import CommittedOffsets
from spanstream.consumer.delivery.ownership import Ownership
from spanstream.consumer.errors import Fenced, Retryable, TooLarge
from spanstream.consumer.formats.translator import TranslatorUnavailable
from spanstream.consumer.settings import Settings
from spanstream.consumer.triage.intake import MAX_RECORDS, TriageCommit
from spanstream.consumer.triage.parts import TriageParts
from spanstream.consumer.triage.state.transaction import TriageTransaction

_log = structlog.get_logger(__name__)

# Seconds.
_IDLE_POLL = 0.1
_BUSY_WAIT = 0.02


class TriageService:
    """A member of the triage group. `run` is its whole life; the rebalance listener runs in the same thread."""

    def __init__(self, parts: TriageParts, settings: Settings) -> None:
        self._parts = parts
        self._settings = settings
        self._clock = parts.clock
        self._topics = settings.topics
        self._ownership = Ownership(parts.consumer, settings.topics.triage_state)
        self._pending_commit: TriageCommit | None = None
        self._committed = CommittedOffsets(parts.clock)
        # Set when it is not known whether a commit was made: nothing is done before all owned state is read again.
        self._reloading = False
        self._unavailable = ""  # what the writer waits for
        # Set when the member is to leave: what is begun ends by then, in `close` too.
        self._leaving: Deadline | None = None

    def run(self, stop: threading.Event) -> None:
        """Triages tickets until `stop` is set; then finishes what was begun, within `drain_seconds`.

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
        self._parts.consumer.subscribe(list(self._topics.consumed_by_triage), self)

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
        self._parts.store.close()

    def turn(self) -> None:
        """Goes once around: does what can be done now, and waits a moment at most."""
        store, ownership = self._parts.store, self._ownership
        is_loading = bool(ownership.to_load or ownership.ends_to_load)
        can_work = self._pending_commit is not None or (self._parts.intake.has_work and not self._reloading)
        is_busy = is_loading or can_work
        self._poll(0.0 if is_busy else _IDLE_POLL)
        self._load()
        self._parts.partition_counts.compare()
        self._parts.health.beat()  # each of the questions above may have waited for Kafka
        store.poll(ownership.ends_to_load, _IDLE_POLL if is_loading else 0.0)
        ownership.update(store.behind(ownership.ends_to_load), self._parts.intake.full_topics, self._without_partner)
        self._reloading = self._reloading and bool(ownership.to_load or ownership.ends_to_load)
        if not self._advance() and is_busy and not is_loading:
            # Nothing was published: the pause after a failure, or work that changed nothing. Do not spin.
            self._clock.sleep(_BUSY_WAIT)
        self._parts.health.turned(self._waiting_for())
        self._parts.reporter.turned(self._ownership)

    # Rebalance listener: called from inside poll and close.

    def on_assigned(self, partitions: Sequence[Partition]) -> None:
        """Takes partitions over; their records are fetched once their state is read."""
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
        state_topic = self._topics.triage_state
        self._parts.store.release(partition for partition in partitions if partition.topic == state_topic)
        self._committed.forget(partitions)
        self._parts.rewinds.forget(partitions)

    def _give_back(self) -> None:
        """Gives up the commit that was begun. It may have been published all the same, so all state is read again."""
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
        """Starts to read the state of newly assigned partitions.

        The group's offsets are asked for first: Kafka answers only when no transaction is open on them. What such a
        transaction wrote then stands before the end that is asked for next, so state and offsets belong together.
        """
        to_load = self._ownership.to_load
        if not to_load or not self._parts.publisher.prepare():
            return
        try:
            owned = self._ownership.followed | self._ownership.consumed
            committed = self._parts.start_offsets.committed(owned)
            ends = self._parts.store.load(to_load)
        except Retryable as error:
            _log.warning("state_waits_for_kafka", detail=str(error))
            self._clock.sleep(_IDLE_POLL)
            return
        self._committed.start_from(committed)
        self._parts.rewinds.start_from(committed)
        self._parts.intake.drop_before(committed)
        self._ownership.begin_loading(ends)
        self._parts.publisher.in_doubt = False

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

    def _next_commit(self) -> TriageCommit | None:
        intake, self._unavailable = self._parts.intake, ""
        try:
            self._parts.writer.open()
            commit = intake.next_commit(self._ready, self._positions)
        except TranslatorUnavailable as error:
            self._unavailable = error.detail
            return None
        except Retryable as error:
            _log.warning("state_waits_for_kafka", detail=str(error))
            return None
        if commit is not None and commit.transaction.is_empty:
            # Only other programs' records, or known ones: their offsets are committed by the next progress.
            self._count(commit.transaction)
            return None
        return commit

    def _publish(self) -> bool:
        """Tries to publish the pending commit; returns whether it was.

        Raises:
            Stop: the broker refuses it for good.
        """
        commit, publisher = self._pending_commit, self._parts.publisher
        if commit is None:
            return False
        outgoing = commit.transaction.outgoing
        try:
            if self._settings.kafka.transactions:
                is_published = publisher.publish([*outgoing, *commit.states], commit.offsets)
            else:
                is_published = publisher.publish(outgoing, {}) and publisher.publish(commit.states, commit.offsets)
        except Fenced:
            self._give_back()
            return False
        except TooLarge as error:
            if not commit.transaction.replace_by_smaller(error):
                self._parts.intake.refuse_for_size(commit, error)
                self._pending_commit = None
            return False
        if not is_published:
            return False
        self._pending_commit = None
        self._committed.advance(commit.offsets)
        self._parts.store.apply(commit.transaction.changes)
        self._count(commit.transaction)
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

    def _new_deadline(self) -> Deadline:
        return Deadline(self._clock, self._settings.drain_seconds)

    # What the steps go by, and what the probes are told.

    @property
    def _ready(self) -> frozenset[int]:
        """Numbers of the partitions whose state has been read."""
        loading = self._ownership.to_load | self._ownership.ends_to_load.keys()
        return frozenset(partition.number for partition in self._ownership.followed - loading)

    @property
    def _positions(self) -> dict[Partition, int]:
        """Up to where the consumed partitions are read; their committed offsets where nothing came yet."""
        position = self._parts.consumer.position
        return {
            partition: position(partition) or self._committed.of(partition) for partition in self._ownership.consumed
        }

    @property
    def _without_partner(self) -> frozenset[Partition]:
        """Partitions whose number not all topics have; their questions would have no place, or their answers."""
        shared = self._parts.partition_counts.shared
        return frozenset(partition for partition in self._ownership.consumed if partition.number >= shared)

    def _count(self, transaction: TriageTransaction) -> None:
        self._parts.intake.count(transaction)
        self._parts.reporter.published(transaction)

    def _waiting_for(self) -> str:
        if not self._ownership.followed:
            return "partitions"
        if self._ownership.is_ready and not self._without_partner:
            return self._unavailable or self._parts.intake.waiting_for
        return self._parts.partition_counts.differing or "state"
