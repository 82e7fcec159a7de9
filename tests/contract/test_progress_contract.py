"""What every broker does for who publishes with the progress of a group without members."""

from __future__ import annotations

import os

import pytest

from spanstream.consumer.broker.protocols import Outgoing, Partition
from spanstream.consumer.errors import Fenced, Stop
from tests.support.kafka.broker_harness import Harness, group_name, numbered, read_all


def test_records_and_progress_arrive_together(broker: Harness) -> None:
    source, target, group = broker.topic(2), broker.topic(), group_name()
    first, second = Partition(source, 0), Partition(source, 1)
    publisher = broker.progress_publisher(group, f"{group}.id")
    assert publisher.committed([first, second]) == {first: None, second: None}
    publisher.take_over()
    publisher.publish(numbered(target, range(3)), {first: 3})
    publisher.publish(numbered(target, range(3, 4)), {first: 3, second: 7})  # standing still is progress too
    publisher.publish([], {first: 4})
    assert [record.value for record in read_all(broker.reader(), target)] == [b"0", b"1", b"2", b"3"]
    assert broker.progress_publisher(group, "another").committed([first, second]) == {first: 4, second: 7}


def test_who_takes_over_fences_who_was_there(broker: Harness) -> None:
    source, target, group = broker.topic(), broker.topic(), group_name()
    partition = Partition(source, 0)
    first = broker.progress_publisher(group, f"{group}.id")
    first.take_over()
    first.publish(numbered(target, range(1)), {partition: 1})
    second = broker.progress_publisher(group, f"{group}.id")
    second.take_over()
    with pytest.raises(Fenced):
        first.publish(numbered(target, range(1, 2)), {partition: 2})
    second.publish(numbered(target, range(2, 3)), {partition: 3})
    assert [record.value for record in read_all(broker.reader(), target)] == [b"0", b"2"]
    assert second.committed([partition]) == {partition: 3}


def test_a_refused_publish_leaves_nothing_and_its_successor_goes_on(broker: Harness) -> None:
    source, target, group = broker.topic(), broker.topic(), group_name()
    small, partition = broker.small_topic(1000), Partition(source, 0)
    publisher = broker.progress_publisher(group, f"{group}.id")
    publisher.take_over()
    with pytest.raises(Stop, match=small):
        publisher.publish([*numbered(target, range(5)), Outgoing(small, None, os.urandom(5000))], {partition: 5})
    assert read_all(broker.reader(), target) == []
    successor = broker.progress_publisher(group, f"{group}.id")
    successor.take_over()
    assert successor.committed([partition]) == {partition: None}
    successor.publish(numbered(target, range(2)), {partition: 2})
    assert [record.value for record in read_all(broker.reader(), target)] == [b"0", b"1"]


def test_publishing_begins_with_taking_over(broker: Harness) -> None:
    topic = broker.topic()
    with pytest.raises(Stop):
        broker.progress_publisher(group_name(), "id").publish(numbered(topic, range(1)), {})
    assert read_all(broker.reader(), topic) == []
