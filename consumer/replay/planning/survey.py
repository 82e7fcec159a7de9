"""Counts what a run would do, without sending anything: the totals to confirm, and why nothing may be left to do."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field

from spanstream.consumer.replay.letters.letter import LetterState
from spanstream.consumer.replay.letters.selection import Selection
from spanstream.consumer.replay.planning.planner import Planner, ReplayOutcome, Step
from spanstream.consumer.replay.snapshot import TopicSnapshot


@dataclass(slots=True)
class Survey:
    """What a run would do, in numbers.

    Attributes:
        open: dead letters that are not settled.
        selected: open dead letters that match the selection, up to the limit.
        outcomes: what would become of the selected ones.
        destinations: records by the topic they would go to.
        refusals: records by the reason why they would stay.
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
        """Counts the decision about a selected dead letter."""
        self.selected += 1
        self.outcomes[step.outcome] += 1
        if step.outgoing is not None:
            self.destinations[step.outgoing.topic] += 1
        else:
            self.refusals[step.why] += 1
            if step.unreachable is not None:
                self.unreachable[step.unreachable] += 1


def take_survey(
    snapshot: TopicSnapshot,
    selection: Selection,
    planner: Planner,
    *,
    limit: int | None,
    on_step: Callable[[Step], None],
) -> Survey:
    """Plans every selected dead letter and counts; `on_step` gets the steps in the order of a run.

    Raises:
        Retryable: the broker sent nothing for too long.
    """
    survey = Survey()
    for letter, attempts, state in snapshot.letters():
        if state is not LetterState.OPEN:
            continue
        survey.open += 1
        survey.reasons[letter.reason] += 1
        if (limit is not None and survey.to_send >= limit) or not selection.matches(letter, attempts, state):
            continue
        step = planner.plan(letter, attempts)
        survey.count(step)
        on_step(step)
    return survey
