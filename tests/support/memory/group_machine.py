"""Random histories of a group over a broker in memory: what may happen to members, broker and commits of any group."""

from __future__ import annotations

from typing import Generic

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from spanstream.consumer.broker.protocols import Partition
from spanstream.consumer.errors import Fenced, Retryable
from tests.support.memory.stream_under_test import MemberT, StreamUnderTest

# Which member a rule is about, counted round the members that are there.
members = st.integers(0, 2)


class GroupMachine(RuleBasedStateMachine, Generic[MemberT]):
    """Rules and invariants of every group; what producers send and what must come out is a subclass's."""

    stream: StreamUnderTest[MemberT]
    group: str

    def __init__(self) -> None:
        super().__init__()
        self.committed: dict[Partition, int] = {}

    def member(self, number: int) -> MemberT:
        return self.stream.members[number % len(self.stream.members)]

    # What members do.

    @rule(number=members, times=st.integers(1, 4))
    def turn(self, number: int, times: int) -> None:
        for _ in range(times):
            self.member(number).service.turn()

    @precondition(lambda self: len(self.stream.members) > 1)
    @rule(number=members)
    def leave(self, number: int) -> None:
        self.stream.close(self.member(number))

    @precondition(lambda self: len(self.stream.members) > 1)
    @rule(number=members)
    def die(self, number: int) -> None:
        self.stream.die(self.member(number))

    @rule(number=members)
    def lose_its_session(self, number: int) -> None:
        self.stream.broker.expel(self.member(number).consumer)

    @rule(number=members, offset=st.integers(0, 20))
    def read_again(self, number: int, offset: int) -> None:
        """The client has reset its positions."""
        cursor = self.member(number).consumer._cursor
        for partition, position in list(cursor.positions.items()):
            if position is not None and offset < position:
                cursor.start(partition, offset)

    # What the broker and the machine's clock do.

    @rule(hours=st.sampled_from([-1, 1]))
    def set_the_clock(self, hours: int) -> None:
        self.stream.clock.wall_shift += hours * 3600.0

    @rule(error=st.sampled_from([Retryable, Retryable, Fenced]), times=st.integers(1, 8))
    def refuse_to_publish(self, error: type[Retryable | Fenced], times: int) -> None:
        for _ in range(times):
            self.stream.broker.fail_next("publish", error("as the test wants it"))

    @rule()
    def lose_a_reply(self) -> None:
        self.stream.broker.lose_next_reply()

    # What holds whatever happens.

    @invariant()
    def nothing_committed_is_taken_back(self) -> None:
        committed = self.stream.broker.committed(self.group)
        assert all(committed[partition] >= offset for partition, offset in self.committed.items())
        self.committed = committed

    def end_refusals(self) -> None:
        """From now on the broker answers."""
        for errors in self.stream.broker.faults.errors.values():
            errors.clear()
