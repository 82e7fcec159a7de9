"""One selected dead letter -> what will be done with it: sent again, parked, or left with a reason.

Letter ── tried often enough? ── fixes ── headers ── destination ──> Step(replayed, outgoing)
                │                  │                     │
             Step(parked)       Step(refused): it stays where it is
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

from spanstream.consumer.broker.protocols import UNREADABLE_HEADERS, Outgoing
from spanstream.consumer.replay.fixes.built_in import CannotFix, Fix, RecordDraft
from spanstream.consumer.replay.letters.headers import REPLAY_PREFIX, REPLAY_RUN, REPLAY_SOURCE, HeaderPolicy
from spanstream.consumer.replay.letters.ledger import REPLAY_ATTEMPT
from spanstream.consumer.replay.letters.letter import Letter, identity_of
from spanstream.consumer.replay.sending.destinations import Destinations

REPLAY_PARKED: Final = "replay.parked"
"""The header of a parked record that says why; its error headers are kept."""


class ReplayOutcome(StrEnum):
    """What becomes of a selected dead letter."""

    REPLAYED = "replayed"
    PARKED = "parked"
    REFUSED = "refused"


@dataclass(frozen=True, slots=True)
class Step:
    """What is to be done with one dead letter.

    Attributes:
        letter: the dead letter.
        outcome: what becomes of it.
        attempt: which attempt this is, from 1; of a parked one, how many there were.
        outgoing: the record to be written; None for a refused one.
        why: one line; empty for a replayed one.
        fixes: the fixes that changed something.
        unreachable: the topic that nothing can be sent to, where that is why.
    """

    letter: Letter
    outcome: ReplayOutcome
    attempt: int
    outgoing: Outgoing | None = None
    why: str = ""
    fixes: tuple[str, ...] = ()
    unreachable: str | None = None

    @property
    def identity(self) -> str | None:
        """What the sent record will be known by, should it come back; None for what was not sent again."""
        if self.outgoing is None or self.outcome is not ReplayOutcome.REPLAYED:
            return None
        return identity_of(self.outgoing.topic, self.outgoing.key, self.outgoing.value)


@dataclass(frozen=True, slots=True)
class Planner:
    """Decides; sends nothing.

    Attributes:
        run: names the run, in headers.
        destinations: judges topics and records.
        parking: where records go that were tried often enough.
        max_attempts: how often a record is sent again.
        to: another destination than where the records came from; None: their origins.
        by_key: let the key choose the partition, instead of the origin's number.
        fixes: changes, in this order.
        policy: which headers travel.
    """

    run: str
    destinations: Destinations
    parking: str
    max_attempts: int
    to: str | None = None
    by_key: bool = False
    fixes: Sequence[Fix] = ()
    policy: HeaderPolicy = field(default_factory=HeaderPolicy)

    def plan(self, letter: Letter, attempts: int) -> Step:
        """What is to be done with a dead letter that was sent again so often before."""
        if attempts >= self.max_attempts:
            return self._park(letter, attempts)
        attempt = attempts + 1
        # Sent without the headers that the client cannot give out, it would not be what it was.
        topic = None if letter.record.headers == UNREADABLE_HEADERS else self.to or letter.topic
        if topic is None:
            why = letter.problem or "its headers do not say where it came from: name a destination (--to)"
            return Step(letter, ReplayOutcome.REFUSED, attempt, why=why)
        problem = self.destinations.problem(topic)
        if problem is not None:
            return Step(letter, ReplayOutcome.REFUSED, attempt, why=problem, unreachable=topic)
        return self._replay(letter, attempt, topic)

    def _replay(self, letter: Letter, attempt: int, topic: str) -> Step:
        headers = self.policy.apply(letter.record.headers, attempt=attempt, run=self.run, source=letter.place)
        draft, changed = RecordDraft(letter.record.key, letter.record.value, headers), list[str]()
        for fix in self.fixes:
            try:
                after = fix.apply(draft)
            except CannotFix as error:
                return Step(letter, ReplayOutcome.REFUSED, attempt, why=f"--fix {fix.name}: {error}")
            if after != draft:
                changed.append(fix.name)
            draft = after
        # Documents and questions are in partitions of the same number; another topic, or another key, has its own.
        is_own_place = topic == letter.topic and draft.key == letter.record.key and not self.by_key
        number = self.destinations.partition(topic, letter.partition) if is_own_place else None
        outgoing = Outgoing(topic, draft.key, draft.value, draft.headers, number)
        refusal = self.destinations.refuses(outgoing)
        if refusal is not None:
            return Step(letter, ReplayOutcome.REFUSED, attempt, why=refusal)
        return Step(letter, ReplayOutcome.REPLAYED, attempt, outgoing, fixes=tuple(changed))

    def _park(self, letter: Letter, attempts: int) -> Step:
        """As it stands, error headers and all: the parking topic is read as a dead-letter topic is."""
        record, why = letter.record, f"sent again {attempts} times"
        kept = tuple((name, value) for name, value in record.headers if not name.startswith(REPLAY_PREFIX))
        ours = {REPLAY_ATTEMPT: str(attempts), REPLAY_RUN: self.run, REPLAY_SOURCE: letter.place, REPLAY_PARKED: why}
        headers = (*kept, *((name, text.encode()) for name, text in ours.items()))
        outgoing = Outgoing(self.parking, record.key, record.value, headers)
        refusal = self.destinations.refuses(outgoing)
        if refusal is not None:
            return Step(letter, ReplayOutcome.REFUSED, attempts, why=refusal)
        return Step(letter, ReplayOutcome.PARKED, attempts, outgoing, why)
