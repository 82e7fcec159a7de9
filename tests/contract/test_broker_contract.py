"""What every broker does for who publishes and who reads partitions: the one in memory and a real Kafka."""

from __future__ import annotations

import os

import pytest

from spanstream.consumer.broker.kafka import KafkaPartitionReader, KafkaPublisher
from spanstream.consumer.broker.partitioner import partition_of
from spanstream.consumer.broker.protocols import Outgoing, Partition, Publisher, Record
from spanstream.consumer.errors import Fenced, Retryable, Stop, TooLarge
from spanstream.consumer.settings import KafkaSettings
from tests.support.kafka.broker_harness import (
    Harness,
    await_markers,
    group_name,
    join,
    numbered,
    read_all,
    settle,
    until,
)
from tests.support.kafka.kafka_fixtures import Topics


def publish_in_the_end(publisher: Publisher, records: list[Outgoing], offsets: dict[Partition, int]) -> None:
    """Publishes, again and again while the publisher says so."""
    for _ in range(5):
        try:
            publisher.publish(records, offsets)
        except Retryable:
            continue
        return
    pytest.fail("it is tried for ever")


class TestPublishing:
    def test_a_publish_that_is_refused_leaves_nothing_visible(self, broker: Harness) -> None:
        answers, small = broker.topic(), broker.small_topic(1000)
        topic = broker.topic()
        member = join(broker, group_name(), topic)
        settle([member], 1)
        publisher = broker.publisher(member.consumer)
        records = [
            *numbered(answers, range(50)),
            Outgoing(small, None, os.urandom(5000)),
            *numbered(answers, range(50)),
        ]
        with pytest.raises(TooLarge, match=small) as refused:
            publish_in_the_end(publisher, records, {Partition(topic, 0): 7})
        assert refused.value.record is records[50]
        assert read_all(broker.reader(), answers) == []
        assert member.consumer.committed([Partition(topic, 0)], 10) == {Partition(topic, 0): None}
        publisher.publish(numbered(answers, range(3)), {Partition(topic, 0): 7})
        assert [record.value for record in read_all(broker.reader(), answers)] == [b"0", b"1", b"2"]
        assert member.consumer.committed([Partition(topic, 0)], 10) == {Partition(topic, 0): 7}

    def test_records_that_are_too_large_only_together_are_published(self, broker: Harness) -> None:
        small = broker.small_topic(1000)
        records = [Outgoing(small, None, os.urandom(300)) for _ in range(20)]
        publish_in_the_end(broker.publisher(), records, {})
        assert [record.value for record in read_all(broker.reader(), small)] == [record.value for record in records]

    def test_without_transactions_too_they_are_published_and_one_that_is_too_large_is_named(
        self, plain: Harness
    ) -> None:
        small, publisher = plain.small_topic(1000), plain.publisher()
        records = [Outgoing(small, None, os.urandom(300)) for _ in range(20)]
        publisher.publish(records, {})  # who publishes from the command line does not try again
        assert {record.value for record in read_all(plain.reader(), small)} == {record.value for record in records}
        records.insert(7, Outgoing(small, None, os.urandom(5000)))
        with pytest.raises(TooLarge, match=small) as refused:
            publish_in_the_end(publisher, records, {})
        assert refused.value.record is records[7]

    def test_publishing_to_a_topic_that_does_not_exist_is_stopped(self, broker: Harness) -> None:
        answers = broker.topic()
        publisher = broker.publisher()
        with pytest.raises(Stop, match="no-such-topic"):
            publisher.publish([*numbered(answers, range(3)), Outgoing("no-such-topic", None, b"")], {})
        assert read_all(broker.reader(), answers) == []

    def test_offsets_without_a_member_are_refused(self, broker: Harness) -> None:
        topic = broker.topic()
        with pytest.raises(Stop):
            broker.publisher().publish(numbered(topic, range(3)), {Partition(topic, 0): 1})
        assert read_all(broker.reader(), topic) == []

    def test_publishing_nothing_is_fine(self, broker: Harness) -> None:
        broker.publisher().publish([], {})

    def test_without_transactions_records_and_offsets_arrive_too(self, plain: Harness) -> None:
        topic, answers, group = plain.topic(), plain.topic(), group_name()
        plain.publisher().publish(numbered(topic, range(5)), {})
        member = join(plain, group, topic)
        until(lambda: len(member.records) == 5, member.turn)
        plain.publisher(member.consumer).publish(numbered(answers, range(2)), {Partition(topic, 0): 3})
        assert len(read_all(plain.reader(), answers)) == 2
        assert member.consumer.committed([Partition(topic, 0)], 10) == {Partition(topic, 0): 3}
        assert member.consumer.end_offsets(topic) == {Partition(topic, 0): 5}  # no marker

    def test_without_transactions_an_expelled_member_commits_nothing(self, plain: Harness) -> None:
        topic, group = plain.topic(), group_name()
        member = join(plain, group, topic)
        settle([member], 1)
        publisher = plain.publisher(member.consumer)
        member.consumer.close()
        with pytest.raises(Fenced):
            publisher.publish([], {Partition(topic, 0): 1})

    def test_bytes_survive_as_they_are(self, broker: Harness) -> None:
        topic = broker.topic()
        every_byte = bytes(range(256))
        sent = [
            Outgoing(topic, None, None),
            Outgoing(topic, b"", b""),
            Outgoing(
                topic, every_byte, every_byte[::-1], (("a", every_byte), ("a", b""), ("", None), ("ünï", b"\x00"))
            ),
            Outgoing(topic, b"tombstone", None, (("why", None),)),
        ]
        broker.publisher().publish(sent, {})
        records = read_all(broker.reader(), topic)
        assert [(r.key, r.value, r.headers) for r in records] == [(o.key, o.value, o.headers) for o in sent]
        assert all(record.timestamp_ms is not None for record in records)

    def test_a_large_record_survives(self, broker: Harness) -> None:
        topic = broker.topic()
        large = bytes(range(256)) * (10 * 1024 * 1024 // 256)
        broker.publisher().publish([Outgoing(topic, b"large", large), Outgoing(topic, b"small", b"after")], {})
        assert [record.value for record in read_all(broker.reader(), topic)] == [large, b"after"]
        member = join(broker, group_name(), topic)
        until(lambda: len(member.records) == 2, member.turn)
        assert member.values() == [large, b"after"]

    def test_a_chosen_partition_is_kept(self, broker: Harness) -> None:
        topic = broker.topic(5)
        broker.publisher().publish([Outgoing(topic, b"key", b"", partition=n) for n in (3, 0, 3)], {})
        assert sorted(r.partition.number for r in read_all(broker.reader(), topic)) == [0, 3, 3]


class TestReadingPartitions:
    def test_partitions_are_listed_in_order(self, broker: Harness) -> None:
        topic = broker.topic(12)
        assert broker.reader().partitions(topic) == [Partition(topic, number) for number in range(12)]

    def test_a_topic_that_does_not_exist_has_no_partitions_to_list(self, broker: Harness) -> None:
        with pytest.raises(Stop, match="no-such-topic"):
            broker.reader().partitions("no-such-topic")

    def test_begins_and_ends_are_those_of_the_partitions(self, broker: Harness) -> None:
        topic = broker.topic(2)
        first, second = Partition(topic, 0), Partition(topic, 1)
        broker.publisher().publish(numbered(topic, range(3), 1), {})
        reader = broker.reader()
        await_markers(reader, [second])
        assert reader.begin_offsets([first, second]) == {first: 0, second: 0}
        assert reader.end_offsets([first, second]) == {first: 0, second: 4}
        assert reader.written_offsets([first, second]) == {first: 0, second: 4}
        assert reader.end_offsets([]) == {}

    def test_following_starts_at_the_offset_given_and_goes_on_when_others_come_and_go(self, broker: Harness) -> None:
        topic = broker.topic(3)
        first, second, third = (Partition(topic, number) for number in range(3))
        publisher = broker.publisher()
        for partition in (first, second, third):
            publisher.publish(numbered(topic, range(5), partition.number), {})
        reader = broker.reader()
        values_read: dict[Partition, list[bytes | None]] = {first: [], second: [], third: []}

        def turn() -> None:
            for record in reader.poll(2, 0.05):
                values_read[record.partition].append(record.value)

        reader.follow({first: None, second: 3})
        until(lambda: reader.position(first) == 6 and reader.position(second) == 6, turn)
        assert values_read == {first: [b"0", b"1", b"2", b"3", b"4"], second: [b"3", b"4"], third: []}
        reader.follow({first: None, third: None})
        assert reader.position(second) is None
        assert (reader.seen_end(first), reader.seen_end(second)) == (6, None)
        publisher.publish([*numbered(topic, range(5, 8), 0), *numbered(topic, range(5, 8), 1)], {})
        until(lambda: reader.position(first) == 10 and reader.position(third) == 6, turn)
        assert values_read[first] == [b"%d" % number for number in range(8)]
        assert values_read[second] == [b"3", b"4"]
        assert values_read[third] == [b"%d" % number for number in range(5)]

    def test_tombstones_are_read(self, broker: Harness) -> None:
        topic = broker.topic()
        broker.publisher().publish([Outgoing(topic, b"key", b"text"), Outgoing(topic, b"key", None)], {})
        assert [record.value for record in read_all(broker.reader(), topic)] == [b"text", None]

    def test_one_record_is_read_at_its_offset_without_disturbing_what_is_followed(self, broker: Harness) -> None:
        topic = broker.topic(2)
        publisher = broker.publisher()
        publisher.publish([*numbered(topic, range(20), 0), *numbered(topic, range(20, 40), 1)], {})
        reader = broker.reader()
        first_partition, second_partition = Partition(topic, 0), Partition(topic, 1)
        await_markers(reader, reader.partitions(topic))
        reader.follow(dict.fromkeys((first_partition, second_partition)))
        records = []

        def turn() -> None:
            records.extend(reader.poll(3, 0.05))

        for offset in (0, 19, 7, 7):
            record = reader.read_at(second_partition, offset, 20)
            assert record is not None
            assert (record.offset, record.value) == (offset, b"%d" % (offset + 20))
            turn()
        until(lambda: reader.position(first_partition) == 21 and reader.position(second_partition) == 21, turn)
        for partition, first in ((first_partition, 0), (second_partition, 20)):
            values = [record.value for record in records if record.partition == partition]
            assert values == [b"%d" % number for number in range(first, first + 20)]

    def test_there_is_no_record_at_a_marker_at_the_end_or_past_it(self, broker: Harness) -> None:
        topic = broker.topic()
        publisher = broker.publisher()
        publisher.publish(numbered(topic, range(2)), {})  # offsets 0 and 1, a marker at 2
        publisher.publish(numbered(topic, range(1)), {})  # offset 3, a marker at 4
        reader = broker.reader()
        await_markers(reader, reader.partitions(topic))
        records = [reader.read_at(Partition(topic, 0), offset, 20) for offset in (2, 3, 4, 5, 1000)]
        assert [None if record is None else record.offset for record in records] == [None, 3, None, None, None]

    def test_a_record_that_was_compacted_away_is_not_there(self, broker: Harness) -> None:
        topic = broker.compacted_topic()
        old, new, gone = (Outgoing(topic, key, value) for key, value in ((b"a", b"1"), (b"a", b"2"), (b"b", None)))
        broker.publisher().publish([old, new, gone], {})
        reader, partition = broker.reader(), Partition(topic, 0)
        await_markers(reader, reader.partitions(topic))
        assert reader.read_at(partition, 0, 20) is not None
        until(lambda: reader.read_at(partition, 0, 20) is None, lambda: broker.compact(topic))
        record = reader.read_at(partition, 1, 20)
        assert record is not None
        assert record.value == b"2"
        values = [record.value for record in read_all(broker.reader(), topic)]
        assert b"1" not in values
        assert b"2" in values

    def test_the_time_that_tombstones_are_kept_is_the_topics_own(self, broker: Harness) -> None:
        reader = broker.reader()
        assert reader.tombstone_seconds(broker.topic()) == 86_400.0
        assert reader.tombstone_seconds(broker.compacted_topic()) == 0.0
        with pytest.raises(Stop):
            reader.tombstone_seconds("no-such-topic")

    def test_what_retention_dropped_is_not_there_and_following_begins_behind_it(self, broker: Harness) -> None:
        topic = broker.topic()
        partition = Partition(topic, 0)
        broker.publisher().publish(numbered(topic, range(10)), {})
        broker.cut_before(partition, 6)
        reader = broker.reader()
        assert reader.begin_offsets([partition]) == {partition: 6}
        assert reader.read_at(partition, 5, 20) is None
        assert [record.value for record in read_all(reader, topic)] == [b"6", b"7", b"8", b"9"]
        reader.follow({partition: 2})
        records: list[Record] = []
        until(lambda: len(records) == 4, lambda: records.extend(reader.poll(10, 0.05)))
        assert records[0].offset == 6

    def test_a_topic_that_was_created_anew_has_another_id_and_is_read_from_its_beginning(self, broker: Harness) -> None:
        topic = broker.topic()
        partition = Partition(topic, 0)
        broker.publisher().publish(numbered(topic, range(5)), {})
        reader = broker.reader()
        reader.follow({partition: None})
        until(lambda: reader.position(partition) == 6, lambda: reader.poll(10, 0.05))
        assert reader.read_at(partition, 3, 20) is not None
        first = reader.topic_id(topic)
        assert reader.topic_id(topic) == broker.reader().topic_id(topic) == first
        broker.recreate(topic)
        broker.publisher().publish(numbered(topic, range(10, 30)), {})
        assert reader.topic_id(topic) != first
        reader.follow({})
        reader.follow({partition: None})
        records: list[Record] = []
        until(lambda: len(records) == 20, lambda: records.extend(reader.poll(30, 0.05)))
        assert [(record.offset, record.value) for record in records][:2] == [(0, b"10"), (1, b"11")]
        record = reader.read_at(partition, 3, 20)
        assert record is not None
        assert record.value == b"13"

    def test_a_topic_that_is_not_there_has_no_id(self, broker: Harness) -> None:
        with pytest.raises(Retryable, match="no-such-topic"):
            broker.reader().topic_id("no-such-topic")


def test_a_key_goes_to_the_partition_that_kafka_gives_it(topics: Topics) -> None:
    topic = topics.make(7)
    keys = [b"", b"a", b"ab", b"abc", b"abcd", *(os.urandom(length) for length in range(1, 200))]
    publisher = KafkaPublisher(KafkaSettings(bootstrap_servers=topics.bootstrap))
    publisher.publish([Outgoing(topic, key, None) for key in keys], {})
    publisher.close()
    reader = KafkaPartitionReader(KafkaSettings(bootstrap_servers=topics.bootstrap))
    partitions = {record.key: record.partition.number for record in read_all(reader, topic)}
    reader.close()
    assert partitions == {key: partition_of(key, 7) for key in keys}


def test_closing_what_was_never_used_is_fine(broker: Harness) -> None:
    broker.publisher().close()
    broker.reader().close()
    consumer = broker.consumer(group_name())
    consumer.close()
    consumer.close()
