"""Checks and sends dead letters again, as `spanstream replay check` and `run` do; one at a time."""

from __future__ import annotations

import glob
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import islice
from typing import Final

from spanstream.consumer.errors import Stop
from spanstream.consumer.replay.checker import PASSED
from spanstream.consumer.replay.display.steps import step_lines
from spanstream.consumer.replay.display.totals import survey_line, total_lines
from spanstream.consumer.replay.letters.selection import Selection
from spanstream.consumer.replay.planning.headers import HeaderPolicy
from spanstream.consumer.replay.sending.job import RunOptions, plan_job
from spanstream.consumer.replay.wiring import SendingOptions, TopicNames, open_checker, open_replay
from spanstream.consumer.settings import Settings

MOST_CHECKED: Final = 200
"""Dead letters that one check reads; the command reads all."""
_MOST_STEPS: Final = 20
_BATCH: Final = 500
# A check ignores how often a record was sent again: no record is parked.
_UNLIMITED_ATTEMPTS: Final = 2**31


@dataclass(frozen=True, slots=True)
class LetterChoice:
    """Which open dead letters are meant: one by its partition and offset, or all of a reason; and a fix for them."""

    place: tuple[int, int] | None = None
    reason: str = ""
    fix: str = ""

    @property
    def selection(self) -> Selection:
        """The same, as `replay` takes it."""
        return Selection(reasons=(glob.escape(self.reason),) if self.reason else (), place=self.place)

    @property
    def sending(self) -> SendingOptions:
        """Where they go and how: to where they came from, with the fix."""
        return SendingOptions((self.fix,) if self.fix else (), (), None, False, False, HeaderPolicy())


@dataclass(slots=True)
class LetterCheck:
    """How many of the chosen dead letters would pass now; `outcomes` counts, `details` has an example of each."""

    outcomes: Counter[str] = field(default_factory=Counter)
    details: dict[str, str] = field(default_factory=dict)

    @property
    def passing(self) -> int:
        """Those that would pass."""
        return sum(self.outcomes[outcome] for outcome in PASSED)


@dataclass(frozen=True, slots=True)
class ReplayPlan:
    """What a run comes to: one line, the first steps, and how many records it would send."""

    outlook: str
    steps: tuple[str, ...]
    to_send: int


class Replays:
    """Opens the dead letters anew for each call.

    Raises:
        Stop: by the methods: another one is running, a fix or the ledger is missing, or Kafka refuses.
        Retryable: by the methods: Kafka did not answer in time.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._lock = threading.Lock()

    def check(self, choice: LetterChoice) -> LetterCheck:
        """Runs the chosen dead letters through today's decoder, validator and model; sends nothing."""
        check = LetterCheck()
        with self._alone(), open_replay(self._settings, TopicNames()) as context:
            planner = context.planner(choice.sending, "check", _UNLIMITED_ATTEMPTS)
            matching = islice(context.matching(choice.selection), MOST_CHECKED)
            steps = (planner.plan(seen.letter, seen.attempts) for seen in matching)
            with open_checker(context.settings, context.documents, context.clock) as checker:
                for result in checker.check(steps):
                    check.outcomes[result.outcome] += 1
                    check.details.setdefault(result.outcome, result.detail)
        return check

    def plan(self, choice: LetterChoice) -> ReplayPlan:
        """Says what a run would do; sends nothing."""
        steps: list[str] = []
        with self._alone(), open_replay(self._settings, TopicNames()) as context:
            options = RunOptions(None, None, None, None, _BATCH, None, dry_run=True)
            job = plan_job(
                context,
                choice.selection,
                choice.sending,
                options,
                lambda step: steps.append(step_lines(step)) if len(steps) < _MOST_STEPS else None,
            )
            outlook = survey_line(job.survey, verb="will be", topic=context.topic, selection=str(job.selection))
        return ReplayPlan(outlook, tuple(steps), job.survey.to_send)

    def run(self, choice: LetterChoice, limit: int) -> list[str]:
        """Sends the chosen dead letters, at most `limit`, each exactly once; returns what was done, line by line."""
        with self._alone(), open_replay(self._settings, TopicNames()) as context:
            options = RunOptions(limit, None, None, None, _BATCH, None, dry_run=False)
            job = plan_job(context, choice.selection, choice.sending, options, lambda _: None)
            job.check_destinations()
            totals = job.send(lambda _: None, lambda: False)
            lost = bool(totals["vanished"]) and job.lost_to_retention()
            return list(total_lines(totals, lost_to_retention=lost))

    @contextmanager
    def _alone(self) -> Iterator[None]:
        if not self._lock.acquire(blocking=False):
            raise Stop("another check or replay is running on this desk: try again when it is done")
        try:
            yield
        finally:
            self._lock.release()
