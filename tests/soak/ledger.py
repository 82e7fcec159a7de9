"""The oracle: compares what came out with what was asked, and names everything that is not as promised.

    Expected (one for each record that went in) ─┐
                                                 ├─> SoakLedger ─> counts and violations
    Outcome (one for each record that came out) ─┘

It knows no Kafka: a place is a text to be printed, and the right content comes from a function.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

# Of each kind of violation so many are described; all are counted.
_EXAMPLES = 10


class Violation(StrEnum):
    """What can be wrong."""

    MISSING = "missing"
    """No outcome, or none that is final."""
    DOUBLED = "doubled"
    """Two outcomes where there is to be one."""
    UNEXPECTED = "unexpected"
    """An outcome of something that was never asked, or was asked in a transaction that was aborted."""
    WRONG_OUTCOME = "wrong outcome"
    """A dead letter where there is an answer, an answer where there is none, or the wrong reason."""
    WRONG_VERSION = "wrong version"
    """Out of a version of the document that the question cannot have seen, or did not ask for."""
    WRONG_ANSWER = "wrong answer"
    """Not what the same model gives, in this process, for the same text and question."""
    ORDER = "order"
    """An older version after a newer one, or a revision before an earlier one."""
    OTHER_ID = "other id"
    """Two outcomes of one question with different event ids: nobody can drop the second one."""
    ENDED = "ended"
    """A program ended by itself, or did not end well when it was told to."""
    STALLED = "stalled"
    """Records stay unconsumed."""


@dataclass(frozen=True, slots=True)
class Expected:
    """What may come of one record that went in.

    Attributes:
        name: tells the record from all others.
        question: what is asked, for the function that gives the right content.
        about: the document or ticket that is read.
        versions: of `about`, those that may be read, oldest first; none: there can be no answer.
        reasons: of dead letters that may come instead of an answer.
    """

    name: str
    question: str = ""
    about: str = ""
    versions: tuple[str, ...] = ()
    reasons: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Outcome:
    """One record that came out.

    Attributes:
        name: of what it is the outcome of.
        place: where it stands, for people.
        reason: of a dead letter; None for an answer.
        version: of the document that was read.
        content: what has to equal the right content; hashable or not.
        event_id: by which a reader knows a record that comes twice.
        revision: counted from 1 where one record may have several outcomes; they stand in this order.
        is_final: whether no other has to follow.
    """

    name: str
    place: str
    reason: str | None = None
    version: str = ""
    content: object = None
    event_id: bytes | None = None
    revision: int = 1
    is_final: bool = True


RightContent = Callable[[Expected, str], object]
"""Gives the content that is right for what was expected, read from this version."""


@dataclass
class SoakLedger:
    """Counts of one round of the soak, and what was wrong in it.

    Attributes:
        right_content: the content to compare with.
        exactly_once: whether a second outcome is wrong; else it is counted, and has to have the first one's event id.
    """

    right_content: RightContent
    exactly_once: bool = True
    expected: int = 0
    outcomes: Counter[str] = field(default_factory=Counter)
    doubles: int = 0
    violations: Counter[Violation] = field(default_factory=Counter)
    examples: dict[Violation, list[str]] = field(default_factory=lambda: defaultdict(list))

    def report(self, violation: Violation, what: str) -> None:
        """Takes down a violation."""
        self.violations[violation] += 1
        if len(self.examples[violation]) < _EXAMPLES:
            self.examples[violation].append(what)

    def settle(
        self,
        expected: Iterable[Expected],
        outcomes: Sequence[Outcome],
        positions: Mapping[str, tuple[int, int]] | None = None,
    ) -> None:
        """Compares all that went in with all that came out.

        Args:
            expected: what went in.
            outcomes: what came out, each partition in its order.
            positions: partition and offset of what went in, as far as its order is promised.
        """
        by_name: dict[str, list[Outcome]] = defaultdict(list)
        for outcome in outcomes:
            by_name[outcome.name].append(outcome)
            self.outcomes[outcome.reason or "answer"] += 1
        asked = {one.name: one for one in expected}
        self.expected += len(asked)
        for one in asked.values():
            self._settle_one(one, by_name.pop(one.name, []))
        for name, strange in by_name.items():
            self.report(Violation.UNEXPECTED, f"{name}: {_places(strange)}")
        if self.exactly_once and positions is not None:
            self._check_order(asked, {outcome.name: outcome for outcome in outcomes}, positions)

    def _settle_one(self, expected: Expected, outcomes: list[Outcome]) -> None:
        if not outcomes or not outcomes[-1].is_final:
            self.report(Violation.MISSING, f"{expected.name}: {_places(outcomes) or 'nothing came'}")
        revisions = [outcome.revision for outcome in outcomes]
        distinct = set(revisions)
        doubles = len(revisions) - len(distinct)
        self.doubles += doubles
        if doubles and self.exactly_once:
            self.report(Violation.DOUBLED, f"{expected.name}: {_places(outcomes)}")
        ids = {outcome.event_id for outcome in outcomes if outcome.reason is None and outcome.event_id is not None}
        if len(ids) > len(distinct):
            self.report(Violation.OTHER_ID, f"{expected.name}: {sorted(ids)} at {_places(outcomes)}")
        if distinct and (
            distinct != set(range(1, max(distinct) + 1)) or (not doubles and revisions != sorted(distinct))
        ):
            self.report(Violation.ORDER, f"{expected.name}: revisions {revisions} at {_places(outcomes)}")
        for outcome in outcomes:
            self._check_outcome(expected, outcome)

    def _check_outcome(self, expected: Expected, outcome: Outcome) -> None:
        where = f"{expected.name} at {outcome.place}"
        if outcome.reason is not None:
            if outcome.reason not in expected.reasons:
                self.report(Violation.WRONG_OUTCOME, f"{where}: the dead letter {outcome.reason}")
        elif not expected.versions:
            self.report(Violation.WRONG_OUTCOME, f"{where}: an answer, not {'/'.join(sorted(expected.reasons))}")
        elif outcome.version not in expected.versions:
            self.report(Violation.WRONG_VERSION, f"{where}: {outcome.version} of {expected.about}")
        elif outcome.is_final and outcome.content != self.right_content(expected, outcome.version):
            self.report(Violation.WRONG_ANSWER, f"{where}: about {expected.about}")

    def _check_order(
        self, asked: Mapping[str, Expected], answers: Mapping[str, Outcome], positions: Mapping[str, tuple[int, int]]
    ) -> None:
        """Of two questions about one document, the later one is not answered out of an older version."""
        newest: dict[str, tuple[int, str]] = {}
        ages = {about: versions for about, versions in _all_versions(asked.values()).items() if len(versions) > 1}
        for name in sorted(positions, key=positions.__getitem__):
            expected, answer = asked.get(name), answers.get(name)
            if expected is None or answer is None or answer.reason is not None or expected.about not in ages:
                continue
            age = ages[expected.about].get(answer.version)
            if age is None:  # wrong, and reported as that
                continue
            before, earlier = newest.get(expected.about, (age, name))
            if age < before:
                self.report(Violation.ORDER, f"{name} at {answer.place}: an older version than {earlier}, before it")
            newest[expected.about] = max((before, earlier), (age, name), key=lambda seen: seen[0])


def _all_versions(expected: Iterable[Expected]) -> dict[str, dict[str, int]]:
    """Returns each document's versions with their numbers: the longest list of a document's has them all."""
    longest: dict[str, tuple[str, ...]] = {}
    for one in expected:
        if len(one.versions) > len(longest.get(one.about, ())):
            longest[one.about] = one.versions
    return {about: {version: age for age, version in enumerate(versions)} for about, versions in longest.items()}


def _places(outcomes: Sequence[Outcome]) -> str:
    return ", ".join(f"{outcome.reason or 'answer'} at {outcome.place}" for outcome in outcomes)
