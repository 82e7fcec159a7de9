"""The whole of a topic, from its beginning to where it ended."""

from __future__ import annotations

from itertools import islice

import pytest

from spanstream.consumer.broker.memory.broker import MemoryBroker
from spanstream.consumer.broker.protocols import Outgoing, Partition, Record
from spanstream.consumer.broker.reading import tail
from spanstream.consumer.errors import Stop
from tests.support.kafka.read_once import ReadOnce

TOPIC = "t"


@pytest.fixture
def broker() -> MemoryBroker:
    broker = MemoryBroker()
    broker.create_topic(TOPIC, 2)
    return broker


def put(broker: MemoryBroker, *numbers: int, partition: int = 0) -> None:
    broker.publisher().publish([Outgoing(TOPIC, None, b"%d" % number, partition=partition) for number in numbers], {})


def values(broker: MemoryBroker) -> list[bytes | None]:
    return [record.value for record in tail(broker.reader(), TOPIC)]


def test_every_record_comes_oldest_first_within_each_partition(broker: MemoryBroker) -> None:
    put(broker, 1, 2)
    put(broker, 3)
    put(broker, 11, 12, partition=1)
    records = list(tail(broker.reader(), TOPIC))
    first, second = ([r.value for r in records if r.partition.number == number] for number in (0, 1))
    assert (first, second) == ([b"1", b"2", b"3"], [b"11", b"12"])


def test_an_empty_topic_ends_at_once(broker: MemoryBroker) -> None:
    assert values(broker) == []


def test_a_topic_of_which_nothing_is_left_but_markers_ends(broker: MemoryBroker) -> None:
    put(broker, 1, 2)
    broker.cut_before(Partition(TOPIC, 0), 2)
    assert values(broker) == []
    broker.cut_before(Partition(TOPIC, 0), 3)
    assert values(broker) == []


def test_what_comes_while_it_reads_is_not_read(broker: MemoryBroker) -> None:
    put(broker, 1, 2)
    records = tail(broker.reader(), TOPIC)
    first = next(records)
    put(broker, 3, 4)
    assert [first.value, *(record.value for record in records)] == [b"1", b"2"]


def test_following_reads_what_comes_later_too(broker: MemoryBroker) -> None:
    put(broker, 1)
    records = tail(broker.reader(), TOPIC, follow=True)
    assert next(records).value == b"1"
    put(broker, 2, 3)
    assert [record.value for record in islice(records, 2)] == [b"2", b"3"]


def test_a_topic_that_does_not_exist_stops_the_program(broker: MemoryBroker) -> None:
    with pytest.raises(Stop, match="there is no topic nowhere"):
        list(tail(broker.reader(), "nowhere"))


def test_the_tests_own_readers_fail_at_an_offset_that_comes_twice() -> None:
    once = ReadOnce()
    first, second = Partition("t", 0), Partition("t", 1)
    for partition, offsets in ((first, [0, 1, 5]), (second, [0]), (first, [6])):
        records = [Record(partition, offset, None, None) for offset in offsets]
        assert list(once.check(records)) == records
    with pytest.raises(pytest.fail.Exception, match=r"t\[0\] was read at 6 again"):
        list(once.check([Record(first, 6, None, None)]))
