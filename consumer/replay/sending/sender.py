"""Sends the selected dead letters in batches. A kill at any moment neither loses nor duplicates a record.

    take over ── read the ledger ── read dead letters ── batch ── one transaction: records + ledger entries + offsets
        ^                                                              │
        └──────── the commit's outcome is unknown: start again, the ledger has it ────────┘

A lost reply and a kill are recovered in the same way. The run takes over the transactional id: the broker then commits
or aborts the open transaction and fences the earlier producer. Then it reads the ledger. A run writes its own entry
there before it sends anything: so one that is fenced sees the later run, whatever error it got, and takes over no more.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import islice
from typing import Protocol

import structlog

from spanstream.consumer.broker.protocols import Outgoing, Partition, ProgressPublisher
from spanstream.consumer.clock import Clock, Deadline, to_datetime
from spanstream.consumer.errors import Fenced, Retryable, Stop
from spanstream.consumer.replay.ledger import Ledger, LedgerEntries
from spanstream.consumer.replay.letters.letter import LetterState, SeenLetter
from spanstream.consumer.replay.letters.selection import Selection
from spanstream.consumer.replay.manifests.manifest import BatchState
from spanstream.consumer.replay.planning.destinations import size_of
from spanstream.consumer.replay.planning.planner import Planner, ReplayOutcome, Step
from spanstream.consumer.replay.sending.counts import ReplayCounts
from spanstream.consumer.replay.sending.progress import ReplayProgress
from spanstream.consumer.replay.sending.rate_limiter import RateLimiter
from spanstream.consumer.replay.snapshot import SnapshotOpener, TopicSnapshot
from spanstream.consumer.tracing.tracing import OFF, Processed, Tracing

Interrupted = Callable[[], bool]
"""Returns whether to stop after the batch in flight."""

_log = structlog.get_logger(__name__)

_BATCH_BYTES = 4 << 20
_PAUSE_SECONDS = 1.0
# Obsolete ledger entries that a run deletes, all in its first transaction.
_MAX_TOMBSTONES = 10_000
_SETTLED = {ReplayOutcome.REPLAYED: LetterState.REPLAYED, ReplayOutcome.PARKED: LetterState.PARKED}


class RunLog(Protocol):
    """Where a run writes down what it does; `manifest.ManifestWriter` is one."""

    def begin_batch(self, steps: Sequence[Step]) -> None:
        """Writes down what is about to be sent."""

    def end_batch(self, state: BatchState) -> None:
        """Writes down whether it was committed."""

    def refuse(self, step: Step) -> None:
        """Writes down a dead letter that is not sent."""


@dataclass(slots=True)
class ReplayRun:
    """Sends the selected dead letters of one topic.

    Attributes:
        opener: opens the dead-letter topic and its ledger.
        open_publisher: opens a publisher; it is used until something fails.
        ends: where the dead-letter topic ended when the run began; records that fail again later are for the next run.
        selection: which dead letters to send.
        planner: decides what is done with each.
        entries: makes the ledger's entries.
        run_log: gets every batch before and after it is sent.
        rate_limiter: limits the records a second.
        clock: gives the times that are written down, and measures `patience_seconds`.
        on_progress: called with the counts after each batch.
        interrupted: asked whether to stop after the batch in flight.
        batch: the most records of a batch.
        limit: the most records to send in all.
        patience_seconds: how long Kafka may fail before the run gives up.
        tracing: follows the dead letters that are sent.
    """

    opener: SnapshotOpener
    open_publisher: Callable[[], ProgressPublisher]
    ends: Mapping[Partition, int]
    selection: Selection
    planner: Planner
    entries: LedgerEntries
    run_log: RunLog
    rate_limiter: RateLimiter
    clock: Clock
    on_progress: Callable[[ReplayCounts], None]
    interrupted: Interrupted
    batch: int
    limit: int | None
    patience_seconds: float
    tracing: Tracing = OFF
    counts: ReplayCounts = field(default_factory=ReplayCounts)
    _in_flight: list[Step] = field(default_factory=list)
    _refused: set[str] = field(default_factory=set)
    _earlier_runs: frozenset[str] | None = None  # the runs in the ledger when this one began

    def run(self) -> ReplayCounts:
        """Sends the selected dead letters.

        Raises:
            Stop: another run took over, Kafka refuses, or it failed for longer than `patience_seconds`.
        """
        patience = Deadline(self.clock, self.patience_seconds)
        while True:
            sent = self.counts.sent
            try:
                self._session()
            except Fenced as error:
                self._resolve_after_takeover()
                raise Stop(
                    f"another replay of this topic took over after {self.counts.sent} records of this one"
                ) from error
            except Retryable as error:
                if self.counts.sent > sent:
                    patience = Deadline(self.clock, self.patience_seconds)
                elif patience.has_passed:
                    raise Stop(f"{error}; given up after {self.counts.sent} records, run it again to go on") from error
                _log.warning("replay_begins_anew", detail=str(error), sent=self.counts.sent)
                self.clock.sleep(_PAUSE_SECONDS)
            else:
                return self.counts

    def _session(self) -> None:
        """Takes over and sends, to the end or to the first failure."""
        publisher = self.open_publisher()
        try:
            if self._earlier_runs is not None:
                self._check_not_replaced(self._earlier_runs)
            publisher.take_over()
            snapshot = self.opener.open(ends=self.ends)
            if self._earlier_runs is None:
                self._earlier_runs = snapshot.ledger.runs
            self._resolve_in_flight(snapshot.ledger)
            if not self._is_done:
                _SendingSession(self, publisher, snapshot).run()
        finally:
            publisher.close()

    def _check_not_replaced(self, earlier_runs: frozenset[str]) -> None:
        """Checks in the ledger that no later run took over; the broker does not always report that as fencing.

        Raises:
            Fenced: a later run took over.
        """
        ledger = self.opener.open(ends=self.ends).ledger
        if ledger.runs - earlier_runs - {self.entries.run}:
            self._resolve_in_flight(ledger)  # the takeover committed or aborted the batch
            raise Fenced("a later run is in the ledger")

    def _resolve_after_takeover(self) -> None:
        """Finds out whether the batch was committed in which this run was fenced: the reply may just have been lost.

        Where Kafka does not answer, the manifest leaves it undecided, and the topics decide it.
        """
        if self._in_flight:
            with suppress(Retryable, Stop):
                self._resolve_in_flight(self.opener.open(ends=self.ends).ledger)

    def _resolve_in_flight(self, ledger: Ledger) -> None:
        """Finds out from the ledger whether the batch in flight was committed."""
        if self._in_flight:
            was_committed = ledger.run_of(self._in_flight[0].letter.record) == self.entries.run
            self.end_batch(BatchState.COMMITTED if was_committed else BatchState.ABORTED)

    @property
    def _is_done(self) -> bool:
        return self.interrupted() or (self.limit is not None and self.counts.sent >= self.limit)

    # Called by the session.

    def begin_batch(self, steps: Sequence[Step]) -> None:
        """Notes the batch that is about to be sent."""
        self.run_log.begin_batch(steps)
        self._in_flight = list(steps)

    def end_batch(self, state: BatchState) -> None:
        """Notes whether the batch in flight was committed."""
        self.run_log.end_batch(state)
        if state is BatchState.COMMITTED:
            self.counts.outcomes.update(step.outcome for step in self._in_flight)
            self.tracing.end(Processed(step.letter.record, step.outcome) for step in self._in_flight)
        self._in_flight = []
        self.on_progress(self.counts)

    def refuse(self, step: Step) -> None:
        """Notes a dead letter that is not sent; only once, even if the run starts again."""
        if step.letter.place not in self._refused:
            self._refused.add(step.letter.place)
            self.counts.outcomes[ReplayOutcome.REFUSED] += 1
            self.counts.refusals[step.why] += 1
            self.run_log.refuse(step)


class _SendingSession:
    """Reads dead letters and sends them with one publisher, until something fails."""

    def __init__(self, replay: ReplayRun, publisher: ProgressPublisher, snapshot: TopicSnapshot) -> None:
        self._replay = replay
        self._publisher = publisher
        self._snapshot = snapshot
        self._progress = ReplayProgress(snapshot.starts)
        self._steps: list[Step] = []
        self._bytes = 0
        self._max_records = replay.rate_limiter.batch_size(replay.batch)

    def run(self) -> None:
        self._announce()
        self._replay.planner.refresh()
        for seen in self._snapshot.letters():
            if self._replay.interrupted():
                break
            self._add(seen)
            if len(self._steps) >= self._max_records or self._bytes >= _BATCH_BYTES:
                self._send()
        else:
            self._progress.finish(self._snapshot.ends)
        if not self._replay.interrupted() or self._steps:
            self._send()

    def _add(self, seen: SeenLetter) -> None:
        record = seen.letter.record
        if seen.state is not LetterState.OPEN:
            self._progress.settled(record)
        elif self._is_limit_reached or not self._replay.selection.matches(*seen):
            self._progress.left_open(record)
        else:
            step = self._replay.planner.plan(seen.letter, seen.attempts)
            if step.outgoing is None:
                self._refuse(step)
            else:
                self._steps.append(step)
                self._bytes += size_of(step.outgoing)
                self._progress.settled(record)

    def _refuse(self, step: Step) -> None:
        self._replay.refuse(step)
        self._progress.left_open(step.letter.record)

    @property
    def _is_limit_reached(self) -> bool:
        limit = self._replay.limit
        return limit is not None and self._replay.counts.sent + len(self._steps) >= limit

    def _send(self) -> None:
        """Sends one transaction; without steps, it commits only the offsets."""
        steps = self._take_steps()
        offsets = self._progress.offsets
        if not steps:
            if offsets != self._snapshot.starts:
                self._publisher.publish([], offsets)
            return
        entries = list(self._ledger_entries(steps))
        self._replay.begin_batch(steps)
        try:
            self._publisher.publish([*(step.outgoing for step in steps if step.outgoing), *entries], offsets)
        except Stop:
            self._replay.end_batch(BatchState.ABORTED)
            raise
        self._snapshot.ledger.apply_entries(entries)
        self._replay.end_batch(BatchState.COMMITTED)

    def _take_steps(self) -> list[Step]:
        """Takes what is to be sent now; what was superseded since it was planned is refused."""
        planned, self._steps, self._bytes = self._steps, [], 0
        if planned:
            self._replay.rate_limiter.wait(len(planned), self._replay.interrupted)
            self._replay.planner.refresh()
        steps = [self._replay.planner.judge_again(step) for step in planned]
        for step in steps:
            if step.outgoing is None:
                self._refuse(step)
        sent, tracing = [step for step in steps if step.outgoing is not None], self._replay.tracing
        tracing.begin(step.letter.record for step in sent)
        return [self._replay.planner.below_span(step, tracing.context(step.letter.record)) for step in sent]

    def _announce(self) -> None:
        """Writes the run's own ledger entry, and tombstones for obsolete entries."""
        entries, ledger = self._replay.entries, self._snapshot.ledger
        if entries.run not in ledger.runs:
            began_at = to_datetime(self._replay.clock.now_ms()).isoformat(timespec="milliseconds")
            tombstones = islice(ledger.tombstones(self._snapshot.begins), _MAX_TOMBSTONES)
            announced = [entries.began(self._snapshot.ends, began_at), *tombstones]
            self._publisher.publish(announced, {})
            ledger.apply_entries(announced)

    def _ledger_entries(self, steps: Sequence[Step]) -> list[Outgoing]:
        entries, ledger, run = self._replay.entries, self._snapshot.ledger, self._replay.entries.run
        records: list[Outgoing] = []
        for step in steps:
            records.append(entries.settled(step.letter.record, _SETTLED[step.outcome]))
            if step.identity is not None:
                records.append(entries.attempts(step.identity, ledger.runs_of(step.identity, step.attempt, run)))
        return records
