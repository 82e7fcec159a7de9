"""Decides what is done with a selected dead letter: sent again, parked, or refused with a reason.

Letter ── max attempts reached? ── fixes ── headers ── destination ── superseded? ──> Step(replayed, outgoing)
                │                    │                     │              │
             Step(parked)         Step(refused): it stays in the dead-letter topic
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Final

from spanstream.consumer.broker.protocols import UNREADABLE_HEADERS, Outgoing
from spanstream.consumer.replay.fixes.built_in import CannotFix, Fix, RecordDraft
from spanstream.consumer.replay.ledger import REPLAY_ATTEMPT
from spanstream.consumer.replay.letters.letter import Letter, identity_of
from spanstream.consumer.replay.planning.destinations import Destinations
from spanstream.consumer.replay.planning.headers import (
    REPLAY_PREFIX,
    REPLAY_RUN,
    REPLAY_SOURCE,
    HeaderPolicy,
    written_at_origin,
)
from spanstream.consumer.replay.planning.superseding import Superseded, Superseding
from spanstream.consumer.tracing.tracing import below
from spanstream.schemas.dead_letters import DLQ_OMITTED

REPLAY_PARKED: Final = "replay.parked"
"""The header that says why a record was parked; its error headers are kept."""


class ReplayOutcome(StrEnum):
    """What becomes of a selected dead letter."""

    REPLAYED = "replayed"
    PARKED = "parked"
    REFUSED = "refused"


@dataclass(frozen=True, slots=True)
class Step:
    """The decision about one dead letter.

    Attributes:
        letter: the dead letter.
        outcome: what becomes of it.
        attempt: which attempt this is, from 1; of a parked one, how many there were.
        outgoing: the record to write; None for a refused dead letter.
        why: the reason in one line; empty for a replayed dead letter.
        fixes: the fixes that changed something.
        unreachable: the topic that nothing can be sent to, where that is the reason.
        superseded: what its compacted destination holds, where that is the reason.
    """

    letter: Letter
    outcome: ReplayOutcome
    attempt: int
    outgoing: Outgoing | None = None
    why: str = ""
    fixes: tuple[str, ...] = ()
    unreachable: str | None = None
    superseded: Superseded | None = None

    @property
    def identity(self) -> str | None:
        """The identity to recognise the sent record by if it fails again; None for what is not sent again."""
        if self.outgoing is None or self.outcome is not ReplayOutcome.REPLAYED:
            return None
        return identity_of(self.outgoing.topic, self.outgoing.key, self.outgoing.value)


@dataclass(frozen=True, slots=True)
class Planner:
    """Decides what is done with dead letters; sends nothing.

    Attributes:
        run: the run's name, written into headers.
        destinations: checks topics and records.
        parking: the topic for records that reached `max_attempts`.
        max_attempts: how often a record is sent again.
        to: the destination of all records; None: the topic that each came from.
        by_key: let the key choose the partition, instead of the origin's partition number.
        fixes: applied in this order.
        policy: which headers are carried.
        superseding: judges records for compacted topics; None: they are sent over whatever is there.
    """

    run: str
    destinations: Destinations
    parking: str
    max_attempts: int
    to: str | None = None
    by_key: bool = False
    fixes: Sequence[Fix] = ()
    policy: HeaderPolicy = field(default_factory=HeaderPolicy)
    superseding: Superseding | None = None

    def plan(self, letter: Letter, attempts: int) -> Step:
        """Decides about a dead letter that was sent again `attempts` times before."""
        if attempts >= self.max_attempts:
            return self._park(letter, attempts)
        attempt = attempts + 1
        if letter.record.header(DLQ_OMITTED) is not None:
            why = f"it was too large for this topic, which holds its headers only: it stands at {letter.origin}"
            return Step(letter, ReplayOutcome.REFUSED, attempt, why=why)
        # The client cannot read these headers. Without them the record would not be the same, so it is not sent.
        topic = None if letter.record.headers == UNREADABLE_HEADERS else self.to or letter.topic
        if topic is None:
            why = letter.problem or "its headers do not say where it came from: name a destination (--to)"
            return Step(letter, ReplayOutcome.REFUSED, attempt, why=why)
        problem = self.destinations.problem(topic)
        if problem is not None:
            return Step(letter, ReplayOutcome.REFUSED, attempt, why=problem, unreachable=topic)
        return self._replay(letter, attempt, topic)

    def refresh(self) -> None:
        """Looks anew at what the compacted destinations hold; to be called before the steps are sent.

        Raises:
            Retryable: Kafka did not answer in time, or a transaction stayed open in a destination.
        """
        if self.superseding is not None:
            self.superseding.refresh()

    def judge_again(self, step: Step) -> Step:
        """Returns the step as it is, or refused if its record is superseded by now."""
        if self.superseding is None or step.outgoing is None or step.outcome is not ReplayOutcome.REPLAYED:
            return step
        if not self.destinations.is_compacted(step.outgoing.topic):
            return step
        superseded = self.superseding.judge(step.letter, step.outgoing)
        if superseded is None:
            return step
        return replace(step, outcome=ReplayOutcome.REFUSED, outgoing=None, why=superseded.why, superseded=superseded)

    def below_span(self, step: Step, context: Mapping[str, str]) -> Step:
        """Returns the step with this trace context in its headers; as it is where its topic would refuse it so."""
        if not context or step.outgoing is None:
            return step
        traced = replace(step.outgoing, headers=below(step.outgoing.headers, context))
        return step if self.destinations.refusal(traced) else replace(step, outgoing=traced)

    def _replay(self, letter: Letter, attempt: int, topic: str) -> Step:
        written_ms = written_at_origin(letter.record.headers, letter.written_ms)
        headers = self.policy.apply(
            letter.record.headers, attempt=attempt, run=self.run, source=letter.place, written_ms=written_ms
        )
        draft, changed = RecordDraft(letter.record.key, letter.record.value, headers), list[str]()
        for fix in self.fixes:
            try:
                after = fix.apply(draft)
            except CannotFix as error:
                return Step(letter, ReplayOutcome.REFUSED, attempt, why=f"--fix {fix.name}: {error}")
            if after != draft:
                changed.append(fix.name)
            draft = after
        # Documents and questions share partition numbers, so a record goes back to its own one. With another topic or
        # another key, the key decides.
        is_unmoved = topic == letter.topic and draft.key == letter.record.key and not self.by_key
        number = self.destinations.partition(topic, letter.partition) if is_unmoved else None
        outgoing = Outgoing(topic, draft.key, draft.value, draft.headers, number)
        refusal = self.destinations.refusal(outgoing)
        if refusal is not None:
            return Step(letter, ReplayOutcome.REFUSED, attempt, why=refusal)
        return self.judge_again(Step(letter, ReplayOutcome.REPLAYED, attempt, outgoing, fixes=tuple(changed)))

    def _park(self, letter: Letter, attempts: int) -> Step:
        """Keeps the error headers, so that the parking topic can be read as a dead-letter topic."""
        record, why = letter.record, f"sent again {attempts} times"
        kept = tuple((name, value) for name, value in record.headers if not name.startswith(REPLAY_PREFIX))
        ours = {REPLAY_ATTEMPT: str(attempts), REPLAY_RUN: self.run, REPLAY_SOURCE: letter.place, REPLAY_PARKED: why}
        headers = (*kept, *((name, text.encode()) for name, text in ours.items()))
        outgoing = Outgoing(self.parking, record.key, record.value, headers)
        refusal = self.destinations.refusal(outgoing)
        if refusal is not None:
            return Step(letter, ReplayOutcome.REFUSED, attempts, why=refusal)
        return Step(letter, ReplayOutcome.PARKED, attempts, outgoing, why)
