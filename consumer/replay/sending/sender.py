"""Sends the selected dead letters, batch by batch; a kill at any moment neither loses nor doubles a record.

    take over ── read the ledger ── read dead letters ── batch ── one transaction: records + ledger entries + progress
        ^                                                                       │
        └───────── it is not known whether it was committed: begin anew, the ledger says ──────────┘

There is one way to recover, from a lost reply as from a kill: take the transactional id over, which settles what was
left and fences whoever still sends, and read the ledger. A run announces itself there before it sends anything, so one
that finds a later one does not take back what was taken from it, whatever error it was told.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import Protocol

import structlog

from spanstream.consumer.broker.protocols import Outgoing, Partition, ProgressPublisher
from spanstream.consumer.clock import Clock, Deadline, to_datetime
from spanstream.consumer.errors import Fenced, Retryable, Stop
from spanstream.consumer.replay.letters.ledger import Entries, Ledger
from spanstream.consumer.replay.letters.selection import LetterState, Selection
from spanstream.consumer.replay.letters.view import SeenLetter, SnapshotOpener, TopicSnapshot
from spanstream.consumer.replay.sending.destinations import size_of
from spanstream.consumer.replay.sending.manifest import BatchState
from spanstream.consumer.replay.sending.pace import Pace
from spanstream.consumer.replay.sending.plan import Planner, ReplayOutcome, Step
from spanstream.consumer.replay.sending.progress import ReplayProgress

Interrupted = Callable[[], bool]
"""Whether to end after the batch that is on its way."""

_log = structlog.get_logger(__name__)

_BATCH_BYTES = 4 << 20
_PAUSE_SECONDS = 1.0
# Entries of the ledger that a run takes out, all in its first transaction.
_FORGOTTEN_AT_A_TIME = 10_000
_SETTLED = {ReplayOutcome.REPLAYED: LetterState.REPLAYED, ReplayOutcome.PARKED: LetterState.PARKED}


class RunLog(Protocol):
    """What is written down about a run; `manifest.ManifestWriter`."""

    def intend(self, steps: Sequence[Step]) -> None:
        """What is about to be sent."""

    def settle(self, state: BatchState) -> None:
        """What became of it."""

    def refuse(self, step: Step) -> None:
        """A record that stays where it is."""


@dataclass(slots=True)
class ReplayCounts:
    """How far a run has come: records whose transaction is committed, and those that were left with a reason."""

    outcomes: Counter[ReplayOutcome] = field(default_factory=Counter)
    refusals: Counter[str] = field(default_factory=Counter)

    @property
    def sent(self) -> int:
        """Replayed or parked."""
        return self.outcomes[ReplayOutcome.REPLAYED] + self.outcomes[ReplayOutcome.PARKED]


@dataclass(slots=True)
class ReplayRun:
    """One run.

    Attributes:
        opener: opens the dead-letter topic and its ledger.
        publish: makes a publisher; one is used until something fails.
        ends: where the dead-letter topic ended when the run began: what fails again meanwhile is the next run's.
        selection: which dead letters.
        planner: what to do with each.
        entries: makes the ledger's entries.
        books: told of every batch.
        pace: how fast.
        clock: for what is written down, and patience.
        watch: told how far it is.
        interrupted: asked whether to end after the batch that is on its way.
        batch: records of a batch, at most.
        limit: records to send in all, at most.
        patience_seconds: how long Kafka may fail before this gives up.
    """

    opener: SnapshotOpener
    publish: Callable[[], ProgressPublisher]
    ends: Mapping[Partition, int]
    selection: Selection
    planner: Planner
    entries: Entries
    books: RunLog
    pace: Pace
    clock: Clock
    watch: Callable[[ReplayCounts], None]
    interrupted: Interrupted
    batch: int
    limit: int | None
    patience_seconds: float
    tally: ReplayCounts = field(default_factory=ReplayCounts)
    _unknown: list[Step] = field(default_factory=list)
    _refused: set[str] = field(default_factory=set)
    _earlier: frozenset[str] | None = None  # the runs that the ledger knew when this one began

    def run(self) -> ReplayCounts:
        """Send what is selected.

        Raises:
            Stop: another run took over, Kafka refuses, or it failed for longer than patience lasts.
        """
        patience = Deadline(self.clock, self.patience_seconds)
        while True:
            sent = self.tally.sent
            try:
                self._session()
            except Fenced as error:
                raise Stop(
                    f"another replay of this topic took over after {self.tally.sent} records of this one"
                ) from error
            except Retryable as error:
                if self.tally.sent > sent:
                    patience = Deadline(self.clock, self.patience_seconds)
                elif patience.has_passed:
                    raise Stop(f"{error}; given up after {self.tally.sent} records, run it again to go on") from error
                _log.warning("replay_begins_anew", detail=str(error), sent=self.tally.sent)
                self.clock.sleep(_PAUSE_SECONDS)
            else:
                return self.tally

    def _session(self) -> None:
        """From taking over to the end, or to the first failure."""
        publisher = self.publish()
        try:
            if self._earlier is not None:
                self._check_holder(self._earlier)
            publisher.take_over()
            view = self.opener.open(ends=self.ends)
            if self._earlier is None:
                self._earlier = view.ledger.runs
            self._learn(view.ledger)
            if not self._is_done:
                _Session(self, publisher, view).run()
        finally:
            publisher.close()

    def _check_holder(self, earlier: frozenset[str]) -> None:
        """Whether a later run took over meanwhile; the broker does not always say so to who is in the middle of it.

        Raises:
            Fenced: one did.
        """
        ledger = self.opener.open(ends=self.ends).ledger
        if ledger.runs - earlier - {self.entries.run}:
            self._learn(ledger)  # taking over has settled it
            raise Fenced("a later run is in the ledger")

    def _learn(self, ledger: Ledger) -> None:
        """What became of the batch whose commit was not answered."""
        if self._unknown:
            was_committed = ledger.run_of(self._unknown[0].letter.record) == self.entries.run
            self.settle(BatchState.COMMITTED if was_committed else BatchState.ABORTED)

    @property
    def _is_done(self) -> bool:
        return self.interrupted() or (self.limit is not None and self.tally.sent >= self.limit)

    # What a session does on the run's behalf.

    def expect(self, steps: Sequence[Step]) -> None:
        """These are about to be sent."""
        self.books.intend(steps)
        self._unknown = list(steps)

    def settle(self, state: BatchState) -> None:
        """This became of them."""
        self.books.settle(state)
        if state is BatchState.COMMITTED:
            self.tally.outcomes.update(step.outcome for step in self._unknown)
        self._unknown = []
        self.watch(self.tally)

    def refuse(self, step: Step) -> None:
        """This one stays, with a reason; told once, whatever begins anew."""
        if step.letter.place not in self._refused:
            self._refused.add(step.letter.place)
            self.tally.outcomes[ReplayOutcome.REFUSED] += 1
            self.tally.refusals[step.why] += 1
            self.books.refuse(step)


class _Session:
    """Reads and sends, until something fails."""

    def __init__(self, replay: ReplayRun, publisher: ProgressPublisher, view: TopicSnapshot) -> None:
        self._replay = replay
        self._publisher = publisher
        self._view = view
        self._progress = ReplayProgress(view.starts)
        self._steps: list[Step] = []
        self._bytes = 0
        self._most = replay.pace.most(replay.batch)

    def run(self) -> None:
        self._announce()
        for seen in self._view.letters():
            if self._replay.interrupted():
                break
            self._take(seen)
            if len(self._steps) >= self._most or self._bytes >= _BATCH_BYTES:
                self._send()
        else:
            self._progress.finish(self._view.ends)
        if not self._replay.interrupted() or self._steps:
            self._send()

    def _take(self, seen: SeenLetter) -> None:
        record = seen.letter.record
        if seen.state is not LetterState.OPEN:
            self._progress.settled(record)
        elif self._is_enough or not self._replay.selection.takes(*seen):
            self._progress.left(record)
        else:
            step = self._replay.planner.plan(seen.letter, seen.attempts)
            if step.outgoing is None:
                self._replay.refuse(step)
                self._progress.left(record)
            else:
                self._steps.append(step)
                self._bytes += size_of(step.outgoing)
                self._progress.settled(record)

    @property
    def _is_enough(self) -> bool:
        limit = self._replay.limit
        return limit is not None and self._replay.tally.sent + len(self._steps) >= limit

    def _send(self) -> None:
        """One transaction; without steps, of the progress alone."""
        steps, self._steps, self._bytes = self._steps, [], 0
        offsets = self._progress.offsets
        if not steps:
            if offsets != self._view.starts:
                self._publisher.publish([], offsets)
            return
        self._replay.pace.wait(len(steps), self._replay.interrupted)
        entries = list(self._entries(steps))
        self._replay.expect(steps)
        try:
            self._publisher.publish([*(step.outgoing for step in steps if step.outgoing), *entries], offsets)
        except (Fenced, Stop):
            self._replay.settle(BatchState.ABORTED)
            raise
        self._view.ledger.note(entries)
        self._replay.settle(BatchState.COMMITTED)

    def _announce(self) -> None:
        """The run's own entry; what the ledger need not know any more goes with it."""
        entries, ledger = self._replay.entries, self._view.ledger
        if entries.run not in ledger.runs:
            began_at = to_datetime(self._replay.clock.now_ms()).isoformat(timespec="milliseconds")
            forgotten = islice(ledger.forgettable(self._view.begins), _FORGOTTEN_AT_A_TIME)
            announced = [entries.began(self._view.ends, began_at), *forgotten]
            self._publisher.publish(announced, {})
            ledger.note(announced)

    def _entries(self, steps: Sequence[Step]) -> list[Outgoing]:
        entries, ledger, run = self._replay.entries, self._view.ledger, self._replay.entries.run
        made: list[Outgoing] = []
        for step in steps:
            made.append(entries.settled(step.letter.record, _SETTLED[step.outcome]))
            if step.identity is not None:
                made.append(entries.attempts(step.identity, ledger.runs_of(step.identity, step.attempt, run)))
        return made
