"""Takeovers in every order: a record's outcome becomes visible once, because Kafka and the members keep four rules.

A model of one record, a group and its members, each with one transaction at a time. A member that loses the record to
another is not told, so it goes on as one that was frozen; one that is killed takes no more steps. Each rule that is
left out lets a second outcome through: the model can see it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from enum import Enum
from typing import Any

import pytest

MEMBERS = (0, 1)
TAKEOVERS = 3
ATTEMPTS = 2


class TransactionStage(Enum):
    """Of a member's transaction, as the brokers have it."""

    NONE = "none"
    WRITTEN = "the outcome is written"
    PENDING = "and so is the offset"
    DECIDED = "committed, and the group does not show it yet"
    COMMITTED = "committed"
    ABORTED = "aborted"


@dataclass(frozen=True)
class Rules:
    """What keeps a second outcome away.

    Attributes:
        stable: the committed offset is not told while a transaction that holds a newer one is open or on its way.
        fenced: an offset is taken from the latest generation only.
        asks: a member that did not hear what became of its commit asks before it publishes again.
        starts_at_committed: a member works on no record before the committed offset, wherever its client begins.
    """

    stable: bool = True
    fenced: bool = True
    asks: bool = True
    starts_at_committed: bool = True


@dataclass(frozen=True)
class Member:
    generation: int = 0
    has_record: bool = False
    is_loaded: bool = False
    is_alive: bool = True
    stage: TransactionStage = TransactionStage.NONE
    attempts: int = 0


@dataclass(frozen=True)
class Takeover:
    generation: int = 0
    is_committed: bool = False
    outcomes: int = 0
    members: tuple[Member, ...] = (Member(),) * len(MEMBERS)

    def having(self, number: int, **changes: Any) -> Takeover:
        """Returns the world in which these fields of one member are others."""
        members = list(self.members)
        members[number] = replace(members[number], **changes)
        return replace(self, members=tuple(members))


def steps(world: Takeover, number: int, rules: Rules) -> Iterator[Takeover]:
    """Yields what may come next of one member: its own steps, and the brokers' about its transaction."""
    member = world.members[number]
    if member.stage is TransactionStage.DECIDED:
        yield replace(world.having(number, stage=TransactionStage.COMMITTED), is_committed=True)
    if member.stage in {TransactionStage.WRITTEN, TransactionStage.PENDING}:
        yield world.having(number, stage=TransactionStage.ABORTED)  # the time-out
    if not member.is_alive:
        return
    yield world.having(number, is_alive=False)
    if world.generation < TAKEOVERS and member.generation < max(world.generation, 1):
        taken = replace(world, generation=world.generation + 1)
        yield taken.having(number, generation=taken.generation, has_record=False, is_loaded=False)
    is_on_its_way = any(other.stage in {TransactionStage.PENDING, TransactionStage.DECIDED} for other in world.members)
    if member.generation and not member.is_loaded and not (rules.stable and is_on_its_way):
        starts_below = not rules.starts_at_committed
        yield world.having(number, is_loaded=True, has_record=starts_below or not world.is_committed)
    if member.has_record:
        yield from publishing(world, number, rules)


def publishing(world: Takeover, number: int, rules: Rules) -> Iterator[Takeover]:
    """Yields the next steps of a member that has the record."""
    member = world.members[number]
    is_current = member.generation == world.generation or not rules.fenced
    if member.stage is TransactionStage.NONE and member.attempts < ATTEMPTS:
        yield world.having(number, stage=TransactionStage.WRITTEN, attempts=member.attempts + 1)
    elif member.stage is TransactionStage.WRITTEN and is_current:
        yield world.having(number, stage=TransactionStage.PENDING)
    elif member.stage is TransactionStage.WRITTEN:
        yield world.having(number, stage=TransactionStage.ABORTED, has_record=False)
    elif member.stage is TransactionStage.PENDING:
        yield replace(world.having(number, stage=TransactionStage.DECIDED), outcomes=world.outcomes + 1)
    elif member.stage in {TransactionStage.COMMITTED, TransactionStage.ABORTED}:  # it did not hear which
        is_done = rules.asks and world.is_committed
        yield world.having(number, stage=TransactionStage.NONE, has_record=not is_done)


def most_outcomes(rules: Rules) -> int:
    """Returns the most outcomes of the record that any order of the steps makes visible."""
    found, open_worlds, most = {Takeover()}, [Takeover()], 0
    while open_worlds:
        world = open_worlds.pop()
        most = max(most, world.outcomes)
        for number in MEMBERS:
            new = {after for after in steps(world, number, rules) if after.outcomes <= 2} - found
            found |= new
            open_worlds.extend(new)
    return most


def test_whatever_the_order_a_record_has_one_outcome() -> None:
    assert most_outcomes(Rules()) == 1


@pytest.mark.parametrize("left_out", ["stable", "fenced", "asks", "starts_at_committed"])
def test_without_any_one_of_the_rules_a_record_can_have_two(left_out: str) -> None:
    assert most_outcomes(replace(Rules(), **{left_out: False})) > 1
