"""What is told, and what is refused, where a group has committed nothing of partitions that hold records."""

from __future__ import annotations

import pytest
from structlog.testing import capture_logs

from spanstream.consumer.broker.memory.broker import MemoryBroker
from spanstream.consumer.broker.protocols import Outgoing, Partition
from spanstream.consumer.delivery.start_offsets import StartOffsets
from spanstream.consumer.errors import Stop
from spanstream.consumer.settings import AutoOffsetReset

ZERO, ONE, FOLLOWED = Partition("questions", 0), Partition("questions", 1), Partition("documents", 0)
ALL = (ZERO, ONE, FOLLOWED)


class Group:
    """A group, its topics with three records in each partition, and what it asks at its start."""

    def __init__(self) -> None:
        self.broker = MemoryBroker()
        self.broker.create_topic("questions", 2)
        self.broker.create_topic("documents", 1)
        for partition in ALL:
            records = [Outgoing(partition.topic, None, b"", partition=partition.number)] * 3
            self.broker.publisher(transactions=False).publish(records, {})

    def commit(self, partition: Partition, offset: int) -> None:
        self.broker.groups["group"].committed[partition] = offset

    def start_offsets(self, auto_offset_reset: AutoOffsetReset = "earliest") -> StartOffsets:
        return StartOffsets(
            self.broker.consumer("group"),
            self.broker.reader(),
            auto_offset_reset=auto_offset_reset,
            followed_topic="documents",
        )

    def told(self, auto_offset_reset: AutoOffsetReset = "earliest") -> list[str]:
        """Returns the partitions that are told at a start."""
        with capture_logs() as logs:
            self.start_offsets(auto_offset_reset).committed(ALL)
        assert {log["event"] for log in logs} <= {"no_committed_offset"}
        return [name for log in logs for name in log["partitions"]]


@pytest.fixture
def group() -> Group:
    return Group()


def test_partitions_that_hold_records_and_have_no_committed_offset_are_told(group: Group) -> None:
    assert group.told() == ["questions[0]", "questions[1]"]
    group.commit(ZERO, 0)
    assert group.told() == group.told("latest") == ["questions[1]"]


def test_they_are_told_once_by_each_member(group: Group) -> None:
    starts = group.start_offsets()
    with capture_logs() as logs:
        for _ in range(3):
            assert starts.committed(ALL) == dict.fromkeys(ALL)
    assert len(logs) == 1
    assert logs[0]["offsets"] == 6
    assert "answered before" in logs[0]["detail"]


def test_an_empty_partition_is_nothing_to_tell(group: Group) -> None:
    group.broker.cut_before(ZERO, 3)
    assert group.told() == ["questions[1]"]
    group.commit(ONE, 3)
    assert group.told("error") == []


def test_an_offset_that_retention_was_faster_than_is_told(group: Group) -> None:
    group.commit(ZERO, 1)
    group.commit(ONE, 2)
    group.broker.cut_before(ZERO, 2)
    group.broker.cut_before(ONE, 2)
    assert group.told() == ["questions[0]"]


def test_an_offset_behind_the_end_of_its_log_is_none(group: Group) -> None:
    group.commit(ZERO, 4)
    group.commit(ONE, 3)
    assert group.start_offsets().committed(ALL) == {ZERO: None, ONE: 3, FOLLOWED: None}
    assert group.told() == ["questions[0]"]


def test_error_stops_a_consumer_that_would_do_everything_again(group: Group) -> None:
    group.commit(ZERO, 3)
    with pytest.raises(Stop, match=r"questions\[1\], which hold records.*AUTO_OFFSET_RESET"):
        group.start_offsets("error").committed(ALL)
    group.commit(ONE, 0)
    assert group.start_offsets("error").committed(ALL) == {ZERO: 3, ONE: 0, FOLLOWED: None}
