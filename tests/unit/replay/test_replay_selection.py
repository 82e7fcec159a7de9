from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spanstream.consumer.broker.protocols import Partition, Record
from spanstream.consumer.replay.letters.letter import Letter, LetterFormat, LetterState
from spanstream.consumer.replay.letters.selection import NumberRange, Selection

RECORD = Record(Partition("dead", 1), 42, b"key", b"value", (("team", b"export"), ("team", b"\xff"), ("null", None)))
LETTER = Letter(
    RECORD,
    LetterFormat.CONNECT,
    reason="org.apache.kafka.connect.errors.DataException",
    detail="Unknown Magic byte",
    topic="orders",
    partition=3,
    offset=100,
    failed_at_ms=1_000,
)


def matches(
    letter: Letter = LETTER, *, sent: int = 1, state: LetterState = LetterState.OPEN, **conditions: Any
) -> bool:
    return Selection(**conditions).matches(letter, sent, state)


def test_no_condition_takes_every_open_dead_letter() -> None:
    assert matches()
    assert not matches(state=LetterState.REPLAYED)
    assert matches(state=LetterState.PARKED) is False
    assert Selection(state=None).matches(LETTER, 0, LetterState.PARKED)


HOLDING: list[dict[str, Any]] = [
    {"reasons": ("DataException",)},
    {"reasons": ("*connect.errors.*",)},
    {"reasons": ("nothing", "Data*")},
    {"topics": ("orders", "bills")},
    {"partition": 3},
    {"offsets": NumberRange(100, 100)},
    {"offsets": NumberRange(None, 100)},
    {"since_ms": 1_000},
    {"until_ms": 1_001},
    {"keys": (b"other", b"key")},
    {"attempts": NumberRange(1, 2)},
    {"headers": (("team", "exp*"),)},
    {"headers": (("null", ""),)},
    {"headers": (("team", "\N{REPLACEMENT CHARACTER}"),)},
    {"detail": "magic BYTE"},
    {"place": (1, 42)},
]
FAILING: list[dict[str, Any]] = [
    {"reasons": ("Data",)},
    {"topics": ("order",)},
    {"partition": 2},
    {"offsets": NumberRange(101, None)},
    {"since_ms": 1_001},
    {"until_ms": 1_000},
    {"keys": (b"ke",)},
    {"attempts": NumberRange(2, None)},
    {"headers": (("team", "export2"),)},
    {"headers": (("missing", "*"),)},
    {"detail": "magic bytes"},
    {"place": (1, 41)},
]


@pytest.mark.parametrize("conditions", HOLDING)
def test_a_condition_that_holds(conditions: dict[str, Any]) -> None:
    assert matches(**conditions)


@pytest.mark.parametrize("conditions", FAILING)
def test_a_condition_that_does_not(conditions: dict[str, Any]) -> None:
    assert not matches(**conditions)


@given(st.lists(st.sampled_from(HOLDING + FAILING), max_size=4))
def test_all_conditions_have_to_hold(chosen: list[dict[str, Any]]) -> None:
    together: dict[str, Any] = {}
    for conditions in chosen:
        together |= conditions  # of one kind, the last one counts
    alone = [matches(**{name: value}) for name, value in together.items()]
    assert matches(**together) is all(alone)


def test_what_a_dead_letter_does_not_say_meets_no_condition_on_it() -> None:
    silent = replace(LETTER, topic=None, partition=None, offset=None, failed_at_ms=None)
    assert matches(silent)
    silent_conditions: list[dict[str, Any]] = [
        {"topics": ("orders",)}, {"partition": 0}, {"offsets": NumberRange(0, None)}, {"since_ms": 0},
        {"until_ms": 10**15},
    ]  # fmt: skip
    for conditions in silent_conditions:
        assert not matches(silent, **conditions)


@given(st.none() | st.integers(0, 9), st.none() | st.integers(0, 9), st.integers(0, 9))
def test_a_range_holds_both_its_ends(first: int | None, last: int | None, number: int) -> None:
    expected = (0 if first is None else first) <= number <= (9 if last is None else last)
    assert (number in NumberRange(first, last)) is expected


def test_a_selection_says_what_it_is() -> None:
    description = str(
        Selection(reasons=("a",), since_ms=0, offsets=NumberRange(1, None), headers=(("h", "x*"),), keys=(b"\xff",))
    )
    assert description == "reason a, origin offsets 1.., since 1970-01-01T00:00:00Z, key \\xff, header h=x*"
    assert str(Selection()) == "all"
