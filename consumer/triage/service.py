"""The loop of the triage stream: one thread, one transaction at a time.

    poll -> backlogs (tickets; outcomes) -> Draft (Desk) -> Attempts (Publisher) -> Store
                                              deadlines ──^

What a transaction publishes, the states it leaves and the offsets it consumed are visible together or not at all, so
a ticket's state is always that of exactly the records that were consumed. Without transactions it is written in that
order: what is published may then be published again, with the same ids, and nothing is lost.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import structlog

from consumer.attempts import Attempts
from consumer.backlog import Backlog
from consumer.broker import GroupConsumer, Outgoing, Partition, Record
from consumer.circuit import Circuit
from consumer.clock import Clock, Deadline
from consumer.errors import Fenced, Retryable
from consumer.health import Health
from consumer.ownership import Ownership
from consumer.settings import Settings
from consumer.triage.desk import Desk
from consumer.triage.draft import Draft
from consumer.triage.metrics import TriageMetrics
from consumer.triage.state import decode_state
from consumer.triage.store import Store
from schemas.playbook import Playbook

_log = structlog.get_logger(__name__)

# Seconds.
_IDLE_POLL = 0.1
_BUSY_WAIT = 0.02
_COMMITTED_TIMEOUT = 5.0
_PROGRESS_EVERY = 1.0
# Records and deadlines of one transaction.
_MAX_RECORDS = 1_000
_MAX_DUE = 200


@dataclass(frozen=True, slots=True)
class Collaborators:
    """What the loop works with; wired by `consumer.triage.bootstrap`."""

    consumer: GroupConsumer
    attempts: Attempts
    store: Store
    desk: Desk
    playbook: Playbook
    circuit: Circuit
    metrics: TriageMetrics
    health: Health
    clock: Clock


@dataclass(frozen=True, slots=True)
class _Attempt:
    """A draft on its way, and the records that it takes, to be given back if it does not arrive."""

    draft: Draft
    tickets: tuple[Record, ...]
    outcomes: tuple[Record, ...]
    states: tuple[Outgoing, ...]
    offsets: Mapping[Partition, int]


class TriageService:
    """A member of the triage group. `run` is its whole life; the rebalance listener is part of the same thread."""

    def __init__(self, parts: Collaborators, settings: Settings) -> None:
        self._parts = parts
        self._settings = settings
        self._clock = parts.clock
        self._topics = settings.topics
        self._ownership = Ownership(parts.consumer, settings.topics.triage_state)
        chunk = settings.chunk
        self._tickets, self._outcomes = (
            Backlog(max_records=chunk.backlog_records, max_bytes=chunk.backlog_bytes, clock=parts.clock)
            for _ in range(2)
        )
        self._attempt: _Attempt | None = None
        self._committed: dict[Partition, int] = {}
        self._progress_at = 0.0
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
        self._parts.consumer.subscribe(list(self._topics.triaged), self)

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
        waits = loads or self._attempt is not None or self._has_work
        self._add(self._parts.consumer.poll(_MAX_RECORDS, 0.0 if waits else _IDLE_POLL))
        self._load()
        store.poll(ownership.ends_to_load, _IDLE_POLL if loads else 0.0)
        ownership.update(store.behind(ownership.ends_to_load), self._tickets.full_topics | self._outcomes.full_topics)
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
        self._ownership.assigned(partitions)

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
        self._ownership.removed(partitions)
        if self._attempt is not None:
            self._give_back()
        self._tickets.drop(partitions)
        self._outcomes.drop(partitions)
        self._parts.store.release(at for at in partitions if at.topic == self._topics.triage_state)
        for partition in partitions:
            self._committed.pop(partition, None)

    def _give_back(self) -> None:
        """Give up the attempt; it may have been published all the same, so all state is read again."""
        if self._attempt is not None:
            self._tickets.give_back(self._attempt.tickets)
            self._outcomes.give_back(self._attempt.outcomes)
            self._attempt = None
        self._parts.attempts.in_doubt = True
        self._ownership.reload()
        self._reloading = True

    # The steps of a turn.

    @property
    def _has_work(self) -> bool:
        room = self._settings.triage.max_open_tickets - self._parts.store.open
        return not self._reloading and bool(len(self._outcomes) or (len(self._tickets) and room > 0))

    def _add(self, records: Sequence[Record]) -> None:
        is_ticket = [record.partition.topic == self._topics.tickets for record in records]
        self._tickets.add(record for record, is_one in zip(records, is_ticket, strict=True) if is_one)
        self._outcomes.add(record for record, is_one in zip(records, is_ticket, strict=True) if not is_one)

    def _load(self) -> None:
        """Begin to read the state of what was newly assigned.

        The group's offsets come first: they wait for transactions on their way. What such a transaction wrote is then
        before the end that is asked for next, so state and offsets belong together.
        """
        to_load = self._ownership.to_load
        if not to_load:
            return
        try:
            owned = self._ownership.followed | self._ownership.asked
            committed = self._parts.consumer.committed(owned, _COMMITTED_TIMEOUT)
            ends = self._parts.store.load(to_load)
        except Retryable as error:
            _log.warning("state_waits_for_kafka", detail=str(error))
            self._clock.sleep(_IDLE_POLL)
            return
        self._committed.update({partition: offset or 0 for partition, offset in committed.items()})
        self._tickets.drop_before(committed)
        self._outcomes.drop_before(committed)
        self._ownership.loading(ends)
        self._parts.attempts.in_doubt = False

    def _advance(self) -> bool:
        """Make a transaction of what is there, if none is on its way, and try to publish it; whether it was."""
        if self._reloading or not self._parts.attempts.may_publish:
            return False
        if self._attempt is None:
            self._attempt = self._of_deadlines() or self._of_records()
        if self._attempt is None:
            self._commit_progress()
            return False
        return self._publish()

    def _of_deadlines(self) -> _Attempt | None:
        now_ms = self._clock.now_ms()
        due = self._parts.store.due(self._ready, now_ms, _MAX_DUE)
        if not due:
            return None
        try:
            # They consume nothing. What is committed is where the state partitions ended: every transaction moves that
            # on, so it tells whether this one was committed, should that be in doubt.
            ends = self._parts.store.ends({Partition(self._topics.triage_state, number) for number, _ in due})
        except Retryable as error:
            _log.warning("deadlines_wait_for_kafka", detail=str(error))
            return None
        draft = Draft(self._parts.store, self._parts.playbook)
        for number, key in due:
            value = self._parts.store.get(number, key)
            if value is not None:
                self._parts.desk.due(number, decode_state(value).ticket_id, draft)
        draft.offsets.update(ends)
        return self._attempt_of(draft)

    def _of_records(self) -> _Attempt | None:
        room = self._settings.triage.max_open_tickets - self._parts.store.open
        outcomes = tuple(self._outcomes.take(_MAX_RECORDS))
        tickets = tuple(self._tickets.take(max(0, min(room, _MAX_RECORDS))))
        if not outcomes and not tickets:
            return None
        draft = Draft(self._parts.store, self._parts.playbook)
        for record in (*outcomes, *tickets):
            self._parts.desk.take(record, draft)
        self._parts.desk.finish(draft)
        draft.done((*outcomes, *tickets))
        if draft.is_empty:
            # Other programs' answers, or what was known: the offsets go with the next progress.
            self._count(draft)
            return None
        self._parts.circuit.judge(draft.judged)
        return self._attempt_of(draft, tickets, outcomes)

    def _attempt_of(
        self, draft: Draft, tickets: tuple[Record, ...] = (), outcomes: tuple[Record, ...] = ()
    ) -> _Attempt:
        states = tuple(draft.state_records(self._topics.triage_state))
        return _Attempt(draft, tickets, outcomes, states, dict(draft.offsets))

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
        self._committed.update(attempt.offsets)
        self._progress_at = self._clock.monotonic() + _PROGRESS_EVERY
        self._parts.store.apply(attempt.draft.changes)
        self._count(attempt.draft)
        return True

    def _commit_progress(self, *, at_once: bool = False) -> None:
        """Now and then, positions past what changed nothing and past transaction markers, so that the lag reads 0."""
        now = self._clock.monotonic()
        if now < self._progress_at and not at_once:
            return
        self._progress_at = now + _PROGRESS_EVERY
        waiting = self._tickets.partitions | self._outcomes.partitions
        ahead = {
            partition: position
            for partition in self._ownership.asked - waiting
            if (position := self._parts.consumer.position(partition)) is not None
            and position > self._committed.get(partition, position)
        }
        if ahead:
            self._attempt = _Attempt(Draft(self._parts.store, self._parts.playbook), (), (), (), ahead)
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

    def _count(self, draft: Draft) -> None:
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
