"""A reader's handles are replaced where they got no answer."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

import pytest
from confluent_kafka import KafkaError, KafkaException, Message, TopicPartition

from spanstream.consumer.broker.kafka import KafkaPartitionReader, lookup, partition_reader
from spanstream.consumer.broker.protocols import Partition
from spanstream.consumer.errors import Retryable
from spanstream.consumer.settings import KafkaSettings

ZERO = Partition("t", 0)


@dataclass
class Handle:
    """A consumer that answers, or one that is cut off for good."""

    answers: bool
    is_closed: bool = False
    asked: list[list[TopicPartition]] = field(default_factory=list)
    report: Callable[[KafkaError], None] = lambda _: None
    to_report: list[KafkaError] = field(default_factory=list)

    def offsets_for_times(self, asked: list[TopicPartition], timeout: float) -> list[TopicPartition]:
        del timeout
        self.asked.append(asked)
        if not self.answers:
            raise KafkaException(KafkaError(KafkaError._TIMED_OUT))
        return [TopicPartition(one.topic, one.partition, 7) for one in asked]

    def list_topics(self, topic: str, timeout: float) -> SimpleNamespace:
        del timeout
        if not self.answers:
            raise KafkaException(KafkaError(KafkaError._TIMED_OUT))
        return SimpleNamespace(topics={topic: SimpleNamespace(error=None, partitions={0: None})})

    def consume(self, most: int, timeout: float) -> list[Message]:
        del most, timeout
        return []

    def incremental_assign(self, partitions: list[TopicPartition]) -> None:
        self.asked.append(partitions)

    def assign(self, partitions: list[TopicPartition]) -> None: ...

    def unassign(self) -> None: ...

    def poll(self, timeout: float) -> None: ...

    def close(self) -> None:
        self.is_closed = True
        for error in self.to_report:
            self.report(error)


def replace_handles(monkeypatch: pytest.MonkeyPatch, make: Callable[..., Handle]) -> None:
    for module in (partition_reader, lookup):
        monkeypatch.setattr(module, "new_consumer", make)


def test_a_handle_that_got_no_answer_is_closed_and_a_new_one_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    followed, dead, deaf, alive = (
        Handle(answers=True),
        Handle(answers=False),
        Handle(answers=False),
        Handle(answers=True),
    )
    handles = iter([followed, dead, deaf, alive])
    replace_handles(monkeypatch, lambda *_: next(handles))
    reader: Any = KafkaPartitionReader(KafkaSettings())
    with pytest.raises(Retryable):
        reader.end_offsets([ZERO])
    with pytest.raises(Retryable):
        reader.read_at(ZERO, 3, timeout_seconds=0.001)
    assert reader.end_offsets([ZERO]) == {ZERO: 7}
    assert reader.begin_offsets([ZERO]) == {ZERO: 7}
    assert [handle.is_closed for handle in (followed, dead, deaf, alive)] == [False, True, True, False]
    assert len(alive.asked) == 2


def test_one_that_got_no_answer_about_a_topic_is_replaced_and_what_it_followed_goes_on(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    dead, alive = Handle(answers=False), Handle(answers=True)
    handles = iter([dead, alive])
    replace_handles(monkeypatch, lambda *_: next(handles))
    reader: Any = KafkaPartitionReader(KafkaSettings())
    reader.follow({ZERO: 5})
    with pytest.raises(Retryable):
        reader.partitions("t")
    assert reader.partitions("t") == [ZERO]
    assert dead.is_closed
    assert [(one.partition, one.offset) for [one] in alive.asked] == [(0, 5)]


def test_one_that_got_no_answer_about_a_topics_id_is_replaced(monkeypatch: pytest.MonkeyPatch) -> None:
    class Admin:
        made = 0

        def __init__(self, *_: object, **__: object) -> None:
            Admin.made += 1
            self._number = Admin.made

        def topic_id(self, _: str) -> str:
            if self._number == 1:
                raise Retryable("no answer")
            return "id"

    replace_handles(monkeypatch, lambda *_: Handle(answers=True))
    monkeypatch.setattr(partition_reader, "TopicAdmin", Admin)
    reader: Any = KafkaPartitionReader(KafkaSettings())
    with pytest.raises(Retryable):
        reader.topic_id("t")
    assert reader.topic_id("t") == "id"


def test_what_a_reader_of_a_replaced_topic_reported_last_does_not_stop_the_one_of_the_new_topic(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Its last events are heard while it is closed: that the old topic is gone is one of them."""
    ids = iter(["old", "new"])
    admin = SimpleNamespace(topic_id=lambda _: next(ids))
    gone = KafkaError(KafkaError.UNKNOWN_TOPIC_OR_PART)
    replace_handles(monkeypatch, lambda _, report: Handle(answers=True, report=report, to_report=[gone]))
    monkeypatch.setattr(partition_reader, "TopicAdmin", lambda *_, **__: admin)
    reader: Any = KafkaPartitionReader(KafkaSettings())
    assert reader.topic_id("t") == "old"
    reader.follow({ZERO: None})
    assert reader.topic_id("t") == "new"
    assert reader.poll(10, 0.0) == []
