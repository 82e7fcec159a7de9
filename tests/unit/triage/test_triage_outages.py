"""A broker that does not answer makes a triage member look stuck neither in a rebalance nor at its end."""

from __future__ import annotations

import pytest

from spanstream.consumer.settings import Settings
from spanstream.consumer.time_limits import AFTER_TIMEOUT_SECONDS, longest_stop
from tests.support.memory.fake_time import StoppingClock
from tests.support.memory.memory_triage import TEXT, MemoryTriage, TriageMember
from tests.support.memory.outage import Outage

DRAIN = Settings().drain_seconds


@pytest.fixture
def stream() -> MemoryTriage:
    return MemoryTriage()


def publishing_in_vain(stream: MemoryTriage, *seconds: float) -> tuple[TriageMember, Outage]:
    """Returns a member that owns its partitions and has tried once to publish what a ticket leads to."""
    member = stream.start(drain_seconds=DRAIN)
    member.turn(20)
    outage = Outage(stream.clock, member.application.health, *seconds)
    outage.begin(member.service._parts.publisher._publisher)
    stream.ticket("t-1", TEXT)
    stream.until(lambda: outage.attempts > 0, turns=100)
    return member, outage


def test_an_attempt_to_publish_at_the_end_of_a_drain_does_not_make_the_loop_look_stuck(stream: MemoryTriage) -> None:
    member, outage = publishing_in_vain(stream, 1.0, DRAIN - 2.0)
    stream.start().turn()
    member.turn()  # it drains
    assert outage.attempts == 3
    assert member.application.health.stuck_for is None


def test_a_member_that_stops_drains_once(stream: MemoryTriage) -> None:
    member, _ = publishing_in_vain(stream)
    began = stream.clock.now
    stream.close(member)
    assert round(stream.clock.now - began, 3) <= DRAIN + AFTER_TIMEOUT_SECONDS


def test_a_stop_that_is_asked_for_during_an_attempt_ends_within_the_grace_period() -> None:
    clock = StoppingClock()
    stream = MemoryTriage(clock=clock)
    member, _ = publishing_in_vain(stream)
    clock.stop_at = clock.now + 1.0
    clock.stop.clear()
    member.service.run(clock.stop)
    assert clock.now - clock.stop_at <= longest_stop(DRAIN)
