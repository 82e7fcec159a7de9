"""A compacted topic is read to where it ended, and nothing of it is lost where a record has to be read again."""

from __future__ import annotations

import pytest

from spanstream.consumer.broker.memory.broker import MemoryBroker
from spanstream.consumer.broker.protocols import Outgoing, Partition, Record
from spanstream.consumer.delivery.compacted_topic import CompactedTopic
from spanstream.consumer.errors import Retryable

TOPIC = "state"
ZERO, ONE = Partition(TOPIC, 0), Partition(TOPIC, 1)


class CompactedTopicScene:
    def __init__(self) -> None:
        self.broker = MemoryBroker()
        self.broker.create_topic(TOPIC, 2)
        self.taken: list[tuple[int, bytes | None]] = []
        self.refusals = 0
        self.topic = CompactedTopic(self.broker.reader(), self.take)

    def take(self, record: Record) -> None:
        if self.refusals:
            self.refusals -= 1
            raise Retryable("as the test wants it")
        self.taken.append((record.partition.number, record.key))

    def write(self, number: int, *keys: str | None) -> None:
        records = [Outgoing(TOPIC, key.encode() if key else None, b"v", partition=number) for key in keys]
        self.broker.publisher().publish(records, {})


@pytest.fixture
def scene() -> CompactedTopicScene:
    return CompactedTopicScene()


def test_partitions_are_read_to_where_they_ended_and_no_further(scene: CompactedTopicScene) -> None:
    scene.write(0, "a", None, "b")
    scene.write(1, "c")
    ends = scene.topic.load([ZERO])
    assert scene.topic.behind(ends) == {ZERO}
    while scene.topic.behind(ends):
        scene.topic.poll(ends, 0.0)
    scene.write(0, "d")
    assert scene.topic.poll(ends, 0.0) == 0
    assert scene.taken == [(0, b"a"), (0, b"b")]
    assert scene.topic.ends([ZERO])[ZERO] > ends[ZERO]


def test_a_record_that_cannot_be_taken_yet_is_taken_by_a_later_poll(scene: CompactedTopicScene) -> None:
    scene.write(0, "a", "b")
    ends = scene.topic.load([ZERO])
    scene.refusals = 2
    for _ in range(2):
        with pytest.raises(Retryable):
            scene.topic.poll(ends, 0.0)
        assert scene.topic.behind(ends) == {ZERO}
    while scene.topic.behind(ends):
        scene.topic.poll(ends, 0.0)
    assert scene.taken == [(0, b"a"), (0, b"b")]


def test_what_is_released_is_not_read_and_what_is_loaded_again_is_read_from_the_beginning(
    scene: CompactedTopicScene,
) -> None:
    scene.write(0, "a")
    scene.write(1, "b")
    ends = scene.topic.load([ZERO, ONE])
    scene.topic.release([ONE])
    while scene.topic.behind({ZERO: ends[ZERO]}):
        scene.topic.poll(ends, 0.0)
    again = scene.topic.load([ZERO])
    while scene.topic.behind(again):
        scene.topic.poll(again, 0.0)
    assert scene.taken == [(0, b"a"), (0, b"a")]
