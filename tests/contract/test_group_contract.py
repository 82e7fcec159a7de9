"""What every broker does for members of a group: the one in memory and a real Kafka, under both group protocols."""

from __future__ import annotations

import pytest

from spanstream.consumer.broker.protocols import Outgoing, Partition, Record
from spanstream.consumer.errors import Fenced, Stop
from tests.support.kafka.broker_harness import Harness, Member, group_name, join, numbered, read_all, settle, until


class TestGroups:
    def test_two_members_get_the_same_numbers_of_every_topic(self, grouped: Harness) -> None:
        questions, documents, group = grouped.topic(4), grouped.topic(4), group_name()
        one, two = join(grouped, group, questions, documents), join(grouped, group, questions, documents)
        settle([one, two], 8)
        for member in (one, two):
            numbers = {
                topic: {partition.number for partition in member.ownership.owned if partition.topic == topic}
                for topic in (questions, documents)
            }
            assert numbers[questions] == numbers[documents]
            assert len(numbers[questions]) == 2
        assert not one.ownership.owned & two.ownership.owned

    def test_a_partition_that_moves_is_revoked_before_it_is_assigned_anew(self, grouped: Harness) -> None:
        topic, group = grouped.topic(4), group_name()
        one = join(grouped, group, topic)
        settle([one], 4)
        moments: list[bool] = []
        two = join(grouped, group, topic)
        one.ownership.before_revoke = lambda gone: moments.append(bool(set(gone) & two.ownership.owned))
        settle([one, two], 4)
        assert moments == [False]
        assert ("revoked", frozenset(two.ownership.owned)) in one.ownership.told or (
            "revoked",
            frozenset(Partition(topic, number) for number in range(4)),
        ) in one.ownership.told

    def test_closing_revokes_and_hands_over(self, grouped: Harness) -> None:
        topic, group = grouped.topic(2), group_name()
        one, two = join(grouped, group, topic), join(grouped, group, topic)
        settle([one, two], 2)
        owned = frozenset(one.ownership.owned)
        one.consumer.close()
        assert one.ownership.told[-1] == ("revoked", owned)
        settle([two], 2)

    def test_a_new_member_starts_where_the_group_committed(self, grouped: Harness) -> None:
        topic, group = grouped.topic(), group_name()
        grouped.publisher().publish(numbered(topic, range(10)), {})
        one = join(grouped, group, topic)
        until(lambda: len(one.records) == 10, one.turn)
        publisher = grouped.publisher(one.consumer)
        publisher.publish([], {Partition(topic, 0): one.records[6].next_offset})
        partition = Partition(topic, 0)
        assert one.consumer.committed([partition], 10) == {partition: one.records[6].next_offset}
        one.consumer.close()
        two = join(grouped, group, topic)
        until(lambda: len(two.records) == 3, two.turn)
        assert two.values() == [b"7", b"8", b"9"]

    def test_nothing_is_committed_in_a_new_group(self, grouped: Harness) -> None:
        topic = grouped.topic()
        member = join(grouped, group_name(), topic)
        settle([member], 1)
        assert member.consumer.committed([Partition(topic, 0)], 10) == {Partition(topic, 0): None}

    def test_what_is_being_revoked_can_still_be_committed(self, grouped: Harness) -> None:
        topic, answers, group = grouped.topic(2), grouped.topic(), group_name()
        source = grouped.publisher()
        source.publish([*numbered(topic, range(3), 0), *numbered(topic, range(3), 1)], {})
        one = join(grouped, group, topic)
        until(lambda: len(one.records) == 6, one.turn)
        publisher = grouped.publisher(one.consumer)

        def finish(gone: object) -> None:
            assert isinstance(gone, list)
            done = {r.partition: r.next_offset for r in one.records if r.partition in gone}
            publisher.publish([Outgoing(answers, None, b"done")] * len(done), done)

        one.ownership.before_revoke = finish
        two = join(grouped, group, topic)
        settle([one, two], 2)
        for member in (one, two):
            member.records.clear()
        source.publish([*numbered(topic, range(7, 8), 0), *numbered(topic, range(7, 8), 1)], {})
        until(lambda: sum(b"7" in m.values() for m in (one, two)) == 2, one.turn, two.turn)
        assert two.values() == [b"7"]  # and not what was finished in the callback
        assert len(read_all(grouped.reader(), answers)) in (1, 2)

    def test_an_expelled_member_commits_nothing(self, grouped: Harness) -> None:
        topic, answers, group = grouped.topic(), grouped.topic(), group_name()
        grouped.publisher().publish(numbered(topic, range(3)), {})
        one = join(grouped, group, topic)
        until(lambda: len(one.records) == 3, one.turn)
        publisher = grouped.publisher(one.consumer)
        publisher.publish([], {Partition(topic, 0): 1})
        grouped.expel(one.consumer, group)
        two = join(grouped, group, topic)
        until(lambda: len(two.records) == 2, two.turn)
        with pytest.raises(Fenced):
            publisher.publish([Outgoing(answers, None, b"too late")], {Partition(topic, 0): 3})
        assert two.consumer.committed([Partition(topic, 0)], 10) == {Partition(topic, 0): 1}
        until(lambda: ("lost", frozenset({Partition(topic, 0)})) in one.ownership.told, one.turn, two.turn)
        assert read_all(grouped.reader(), answers) == []
        publisher.publish([Outgoing(answers, None, b"life goes on")], {})
        assert [record.value for record in read_all(grouped.reader(), answers)] == [b"life goes on"]

    def test_a_member_that_was_expelled_is_taken_back(self, grouped: Harness) -> None:
        topic, group = grouped.topic(), group_name()
        member = join(grouped, group, topic)
        settle([member], 1)
        grouped.expel(member.consumer, group)
        everything = frozenset({Partition(topic, 0)})
        expected = [("assigned", everything), ("lost", everything), ("assigned", everything)]
        until(lambda: member.ownership.told == expected, member.turn)
        grouped.publisher(member.consumer).publish([], {Partition(topic, 0): 0})

    def test_a_member_that_left_commits_nothing(self, grouped: Harness) -> None:
        topic, answers = grouped.topic(), grouped.topic()
        member = join(grouped, group_name(), topic)
        settle([member], 1)
        publisher = grouped.publisher(member.consumer)
        member.consumer.close()
        with pytest.raises(Fenced):
            publisher.publish([Outgoing(answers, None, b"too late")], {Partition(topic, 0): 1})
        assert read_all(grouped.reader(), answers) == []


class TestReadingAsAMember:
    def test_paused_partitions_keep_their_place_and_lose_nothing(self, grouped: Harness) -> None:
        topic = grouped.topic(2)
        source = grouped.publisher()
        zero, one = Partition(topic, 0), Partition(topic, 1)
        member = join(grouped, group_name(), topic)
        settle([member], 2)
        for round_ in range(5):
            member.consumer.pause([zero])
            numbers = range(round_ * 20, round_ * 20 + 20)
            source.publish([*numbered(topic, numbers, 0), *numbered(topic, numbers, 1)], {})
            seen = {zero: 0, one: 0}

            def count(seen: dict[Partition, int] = seen) -> None:
                for record in member.consumer.poll(7, 0.02):
                    seen[record.partition] += 1
                    member.records.append(record)

            until(lambda seen=seen: seen[one] == 20, count)  # type: ignore[misc] # mypy on a lambda's default
            assert seen[zero] == 0
            member.consumer.resume([zero])
            until(lambda seen=seen: seen[zero] >= 10, count)  # type: ignore[misc] # the same
        until(lambda: len(member.records) == 200, member.turn)
        for partition in (zero, one):
            values = [record.value for record in member.records if record.partition == partition]
            assert values == [b"%d" % number for number in range(100)]

    def test_a_pause_inside_on_assigned_holds_from_the_first_record(self, grouped: Harness) -> None:
        topic = grouped.topic(2)
        grouped.publisher().publish([*numbered(topic, range(5), 0), *numbered(topic, range(5), 1)], {})
        member = Member(grouped.consumer(group_name()))
        told = member.ownership.on_assigned

        def pausing(partitions: list[Partition]) -> None:
            told(partitions)
            member.consumer.pause([Partition(topic, 0)])

        member.ownership.on_assigned = pausing  # type: ignore[method-assign,assignment] # a listener of this test's own
        member.consumer.subscribe([topic], member.ownership)
        until(lambda: len(member.records) == 5, member.turn)
        for _ in range(5):
            member.turn()
        assert {record.partition.number for record in member.records} == {1}

    def test_a_pause_does_not_outlive_its_assignment(self, grouped: Harness) -> None:
        topic, group = grouped.topic(), group_name()
        member = join(grouped, group, topic)
        settle([member], 1)
        member.consumer.pause([Partition(topic, 0)])
        grouped.expel(member.consumer, group)
        until(lambda: len(member.ownership.told) == 3, member.turn)
        grouped.publisher().publish(numbered(topic, range(3)), {})
        until(lambda: len(member.records) == 3, member.turn)

    def test_the_position_passes_the_end_of_a_transaction(self, grouped: Harness) -> None:
        topic = grouped.topic()
        grouped.publisher().publish(numbered(topic, range(3)), {})
        member = join(grouped, group_name(), topic)
        end = 4  # three records and the transaction's marker
        until(lambda: member.consumer.end_offsets(topic) == {Partition(topic, 0): end})
        until(lambda: member.consumer.position(Partition(topic, 0)) == end, member.turn)
        assert len(member.records) == 3

    def test_the_position_in_an_empty_partition_becomes_its_end(self, grouped: Harness) -> None:
        topic = grouped.topic()
        member = join(grouped, group_name(), topic)
        until(lambda: member.consumer.position(Partition(topic, 0)) == 0, member.turn)

    def test_the_position_follows_what_poll_returned(self, grouped: Harness) -> None:
        topic = grouped.topic()
        grouped.publisher().publish(numbered(topic, range(10)), {})
        member = join(grouped, group_name(), topic)
        records: list[Record] = []
        until(lambda: len(records) == 4, lambda: records.extend(member.consumer.poll(4 - len(records), 0.05)))
        assert member.consumer.position(Partition(topic, 0)) == records[-1].next_offset == 4

    def test_a_topic_that_does_not_exist_stops_the_consumer(self, grouped: Harness) -> None:
        member = join(grouped, group_name(), "no-such-topic")
        with pytest.raises(Stop, match="no-such-topic"):
            until(lambda: False, member.turn)

    def test_positions_are_not_known_before_anything_was_read(self, broker: Harness) -> None:
        topic = broker.topic()
        member = join(broker, group_name(), topic)
        assert member.consumer.position(Partition(topic, 0)) is None
