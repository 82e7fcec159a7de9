"""How often Kafka is asked for the numbers of partitions."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from spanstream.consumer.delivery.partition_counts import PartitionCounts
from spanstream.consumer.errors import Stop
from tests.support.memory.fake_time import FakeClock


class CountingReader:
    """Has two partitions of each topic, and counts how often it was asked; `missing`: of none of them."""

    def __init__(self) -> None:
        self.missing = True
        self.asked = 0

    def partitions(self, topic: str) -> Sequence[int]:
        self.asked += 1
        if self.missing:
            raise Stop(f"there is no topic {topic}")
        return range(2)


@pytest.fixture
def reader() -> CountingReader:
    return CountingReader()


def test_where_kafka_refuses_it_is_asked_again_after_a_pause(reader: CountingReader) -> None:
    clock = FakeClock()
    counts = PartitionCounts(reader, ["a", "b"], clock)  # type: ignore[arg-type]  # only what is asked here
    counts.compare_soon()
    for _ in range(100):
        counts.compare()
        clock.sleep(0.01)
    assert reader.asked <= 3
    reader.missing = False
    clock.sleep(0.5)
    counts.compare()
    assert counts.shared == 2
    counts.compare_soon()
    assert counts.shared == 0
    counts.compare()
    assert counts.shared == 2
