"""What every broker does for members of a group: the one in memory and a real Kafka, under both group protocols."""

from __future__ import annotations

import pytest

from spanstream.consumer.broker.protocols import Outgoing, Partition, Record
from spanstream.consumer.errors import Fenced, Stop
from tests.support.kafka.broker_harness import (
    GroupMember,
    Harness,
    await_markers,
    group_name,
    join,
    numbered,
    read_all,
    settle,
    until,
)


class TestGroups:
    def test_two_members_get_the_same_numbers_of_every_topic(self, grouped: Harness) -> None:
        questions, documents, group = grouped.topic(4), grouped.topic(4), group_name()
        first, second = join(grouped, group, questions, documents), join(grouped, group, questions, documents)
        settle([first, second], 8)
        for member in (first, second):
            numbers = {
                topic: {partition.number for partition in member.ownership.owned if partition.topic == topic}
                for topic in (questions, documents)
            }
            assert numbers[questions] == numbers[documents]
            assert len(numbers[questions]) == 2
        assert not first.ownership.owned & second.ownership.owned

    def test_a_partition_that_moves_is_revoked_before_it_is_assigned_anew(self, grouped: Harness) -> None:
        topic, group = grouped.topic(4), group_name()
        first = join(grouped, group, topic)
        settle([first], 4)
        moments: list[bool] = []
        second = join(grouped, group, topic)
        first.ownership.before_revoke = lambda gone: moments.append(bool(set(gone) & second.ownership.owned))
        settle([first, second], 4)
        assert moments == [False]
        assert ("revoked", frozenset(second.ownership.owned)) in first.ownership.calls or (
            "revoked",
            frozenset(Partition(topic, number) for number in range(4)),
        ) in first.ownership.calls

    def test_closing_revokes_and_hands_over(self, grouped: Harness) -> None:
        topic, group = grouped.topic(2), group_name()
        first, second = join(grouped, group, topic), join(grouped, group, topic)
        settle([first, second], 2)
        owned = frozenset(first.ownership.owned)
        first.consumer.close()
        assert first.ownership.calls[-1] == ("revoked", owned)
        settle([second], 2)

    def test_a_new_member_starts_where_the_group_committed(self, grouped: Harness) -> None:
        topic, group = grouped.topic(), group_name()
        grouped.publisher().publish(numbered(topic, range(10)), {})
        first = join(grouped, group, topic)
        until(lambda: len(first.records) == 10, first.turn)
        publisher = grouped.publisher(first.consumer)
        publisher.publish([], {Partition(topic, 0): first.records[6].next_offset})
        partition = Partition(topic, 0)
        assert first.consumer.committed([partition], 10) == {partition: first.records[6].next_offset}
        first.consumer.close()
        second = join(grouped, group, topic)
        until(lambda: len(second.records) == 3, second.turn)
        assert second.values() == [b"7", b"8", b"9"]

    def test_nothing_is_committed_in_a_new_group(self, grouped: Harness) -> None:
        topic = grouped.topic()
        member = join(grouped, group_name(), topic)
        settle([member], 1)
        assert member.consumer.committed([Partition(topic, 0)], 10) == {Partition(topic, 0): None}

    def test_a_group_without_committed_offsets_may_begin_at_the_end_and_goes_on_where_it_has_committed(
        self, grouped: Harness
    ) -> None:
        topic, group = grouped.topic(), group_name()
        partition = Partition(topic, 0)
        grouped.publisher().publish(numbered(topic, range(5)), {})
        await_markers(grouped.reader(), [partition])
        first = join(grouped, group, topic, from_the_end=True)
        until(lambda: first.consumer.position(partition) == 6, first.turn)
        grouped.publisher().publish(numbered(topic, range(5, 7)), {})
        until(lambda: len(first.records) == 2, first.turn)
        assert first.values() == [b"5", b"6"]
        grouped.publisher(first.consumer).publish([], {partition: 2})
        first.consumer.close()
        second = join(grouped, group, topic, from_the_end=True)
        until(lambda: len(second.records) == 5, second.turn)
        assert second.values() == [b"2", b"3", b"4", b"5", b"6"]

    def test_what_is_being_revoked_can_still_be_committed(self, grouped: Harness) -> None:
        topic, answers, group = grouped.topic(2), grouped.topic(), group_name()
        source = grouped.publisher()
        source.publish([*numbered(topic, range(3), 0), *numbered(topic, range(3), 1)], {})
        first = join(grouped, group, topic)
        until(lambda: len(first.records) == 6, first.turn)
        publisher = grouped.publisher(first.consumer)

        def finish(gone: object) -> None:
            assert isinstance(gone, list)
            done = {r.partition: r.next_offset for r in first.records if r.partition in gone}
            publisher.publish([Outgoing(answers, None, b"done")] * len(done), done)

        first.ownership.before_revoke = finish
        second = join(grouped, group, topic)
        settle([first, second], 2)
        for member in (first, second):
            member.records.clear()
        source.publish([*numbered(topic, range(7, 8), 0), *numbered(topic, range(7, 8), 1)], {})
        until(lambda: sum(b"7" in m.values() for m in (first, second)) == 2, first.turn, second.turn)
        assert second.values() == [b"7"]  # and not what was finished in the callback
        assert len(read_all(grouped.reader(), answers)) in (1, 2)

    def test_an_expelled_member_commits_nothing(self, grouped: Harness) -> None:
        topic, answers, group = grouped.topic(), grouped.topic(), group_name()
        grouped.publisher().publish(numbered(topic, range(3)), {})
        first = join(grouped, group, topic)
        until(lambda: len(first.records) == 3, first.turn)
        publisher = grouped.publisher(first.consumer)
        publisher.publish([], {Partition(topic, 0): 1})
        grouped.expel(first.consumer, group)
        second = join(grouped, group, topic)
        until(lambda: len(second.records) == 2, second.turn)
        with pytest.raises(Fenced):
            publisher.publish([Outgoing(answers, None, b"too late")], {Partition(topic, 0): 3})
        assert second.consumer.committed([Partition(topic, 0)], 10) == {Partition(topic, 0): 1}
        until(lambda: ("lost", frozenset({Partition(topic, 0)})) in first.ownership.calls, first.turn, second.turn)
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
        until(lambda: member.ownership.calls == expected, member.turn)
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
        first, second = Partition(topic, 0), Partition(topic, 1)
        member = join(grouped, group_name(), topic)
        settle([member], 2)
        for round_ in range(5):
            member.consumer.pause([first])
            numbers = range(round_ * 20, round_ * 20 + 20)
            source.publish([*numbered(topic, numbers, 0), *numbered(topic, numbers, 1)], {})
            seen = {first: 0, second: 0}

            def count(seen: dict[Partition, int] = seen) -> None:
                for record in member.consumer.poll(7, 0.02):
                    seen[record.partition] += 1
                    member.records.append(record)

            until(lambda seen=seen: seen[second] == 20, count)  # type: ignore[misc]  # mypy on a lambda's default
            assert seen[first] == 0
            member.consumer.resume([first])
            until(lambda seen=seen: seen[first] >= 10, count)  # type: ignore[misc]  # the same
        until(lambda: len(member.records) == 200, member.turn)
        for partition in (first, second):
            values = [record.value for record in member.records if record.partition == partition]
            assert values == [b"%d" % number for number in range(100)]

    def test_a_pause_inside_on_assigned_holds_from_the_first_record(self, grouped: Harness) -> None:
        topic = grouped.topic(2)
        grouped.publisher().publish([*numbered(topic, range(5), 0), *numbered(topic, range(5), 1)], {})
        member = GroupMember(grouped.consumer(group_name()))
        on_assigned = member.ownership.on_assigned

        def pausing(partitions: list[Partition]) -> None:
            on_assigned(partitions)
            member.consumer.pause([Partition(topic, 0)])

        member.ownership.on_assigned = pausing  # type: ignore[method-assign,assignment]  # a listener of this test's own
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
        until(lambda: len(member.ownership.calls) == 3, member.turn)
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

    def test_where_a_partition_ends_is_seen_with_what_is_read_of_it(self, grouped: Harness) -> None:
        topic = grouped.topic()
        grouped.publisher().publish(numbered(topic, range(3)), {})
        member = join(grouped, group_name(), topic)
        until(lambda: len(member.records) == 3, member.turn)
        end = 4  # three records and the transaction's marker
        until(lambda: member.consumer.seen_end(Partition(topic, 0)) == end, member.turn)
        assert member.consumer.seen_end(Partition("another", 0)) is None

    def test_a_topic_that_does_not_exist_stops_the_consumer(self, grouped: Harness) -> None:
        member = join(grouped, group_name(), "no-such-topic")
        with pytest.raises(Stop, match="no-such-topic"):
            until(lambda: False, member.turn)

    def test_positions_are_not_known_before_anything_was_read(self, broker: Harness) -> None:
        topic = broker.topic()
        member = join(broker, group_name(), topic)
        assert member.consumer.position(Partition(topic, 0)) is None
