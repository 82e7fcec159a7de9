"""Rounds of the soak: one stream under one protocol, and faults in random order until all is asked and answered."""

from __future__ import annotations

import random
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from spanstream.consumer.broker.kafka import KafkaPartitionReader
from spanstream.consumer.errors import Retryable
from spanstream.consumer.settings import GroupProtocol
from tests.soak.collections import Collections
from tests.soak.crew import Crew
from tests.soak.faults import Fault, fault_plan
from tests.soak.ledger import SoakLedger, Violation
from tests.soak.patience import PATIENCE_SECONDS, patiently
from tests.soak.scene import SoakScene, open_scene
from tests.soak.streams import Ground, SoakedQuestions, SoakedReplays, SoakedStream
from tests.soak.tickets import Tickets
from tests.soak.verdicts import Verdicts

# Until the group is without a silent member: as quick_settings and the test broker say.
_SESSION_SECONDS: Mapping[GroupProtocol, float] = {"classic": 2.0, "consumer": 6.0}

Kind = Literal["questions", "triage", "replay", "collections", "feedback"]
Say = Callable[[str], None]
QUESTIONS_PER_FAULT = 150


@dataclass(frozen=True, slots=True)
class Round:
    """A stream, and how its groups and producers work."""

    kind: Kind
    protocol: GroupProtocol
    transactions: bool = True

    @property
    def name(self) -> str:
        return f"{self.kind}/{self.protocol}" + ("" if self.transactions else "/at-least-once")


ROUNDS = (
    Round("questions", "classic"),
    Round("questions", "consumer"),
    Round("questions", "classic", transactions=False),
    Round("questions", "consumer", transactions=False),
    Round("triage", "classic"),
    Round("triage", "consumer"),
    Round("replay", "classic"),
    Round("replay", "consumer"),
    Round("collections", "classic"),
    Round("collections", "consumer"),
    Round("feedback", "classic"),
    Round("feedback", "consumer"),
)


@dataclass
class RoundReport:
    """What came of a round."""

    name: str
    asked: int
    ledger: SoakLedger
    faults: Counter[str] = field(default_factory=Counter)
    restarts: int = 0
    seconds: float = 0.0

    def as_json(self) -> dict[str, Any]:
        return {
            "round": self.name,
            "asked": self.asked,
            "checked": self.ledger.expected,
            "seconds": round(self.seconds, 1),
            "faults": dict(self.faults),
            "restarts": self.restarts,
            "outcomes": dict(self.ledger.outcomes),
            "allowed_doubles": 0 if self.ledger.exactly_once else self.ledger.doubles,
            "violations": {violation.value: self.ledger.violations[violation] for violation in Violation},
            "examples": {violation.value: examples for violation, examples in self.ledger.examples.items()},
        }


def _soaked(kind: Kind, ground: Ground, round_: Round, seed: int) -> SoakedStream:
    if kind == "triage":
        return Tickets(ground, round_.protocol, seed)
    if kind == "replay":
        return SoakedReplays(ground, round_.protocol, seed)
    if kind == "collections":
        return Collections(ground, round_.protocol, seed)
    if kind == "feedback":
        return Verdicts(ground, round_.protocol, seed)
    return SoakedQuestions(ground, round_.protocol, seed, transactions=round_.transactions)


@dataclass(frozen=True, slots=True)
class Plan:
    """What a soak consists of.

    Attributes:
        questions: asked in all rounds together.
        seed: decides what is asked and every fault.
        brokers: 1 or 3.
        faults: in each round; None: one for `QUESTIONS_PER_FAULT` questions.
        seconds: after these nothing more is asked; None: no limit.
        rounds: what is played.
    """

    questions: int
    seed: int = 1
    brokers: int = 1
    faults: int | None = None
    seconds: float | None = None
    rounds: Sequence[Round] = ROUNDS


def play(plan: Plan, say: Say) -> list[RoundReport]:
    """Plays all rounds, each with an equal share of the questions and of the time that is left; tells the progress."""
    share = plan.questions // len(plan.rounds)
    faults = plan.faults or max(1, share // QUESTIONS_PER_FAULT)
    end = time.monotonic() + (plan.seconds or float("inf"))
    reports: list[RoundReport] = []
    with open_scene(plan.brokers) as scene:
        for number, one in enumerate(plan.rounds):
            now = time.monotonic()
            if now > end:
                say(f"{one.name}: left out, the time is over")
                continue
            end_of_round = now + (end - now) / (len(plan.rounds) - number)
            playing = Play(one, scene, plan.seed, questions=share, faults=faults, end=end_of_round, say=say)
            reports.append(playing.run())
            say(f"{one.name}: {reports[-1].ledger.violations.total()} violations")
    return reports


class Play:
    """One round as it is played.

    Args:
        round_: what is played.
        scene: where.
        seed: decides what is asked, and every fault.
        questions: how many are asked in all; a ticket counts as its playbook's questions.
        faults: how many.
        end: by `time.monotonic`; after it nothing more is asked and no fault begins.
        say: gets a line of progress.
    """

    def __init__(
        self, round_: Round, scene: SoakScene, seed: int, *, questions: int, faults: int, end: float, say: Say
    ) -> None:
        self._name, self._end, self._say = round_.name, end, say
        self._draw = random.Random(f"{seed} {round_.name}")  # noqa: S311  no secret
        self.stream = _soaked(round_.kind, scene.ground, round_, seed)
        self._crew = Crew(self.stream.posts)
        self._around = replace(
            scene.surroundings,
            crew=self._crew,
            session_seconds=_SESSION_SECONDS[round_.protocol],
            foreign_records=self.stream.foreign_records,
            draw=self._draw,
        )
        count = max(faults, questions // self.stream.questions_each)
        self._portions = [count // faults + (number < count % faults) for number in range(faults)]
        self.report = RoundReport(
            round_.name, 0, SoakLedger(self.stream.right_content, exactly_once=round_.transactions)
        )

    def run(self) -> RoundReport:
        """Plays it and settles it."""
        began = time.monotonic()
        patiently(self.stream.stream.create_topics)
        self._crew.start()
        try:
            with self._followed() as came_out:
                plan = fault_plan(len(self._portions), self._draw)
                for number, (portion, fault) in enumerate(zip(self._portions, plan, strict=True), start=1):
                    if time.monotonic() > self._end or not self._await(came_out, portion):
                        break
                    self.stream.publish(portion)
                    self._await(came_out, round(portion * self._draw.uniform(0.2, 1)))
                    seconds = self._suffer(fault(self._around))
                    self._say(
                        f"{self._name} {number}/{len(plan)}: {fault.name} for {seconds:.1f} s, "
                        f"{len(came_out.names)} of {self.stream.awaited} came out"
                    )
                self._await(came_out, 0)
                self._await_no_lag()
            self._crew.stop()
        finally:
            self.stream.stream.close()
        self._settle()
        self.report.seconds = time.monotonic() - began
        return self.report

    def _suffer(self, fault: Fault) -> float:
        """Injects the fault and heals it; returns how long it stood."""
        seconds = fault.seconds
        fault.inject()
        try:
            time.sleep(seconds)
        finally:
            fault.heal()
        self.report.faults[fault.name] += 1
        return seconds

    def _await(self, came_out: CameOut, outstanding: int) -> bool:
        """Waits until no more than so many outcomes are outstanding; False where nothing moves any more."""
        moved = time.monotonic()
        while self.stream.awaited - len(came_out.names) > outstanding:
            if came_out.poll():
                moved = time.monotonic()
            elif time.monotonic() - moved > PATIENCE_SECONDS:
                return False
            self._crew.tend()
        return True

    def _await_no_lag(self) -> None:
        deadline = time.monotonic() + PATIENCE_SECONDS
        while lag := patiently(self.stream.lag):
            if time.monotonic() > deadline:
                self.report.ledger.report(Violation.STALLED, f"unconsumed: {lag}")
                return
            self._crew.tend()
            time.sleep(0.5)

    def _settle(self) -> None:
        ledger = self.report.ledger
        for ended in self._crew.ended:
            ledger.report(Violation.ENDED, ended)
        self.stream.settle(ledger)
        self.report.asked = self.stream.awaited * self.stream.questions_each
        self.report.restarts = self._crew.restarts

    @contextmanager
    def _followed(self) -> Iterator[CameOut]:
        reader = KafkaPartitionReader(self.stream.stream.config)
        try:
            partitions = patiently(lambda: [part for topic in self.stream.outputs for part in reader.partitions(topic)])
            reader.follow(dict.fromkeys(partitions))
            yield CameOut(reader, self.stream)
        finally:
            reader.close()


@dataclass
class CameOut:
    """The names of what came out up to now, to know how far the stream is."""

    reader: KafkaPartitionReader
    stream: SoakedStream
    names: set[str] = field(default_factory=set)

    def poll(self) -> bool:
        """Takes in what came; says whether any of it is new."""
        before = len(self.names)
        with suppress(Retryable):
            outcomes = [self.stream.outcome(record) for record in self.reader.poll(1000, 0.1)]
            self.names |= {outcome.name for outcome in outcomes if outcome.is_final}
        return len(self.names) > before
