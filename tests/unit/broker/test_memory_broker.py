"""What tests order of the broker in memory, and its own parts; that it behaves as Kafka is the contract suite's."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spanstream.consumer.broker.memory.broker import MemoryBroker
from spanstream.consumer.broker.memory.group import assign_ranges
from spanstream.consumer.broker.partitioner import murmur2, partition_of
from spanstream.consumer.broker.protocols import Outgoing, Partition
from spanstream.consumer.errors import Retryable, SpanstreamError, Stop

ZERO = Partition("questions", 0)


@pytest.fixture
def broker() -> MemoryBroker:
    made = MemoryBroker(clock=lambda: 12.5)
    made.create_topic("questions", 1)
    made.create_topic("answers", 3)
    return made


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (b"21", -973932308),
        (b"foobar", -790332482),
        (b"a-little-bit-long-string", -985981536),
        (b"a-little-bit-longer-string", -1486304829),
        (b"lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8", -58897971),
        (b"abc", 479470107),
    ],
)
def test_murmur2_gives_what_kafkas_own_tests_expect(data: bytes, expected: int) -> None:
    # org.apache.kafka.common.utils.UtilsTest.testMurmur2, there as signed numbers
    assert murmur2(data) == expected & 0xFFFFFFFF


@given(st.binary(), st.integers(1, 100))
def test_every_key_has_a_partition(key: bytes, partitions: int) -> None:
    assert 0 <= partition_of(key, partitions) < partitions


@given(st.sets(st.text("abc", min_size=1), min_size=1), st.integers(0, 20))
def test_ranges_give_every_partition_to_one_member_and_the_same_numbers_of_each_topic(
    members: set[str], partitions: int
) -> None:
    topics = {name: [Partition(name, number) for number in range(partitions)] for name in ("one", "two")}
    assigned = assign_ranges(dict.fromkeys(members, ("one", "two")), topics)
    assert sorted(p for owned in assigned.values() for p in owned) == sorted(p for ps in topics.values() for p in ps)
    for owned in assigned.values():
        assert {p.number for p in owned if p.topic == "one"} == {p.number for p in owned if p.topic == "two"}
    sizes = [len(owned) // 2 for owned in assigned.values()]
    assert max(sizes) - min(sizes) <= 1


def test_a_member_is_given_nothing_of_a_topic_it_did_not_ask_for() -> None:
    topics = {"one": [Partition("one", 0)], "two": [Partition("two", 0)]}
    assert assign_ranges({"a": ("one",), "b": ("two",)}, topics) == {"a": set(topics["one"]), "b": set(topics["two"])}


def test_an_ordered_failure_is_raised_once_and_does_nothing(broker: MemoryBroker) -> None:
    publisher, reader, consumer = broker.publisher(), broker.reader(), broker.consumer("group")
    ordered = Retryable("ordered")
    broker.fail_next("publish", ordered)
    with pytest.raises(Retryable, match="ordered"):
        publisher.publish([Outgoing("answers", None, b"1")], {})
    assert broker.records("answers") == []
    publisher.publish([Outgoing("answers", None, b"1")], {})
    broker.fail_next("read_at", ordered)
    broker.fail_next("end_offsets", ordered)
    broker.fail_next("committed", ordered)
    broker.fail_next("poll", ordered)
    for call in (
        lambda: reader.read_at(ZERO, 0, 1),
        lambda: consumer.end_offsets("questions"),
        lambda: consumer.committed([ZERO], 1),
        lambda: reader.poll(1, 0),
    ):
        with pytest.raises(Retryable, match="ordered"):
            call()
        call()


def test_a_lost_reply_hides_a_publish_that_happened_and_the_same_call_is_recognised(broker: MemoryBroker) -> None:
    consumer = broker.consumer("group")
    consumer.subscribe(["questions"], _Nothing())
    consumer.poll(1, 0)
    publisher = broker.publisher(consumer)
    broker.lose_next_reply()
    with pytest.raises(Retryable, match="lost"):
        publisher.publish([Outgoing("answers", None, b"1")], {ZERO: 1})
    assert broker.committed("group") == {ZERO: 1}
    publisher.publish([Outgoing("answers", None, b"made anew")], {ZERO: 1})
    publisher.publish([Outgoing("answers", None, b"2")], {ZERO: 2})
    assert sorted(record.value or b"" for record in broker.records("answers")) == [b"1", b"2"]


def test_time_is_the_clocks(broker: MemoryBroker) -> None:
    broker.publisher().publish([Outgoing("answers", None, b"1")], {})
    assert broker.records("answers")[0].timestamp_ms == 12_500


def test_compaction_keeps_the_last_value_of_a_key_and_no_tombstones(broker: MemoryBroker) -> None:
    records = [(b"a", b"1"), (b"b", b"2"), (b"a", b"3"), (b"b", None)]
    broker.publisher().publish([Outgoing("questions", key, value) for key, value in records], {})
    broker.compact("questions")
    assert [(record.offset, record.value) for record in broker.records("questions")] == [(2, b"3")]


def test_a_partition_that_is_not_there_is_refused(broker: MemoryBroker) -> None:
    with pytest.raises(Stop, match=r"questions\[7\]"):
        broker.publisher().publish([Outgoing("questions", None, b"", partition=7)], {})
    with pytest.raises(SpanstreamError):
        broker.reader().end_offsets([Partition("nowhere", 0)])


class _Nothing:
    """A listener that does not listen."""

    def on_assigned(self, partitions: object) -> None:
        pass

    on_revoked = on_lost = on_assigned
