"""A broker that does not answer makes a consumer look stuck neither in a rebalance nor at its end, and ends in time."""

from __future__ import annotations

import pytest

from spanstream.consumer.settings import Settings
from spanstream.consumer.time_limits import AFTER_TIMEOUT_SECONDS, longest_stop
from tests.support.memory.fake_time import StoppingClock
from tests.support.memory.memory_stream import MemoryStream, StreamMember
from tests.support.memory.outage import Outage
from tests.support.memory.turns import ask, join, two_documents

DRAIN = Settings().drain_seconds


@pytest.fixture
def stream() -> MemoryStream:
    return two_documents()


def publishing_in_vain(stream: MemoryStream, *seconds: float) -> tuple[StreamMember, Outage]:
    """Returns a member that owns its partitions and has tried once to publish an answer."""
    member = stream.start()
    member.turn(20)
    outage = Outage(stream.clock, member.health, *seconds)
    outage.begin(member.publisher)
    ask(stream, "a")
    stream.until(lambda: outage.attempts > 0, turns=100)
    return member, outage


def test_an_attempt_to_publish_at_the_end_of_a_drain_does_not_make_the_loop_look_stuck(stream: MemoryStream) -> None:
    member, outage = publishing_in_vain(stream, 1.0, DRAIN - 2.0)
    join(stream)
    member.turn()  # it drains
    assert outage.attempts == 3
    assert member.health.stuck_for is None


def test_a_drain_takes_no_longer_than_the_drain_seconds_and_what_follows_a_timeout(stream: MemoryStream) -> None:
    member, _ = publishing_in_vain(stream, 1.0, DRAIN - 2.0)
    began = stream.clock.now
    stream.close(member)
    assert round(stream.clock.now - began, 3) <= DRAIN + AFTER_TIMEOUT_SECONDS


def test_a_stop_that_is_asked_for_during_an_attempt_ends_within_the_grace_period() -> None:
    clock = StoppingClock()
    stream = two_documents(clock=clock)
    member, _ = publishing_in_vain(stream)
    clock.stop_at = clock.now + 1.0
    clock.stop.clear()
    member.service.run(clock.stop)
    assert clock.now - clock.stop_at <= longest_stop(DRAIN)
