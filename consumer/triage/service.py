"""The loop of the triage stream: one thread, one transaction at a time.

    poll -> Inbox (Desk) -> PacedPublisher (Publisher) -> Store

What a transaction publishes, the states it leaves and the offsets it consumed are visible together or not at all, so
a ticket's state is always that of exactly the records that were consumed. Without transactions it is written in that
order: what is published may then be published again, with the same ids, and nothing is lost.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import dataclass

import structlog

from spanstream.consumer.broker.protocols import GroupConsumer, Partition
from spanstream.consumer.clock import Clock, Deadline
from spanstream.consumer.delivery.committed_offsets import CommittedOffsets
from spanstream.consumer.delivery.ownership import Ownership
from spanstream.consumer.delivery.paced_publisher import PacedPublisher
from spanstream.consumer.errors import Fenced, Retryable
from spanstream.consumer.health import Health
from spanstream.consumer.settings import Settings
from spanstream.consumer.triage.inbox import MAX_RECORDS, Inbox, TriageCommit
from spanstream.consumer.triage.metrics import TriageMetrics
from spanstream.consumer.triage.store import StateStore
from spanstream.consumer.triage.transaction import TriageTransaction

_log = structlog.get_logger(__name__)

# Seconds.
_IDLE_POLL = 0.1
_BUSY_WAIT = 0.02
_COMMITTED_TIMEOUT = 5.0


@dataclass(frozen=True, slots=True)
class TriageParts:
    """What the loop works with; wired by `spanstream.consumer.triage.wiring`."""

    consumer: GroupConsumer
    attempts: PacedPublisher
    store: StateStore
    inbox: Inbox
    metrics: TriageMetrics
    health: Health
    clock: Clock


class TriageService:
    """A member of the triage group. `run` is its whole life; the rebalance listener is part of the same thread."""

    def __init__(self, parts: TriageParts, settings: Settings) -> None:
        self._parts = parts
        self._settings = settings
        self._clock = parts.clock
        self._topics = settings.topics
        self._ownership = Ownership(parts.consumer, settings.topics.triage_state)
        self._attempt: TriageCommit | None = None
        self._committed = CommittedOffsets(parts.clock)
        # After a doubt: nothing is worked on before all that is owned has been read again.
        self._reloading = False

    def run(self, stop: threading.Event) -> None:
        """Triage tickets until `stop` is set; what was begun is finished within `drain_seconds`.

        Raises:
            Stop: it cannot go on.
        """
        try:
            self.start()
            while not stop.is_set():
                self.turn()
            self.drain()
        finally:
            self.close()

    def start(self) -> None:
        """Join the group."""
        self._parts.consumer.subscribe(list(self._topics.consumed_by_triage), self)

    def drain(self) -> None:
        """Finish the transaction that was begun, within `drain_seconds`."""
        self._finish(Deadline(self._clock, self._settings.drain_seconds))
        if self._attempt is None:
            self._commit_progress(at_once=True)

    def close(self) -> None:
        """Leave the group and let go; what is not published is the next owner's."""
        self._parts.consumer.close()
        self._parts.attempts.close()
        self._parts.store.close()

    def turn(self) -> None:
        """Once around: everything that can be done now, waiting a moment at most."""
        store, ownership = self._parts.store, self._ownership
        loads = bool(ownership.to_load or ownership.ends_to_load)
        waits = loads or self._attempt is not None or (self._parts.inbox.has_work and not self._reloading)
        self._parts.inbox.add(self._parts.consumer.poll(MAX_RECORDS, 0.0 if waits else _IDLE_POLL))
        self._load()
        store.poll(ownership.ends_to_load, _IDLE_POLL if loads else 0.0)
        ownership.update(store.behind(ownership.ends_to_load), self._parts.inbox.full_topics)
        self._reloading = self._reloading and bool(ownership.to_load or ownership.ends_to_load)
        if not self._advance() and waits and not loads:
            # A pause after a failure, or nothing came of it: there is no hurry.
            self._clock.sleep(_BUSY_WAIT)
        self._parts.health.turned(self._waiting_for())
        self._show()

    # Rebalance listener: called from inside poll and close.

    def on_assigned(self, partitions: Sequence[Partition]) -> None:
        """Own these; their records are fetched once their state is read."""
        _log.info("partitions_assigned", partitions=[str(partition) for partition in partitions])
        self._ownership.add(partitions)

    def on_revoked(self, partitions: Sequence[Partition]) -> None:
        """Finish the transaction that was begun, give up the rest."""
        _log.info("partitions_revoked", partitions=[str(partition) for partition in partitions])
        self._finish(Deadline(self._clock, self._settings.drain_seconds))
        self._let_go(frozenset(partitions))

    def on_lost(self, partitions: Sequence[Partition]) -> None:
        """Give up all of it: another member has them already."""
        _log.warning("partitions_lost", partitions=[str(partition) for partition in partitions])
        self._let_go(frozenset(partitions))

    def _let_go(self, partitions: frozenset[Partition]) -> None:
        self._ownership.remove(partitions)
        if self._attempt is not None:
            self._give_back()
        self._parts.inbox.drop(partitions)
        self._parts.store.release(at for at in partitions if at.topic == self._topics.triage_state)
        self._committed.forget(partitions)

    def _give_back(self) -> None:
        """Give up the attempt; it may have been published all the same, so all state is read again."""
        if self._attempt is not None:
            self._parts.inbox.give_back(self._attempt)
            self._attempt = None
        self._parts.attempts.in_doubt = True
        self._ownership.reload()
        self._reloading = True

    # The steps of a turn.

    def _load(self) -> None:
        """Begin to read the state of what was newly assigned.

        The group's offsets come first: they wait for transactions on their way. What such a transaction wrote is then
        before the end that is asked for next, so state and offsets belong together.
        """
        to_load = self._ownership.to_load
        if not to_load:
            return
        try:
            owned = self._ownership.followed | self._ownership.consumed
            committed = self._parts.consumer.committed(owned, _COMMITTED_TIMEOUT)
            ends = self._parts.store.load(to_load)
        except Retryable as error:
            _log.warning("state_waits_for_kafka", detail=str(error))
            self._clock.sleep(_IDLE_POLL)
            return
        self._committed.start_from(committed)
        self._parts.inbox.drop_before(committed)
        self._ownership.begin_loading(ends)
        self._parts.attempts.in_doubt = False

    def _advance(self) -> bool:
        """Make a transaction of what is there, if none is on its way, and try to publish it; whether it was."""
        if self._reloading or not self._parts.attempts.may_publish:
            return False
        if self._attempt is None:
            self._attempt = self._next_attempt()
        if self._attempt is None:
            self._commit_progress()
            return False
        return self._publish()

    def _next_attempt(self) -> TriageCommit | None:
        inbox = self._parts.inbox
        try:
            attempt = inbox.of_deadlines(self._ready) or inbox.of_records()
        except Retryable as error:
            _log.warning("deadlines_wait_for_kafka", detail=str(error))
            return None
        if attempt is not None and attempt.draft.is_empty:
            # Other programs' answers, or what was known: the offsets go with the next progress.
            self._count(attempt.draft)
            return None
        return attempt

    def _publish(self) -> bool:
        """Whether the attempt is published. Raises `Stop` where the broker refuses it for good."""
        attempt, attempts = self._attempt, self._parts.attempts
        if attempt is None:
            return False
        try:
            if self._settings.kafka.transactions:
                done = attempts.publish([*attempt.draft.outgoing, *attempt.states], attempt.offsets)
            else:
                done = attempts.publish(attempt.draft.outgoing, {}) and attempts.publish(
                    attempt.states, attempt.offsets
                )
        except Fenced:
            self._give_back()
            return False
        if not done:
            return False
        self._attempt = None
        self._committed.advance(attempt.offsets)
        self._parts.store.apply(attempt.draft.changes)
        self._count(attempt.draft)
        return True

    def _commit_progress(self, *, at_once: bool = False) -> None:
        """Now and then, positions past what changed nothing and past transaction markers, so that the lag reads 0."""
        if not (at_once or self._committed.is_progress_due):
            return
        self._committed.delay_progress()
        ahead = self._committed.ahead(self._ownership.idle_positions(self._parts.inbox.partitions))
        if ahead:
            self._attempt = self._parts.inbox.of_progress(ahead)
            self._publish()

    def _finish(self, deadline: Deadline) -> None:
        """Publish the attempt that was begun, until the deadline."""
        while self._attempt is not None and not deadline.has_passed and not self._parts.attempts.in_doubt:
            if not (self._parts.attempts.may_publish and self._publish()):
                self._clock.sleep(min(_IDLE_POLL, deadline.seconds_left))

    # For the probes and metrics.

    @property
    def _ready(self) -> frozenset[int]:
        """Numbers of the partitions whose state is read."""
        loading = self._ownership.to_load | self._ownership.ends_to_load.keys()
        return frozenset(partition.number for partition in self._ownership.followed - loading)

    def _count(self, draft: TriageTransaction) -> None:
        metrics = self._parts.metrics
        for (group, name), number in draft.counts.items():
            metrics.count(group, name, number)
        for age_ms in draft.ages_ms:
            metrics.age.observe(age_ms / 1000)
        if not draft.is_empty:
            counts = {f"{group}_{name}": number for (group, name), number in draft.counts.items() if group != "fields"}
            _log.info("triage_published", states=len(draft.changes), **counts)

    def _show(self) -> None:
        metrics = self._parts.metrics
        metrics.open.set(self._parts.store.open)
        metrics.known.set(self._parts.store.known)
        metrics.partitions.set(len(self._ownership.followed))

    def _waiting_for(self) -> str:
        if not self._ownership.followed:
            return "partitions"
        return "" if self._ownership.is_ready else "state"
