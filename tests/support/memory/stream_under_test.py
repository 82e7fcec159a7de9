"""A consumer group over a broker in memory: what the tests of the consumer and of the triage stream have in common.

Its members take turns when a test says so. Not real: the broker (a fake with a contract suite of its own), and time.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, ClassVar, Generic, Protocol, TypeVar

from spanstream.consumer.broker.memory.broker import MemoryBroker
from spanstream.consumer.broker.memory.clients import MemoryConsumer
from spanstream.consumer.broker.protocols import Outgoing, Record
from tests.support.memory.fake_time import FakeClock


class MemberLoop(Protocol):
    """The service of a member."""

    def turn(self) -> None: ...
    def drain(self) -> None: ...
    def close(self) -> None: ...


class RunningMember(Protocol):
    """One running member."""

    consumer: MemoryConsumer

    @property
    def service(self) -> MemberLoop: ...


MemberT = TypeVar("MemberT", bound=RunningMember)


class FakeTimePoller:
    """A group member or reader that never really waits: if nothing came, the fake clock moves on instead."""

    def __init__(self, inner: Any, clock: FakeClock) -> None:
        self._inner = inner
        self._clock = clock

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)

    def poll(self, max_records: int, timeout_seconds: float) -> list[Record]:
        records: list[Record] = self._inner.poll(max_records, 0.0)
        if not records:
            self._clock.sleep(timeout_seconds)
        return records


@dataclass
class StreamUnderTest(Generic[MemberT]):
    """Topics, a clock and the members that were started."""

    all_topics: ClassVar[tuple[str, ...]]

    partitions: int = 2
    group_protocol: Any = "classic"
    transactions: bool = True
    clock: FakeClock = field(default_factory=FakeClock)
    broker: MemoryBroker = field(init=False)
    members: list[MemberT] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.broker = MemoryBroker(clock=lambda: self.clock.now_ms() / 1000)
        for topic in self.all_topics:
            self.broker.create_topic(topic, self.partitions)

    def close(self, member: MemberT) -> None:
        """As at SIGTERM."""
        self.members.remove(member)
        member.service.drain()
        member.service.close()

    def die(self, member: MemberT) -> None:
        """As at SIGKILL, and the group has noticed."""
        self.members.remove(member)
        self.broker.expel(member.consumer)

    def send(self, *records: Outgoing) -> None:
        with self.broker.changed:
            self.broker.append(records, transactional=True)

    def turn(self, member: MemberT) -> None:
        """One turn of a member, while `until` waits."""
        member.service.turn()

    def until(self, done: Callable[[], bool], *, turns: int = 3000) -> None:
        """Lets all members take turns until it is so; time passes with every idle poll."""
        for _ in range(turns):
            if done():
                return
            for member in list(self.members):
                self.turn(member)
        assert done(), "it did not happen"
