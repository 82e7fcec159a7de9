"""What a run would do, found by a pass that sends nothing: the totals to confirm, and what makes it pointless."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field

from spanstream.consumer.replay.letters.selection import LetterState, Selection
from spanstream.consumer.replay.letters.view import TopicSnapshot
from spanstream.consumer.replay.sending.plan import Planner, ReplayOutcome, Step


@dataclass(slots=True)
class Survey:
    """Totals of a pass.

    Attributes:
        open: dead letters that are not settled.
        selected: of these, what the selection takes, up to the limit.
        outcomes: what would become of them.
        destinations: records by the topic they would go to.
        refusals: records by the reason they would be left for.
        unreachable: records by the topic that nothing can be sent to.
        reasons: all open dead letters by reason.
    """

    open: int = 0
    selected: int = 0
    outcomes: Counter[ReplayOutcome] = field(default_factory=Counter)
    destinations: Counter[str] = field(default_factory=Counter)
    refusals: Counter[str] = field(default_factory=Counter)
    unreachable: Counter[str] = field(default_factory=Counter)
    reasons: Counter[str] = field(default_factory=Counter)

    @property
    def to_send(self) -> int:
        """Records that would be sent again or parked."""
        return self.outcomes[ReplayOutcome.REPLAYED] + self.outcomes[ReplayOutcome.PARKED]

    def count(self, step: Step) -> None:
        """One of the selected."""
        self.selected += 1
        self.outcomes[step.outcome] += 1
        if step.outgoing is not None:
            self.destinations[step.outgoing.topic] += 1
        else:
            self.refusals[step.why] += 1
            if step.unreachable is not None:
                self.unreachable[step.unreachable] += 1


def survey(
    view: TopicSnapshot, selection: Selection, planner: Planner, *, limit: int | None, each: Callable[[Step], None]
) -> Survey:
    """Plan every selected dead letter and count; `each` is told of the steps in the order they would be taken.

    Raises:
        Retryable: the broker was silent for too long.
    """
    found = Survey()
    for letter, attempts, state in view.letters():
        if state is not LetterState.OPEN:
            continue
        found.open += 1
        found.reasons[letter.reason] += 1
        if (limit is not None and found.to_send >= limit) or not selection.takes(letter, attempts, state):
            continue
        step = planner.plan(letter, attempts)
        found.count(step)
        each(step)
    return found
