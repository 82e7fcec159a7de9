"""What the desk says of the consumers: by their lag and members, asked now and then."""

from __future__ import annotations

import threading

import pytest

from spanstream.consumer.broker.protocols import Partition
from spanstream.consumer.desk.view.group_watch import GroupWatch
from spanstream.consumer.errors import Retryable
from tests.support.desk.desk_scene import StandingGroup
from tests.support.kafka.program import PATIENCE, until
from tests.support.memory.fake_time import FakeClock

NOT_ASKED = "not asked yet"


class AwayGroup(StandingGroup):
    """Does not answer."""

    def lag(self, _: str, __: object) -> dict[Partition, int]:
        raise Retryable("no answer in time")


class CountedGroup(StandingGroup):
    """Counts how often it is asked."""

    asked = 0

    def lag(self, group_id: str, topics: object) -> dict[Partition, int]:
        self.asked += 1
        return super().lag(group_id, topics)


class SilentGroup(StandingGroup):
    """Answers once it is told to, or when nobody would wait any more."""

    def __init__(self) -> None:
        super().__init__()
        self.answers = threading.Event()

    def lag(self, group_id: str, topics: object) -> dict[Partition, int]:
        self.answers.wait(PATIENCE)
        return super().lag(group_id, topics)


@pytest.mark.parametrize(
    ("group", "verdict"),
    [
        (StandingGroup(lag=0, members=2), "ready"),
        (StandingGroup(lag=7, members=1), "behind"),
        (StandingGroup(lag=7, members=0), "stopped"),
        (AwayGroup(), "unknown"),
    ],
)
def test_one_word_says_how_the_consumers_are(group: StandingGroup, verdict: str) -> None:
    watch = GroupWatch(group, "g", ("t",), FakeClock())
    until(lambda: watch.state().problem != NOT_ASKED, "an answer")
    assert watch.state().verdict == verdict


def test_kafka_is_asked_now_and_then_however_many_look() -> None:
    clock, group = FakeClock(), CountedGroup()
    watch = GroupWatch(group, "g", ("t",), clock)
    until(lambda: watch.state().verdict == "ready", "an answer")
    for _ in range(10):
        watch.state()
    assert group.asked == 1
    clock.sleep(6)
    watch.state()
    until(lambda: group.asked == 2, "another question")


def test_no_page_waits_for_a_kafka_that_does_not_answer() -> None:
    group = SilentGroup()
    watch = GroupWatch(group, "g", ("t",), FakeClock())
    assert watch.state().problem == NOT_ASKED
    assert not group.answers.is_set()
    group.answers.set()
    until(lambda: watch.state().verdict == "ready", "an answer")
