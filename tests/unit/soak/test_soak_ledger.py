"""The soak's oracle reports every kind of violation, and nothing where all is as promised."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import pytest

from tests.soak.ledger import Expected, Outcome, SoakLedger, Violation

QUESTIONS = (
    Expected("first", "Who?", "d", ("v1", "v2", "v3")),
    Expected("second", "Who?", "d", ("v1", "v2", "v3")),
    Expected("third", "Who?", "d", ("v3",)),
    Expected("bad", reasons=frozenset({"invalid_event"})),
)
POSITIONS = {"first": (0, 1), "second": (0, 2), "third": (0, 3), "bad": (1, 0)}
RIGHT = {
    "first": Outcome("first", "a[0]@0", version="v1", content="v1 Who?", event_id=b"1"),
    "second": Outcome("second", "a[0]@1", version="v2", content="v2 Who?", event_id=b"2"),
    "third": Outcome("third", "a[0]@2", version="v3", content="v3 Who?", event_id=b"3"),
    "bad": Outcome("bad", "d[1]@0", reason="invalid_event"),
}


def right_content(expected: Expected, version: str) -> object:
    return f"{version} {expected.question}"


def settled(
    outcomes: Sequence[Outcome],
    expected: Sequence[Expected] = QUESTIONS,
    positions: Mapping[str, tuple[int, int]] | None = POSITIONS,
    *,
    exactly_once: bool = True,
) -> SoakLedger:
    ledger = SoakLedger(right_content, exactly_once=exactly_once)
    ledger.settle(expected, outcomes, positions)
    return ledger


def with_changed(name: str, **changes: object) -> list[Outcome]:
    return [replace(outcome, **changes) if outcome.name == name else outcome for outcome in RIGHT.values()]  # type: ignore[arg-type]  # any field


def test_what_is_as_promised_is_no_violation() -> None:
    ledger = settled(list(RIGHT.values()))
    assert not ledger.violations
    assert ledger.expected == len(QUESTIONS)
    assert ledger.outcomes == {"answer": 3, "invalid_event": 1}


@pytest.mark.parametrize(
    ("outcomes", "violation"),
    [
        ([outcome for outcome in RIGHT.values() if outcome.name != "second"], Violation.MISSING),
        ([outcome for outcome in RIGHT.values() if outcome.name != "bad"], Violation.MISSING),
        ([*RIGHT.values(), replace(RIGHT["second"], place="a[0]@9")], Violation.DOUBLED),
        ([*RIGHT.values(), replace(RIGHT["bad"], place="d[1]@9")], Violation.DOUBLED),
        ([*RIGHT.values(), Outcome("never asked", "a[0]@9", version="v1")], Violation.UNEXPECTED),
        (with_changed("third", reason="document_missing"), Violation.WRONG_OUTCOME),
        (with_changed("bad", reason="undecodable"), Violation.WRONG_OUTCOME),
        (with_changed("bad", reason=None, version="v1"), Violation.WRONG_OUTCOME),
        (with_changed("third", version="v2", content="v2 Who?"), Violation.WRONG_VERSION),
        (with_changed("third", version="foreign", content="foreign Who?"), Violation.WRONG_VERSION),
        (with_changed("second", content="v2 What?"), Violation.WRONG_ANSWER),
        (with_changed("first", version="v3", content="v3 Who?"), Violation.ORDER),
    ],
)
def test_each_kind_of_violation_is_reported_once_with_its_place(outcomes: list[Outcome], violation: Violation) -> None:
    ledger = settled(outcomes)
    assert ledger.violations == {violation: 1}
    (example,) = ledger.examples[violation]
    assert "@" in example or "nothing came" in example


def test_an_answer_and_a_dead_letter_of_one_question_are_one_too_many() -> None:
    expected = [Expected("first", "Who?", "d", ("v1",), frozenset({"document_changed"}))]
    outcomes = [RIGHT["first"], Outcome("first", "d[0]@3", reason="document_changed")]
    assert settled(outcomes, expected).violations == {Violation.DOUBLED: 1}


def test_without_transactions_a_double_is_counted_and_its_id_compared() -> None:
    again = replace(RIGHT["second"], place="a[0]@9")
    allowed = settled([*RIGHT.values(), again], exactly_once=False)
    assert (allowed.doubles, allowed.violations) == (1, {})
    other = settled([*RIGHT.values(), replace(again, event_id=b"other")], exactly_once=False)
    assert other.violations == {Violation.OTHER_ID: 1}


def test_without_transactions_a_double_out_of_a_wrong_version_is_still_wrong() -> None:
    old = replace(RIGHT["third"], place="a[0]@9", version="v1", content="v1 Who?")
    assert settled([*RIGHT.values(), old], exactly_once=False).violations == {Violation.WRONG_VERSION: 1}


def test_a_question_whose_order_is_not_promised_may_be_answered_out_of_a_newer_version() -> None:
    retried = with_changed("first", version="v3", content="v3 Who?")
    positions = {name: place for name, place in POSITIONS.items() if name != "first"}
    assert not settled(retried, positions=positions).violations


def test_questions_of_different_partitions_are_not_compared_by_their_offsets() -> None:
    expected = [Expected("one", "Who?", "d", ("v1", "v2")), Expected("other", "Who?", "e", ("v1", "v2"))]
    outcomes = [
        Outcome("one", "a[0]@0", version="v2", content="v2 Who?"),
        Outcome("other", "a[1]@0", version="v1", content="v1 Who?"),
    ]
    assert not settled(outcomes, expected, {"one": (0, 1), "other": (1, 2)}).violations


def revisions(*numbers: int, final: int = 3) -> list[Outcome]:
    return [
        Outcome("t", f"t[0]@{place}", version="v1", content="v1 ", revision=number, is_final=number == final)
        for place, number in enumerate(numbers)
    ]


@pytest.mark.parametrize(
    ("outcomes", "violations"),
    [
        (revisions(1, 2, 3), {}),
        (revisions(1, final=1), {}),
        (revisions(1, 2), {Violation.MISSING: 1}),
        (revisions(1, 1, 2, 3), {Violation.DOUBLED: 1}),
        (revisions(2, 1, 3), {Violation.ORDER: 1}),
        (revisions(1, 3), {Violation.ORDER: 1}),
    ],
)
def test_revisions_come_once_in_their_order_and_the_last_one_is_final(
    outcomes: list[Outcome], violations: dict[Violation, int]
) -> None:
    assert settled(outcomes, [Expected("t", about="t", versions=("v1",))], None).violations == violations


def test_all_violations_are_counted_and_some_are_described() -> None:
    many = [Expected(f"q{number}", "Who?", "d", ("v1",)) for number in range(50)]
    ledger = settled([], many)
    assert ledger.violations == {Violation.MISSING: 50}
    assert len(ledger.examples[Violation.MISSING]) == 10
