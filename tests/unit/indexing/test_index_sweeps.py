"""What a member does that was away for so long that it may have missed deletions."""

from __future__ import annotations

import threading

import pytest

from spanstream.consumer.broker.memory.log import Log
from spanstream.consumer.broker.protocols import Outgoing, Partition, PartitionReader
from spanstream.consumer.errors import Retryable, Stop
from spanstream.consumer.indexing.status import index_status
from spanstream.consumer.indexing.sweeping.due import safe_seconds
from spanstream.consumer.passages.memory_index import MemoryPassageIndex
from tests.support.memory.memory_indexing import TOPICS, IndexingMember, MemoryIndexing

HOUR = 3600.0
DAY = 24 * HOUR


@pytest.fixture
def stream() -> MemoryIndexing:
    return MemoryIndexing()


def logs(stream: MemoryIndexing) -> list[Log]:
    return stream.broker.topic(TOPICS.documents).logs


def compact(stream: MemoryIndexing) -> None:
    for log in logs(stream):
        log.compact()


def fill(stream: MemoryIndexing, count: int = 6) -> IndexingMember:
    """Has documents indexed; returns the member."""
    for number in range(count):
        stream.document(f"d{number}", f"Text {number}.")
    member = stream.start()
    stream.settle()
    return member


def miss_deletions(stream: MemoryIndexing, names: list[str], seconds: float = 2 * DAY) -> None:
    """Deletes documents of which nothing is left in the topic when the next member starts."""
    for name in names:
        stream.delete(name)
    compact(stream)
    stream.clock.sleep(seconds)


def sweeps(member: IndexingMember, because: str = "away_too_long") -> float:
    return member.metric("sweeps_total", because=because)


def due(stream: MemoryIndexing) -> list[str]:
    """Returns what `index status` says of the partitions."""
    name, reader = stream.indexes.current() or "", stream.broker.reader()
    status = index_status(stream.indexes, name, stream.index, reader, TOPICS.documents, now_ms=stream.clock.now_ms())
    return [partition.sweep_because for partition in status.partitions]


def await_swept(stream: MemoryIndexing) -> None:
    stream.settle()
    stream.until(lambda: not any(due(stream)))
    comparison = stream.compare()
    assert comparison.is_equal, comparison


def test_documents_whose_tombstones_were_gone_before_a_member_came_are_taken_out_and_nothing_is_embedded(
    stream: MemoryIndexing,
) -> None:
    stream.close(fill(stream))
    miss_deletions(stream, ["d0", "d3", "d4"])
    stream.document("d5", "Text 5.", ["other"])
    assert due(stream) == ["away_too_long"] * 2
    assert stream.compare().ghosts == ("d0", "d3", "d4")
    member = stream.start()
    await_swept(stream)
    assert stream.texts().keys() == {"d1", "d2", "d5"}
    assert member.encoder.embedded == []
    assert (sweeps(member), member.metric("documents_total", outcome="removed")) == (2, 3)


def test_a_member_that_was_away_for_less_sweeps_nothing(stream: MemoryIndexing) -> None:
    stream.close(fill(stream))
    stream.delete("d0")
    stream.clock.sleep(0.8 * DAY)
    member = stream.start()
    stream.settle()
    assert due(stream) == ["", ""]
    assert sweeps(member) == 0
    assert stream.compare().is_equal


def test_a_member_that_had_nothing_to_do_for_days_and_was_killed_sweeps_nothing_on_its_return(
    stream: MemoryIndexing,
) -> None:
    member = fill(stream)
    for _ in range(30):
        stream.clock.sleep(3 * HOUR)
        for _ in range(3):
            stream.turn(member)
    stream.die(member)
    stream.clock.sleep(12 * HOUR)
    member = stream.start()
    await_swept(stream)
    assert sweeps(member) == 0


def test_a_member_that_stood_still_for_days_sweeps_as_one_that_was_away(stream: MemoryIndexing) -> None:
    member = fill(stream)
    miss_deletions(stream, ["d1", "d2"])
    await_swept(stream)
    assert sweeps(member) == 2
    assert stream.texts().keys() == {"d0", "d3", "d4", "d5"}


def test_a_topic_that_forgets_sooner_is_swept_sooner(stream: MemoryIndexing) -> None:
    stream.broker.topic(TOPICS.documents).tombstone_seconds = HOUR
    stream.close(fill(stream))
    miss_deletions(stream, ["d1"], HOUR)
    member = stream.start()
    await_swept(stream)
    assert sweeps(member) == 2


def test_an_index_that_an_earlier_version_wrote_is_swept_once(stream: MemoryIndexing) -> None:
    stream.close(fill(stream))
    assert isinstance(stream.index, MemoryPassageIndex)
    stream.index.__dict__["_marks"].clear()
    miss_deletions(stream, ["d1"], 1.0)
    assert due(stream) == ["no_mark", "no_mark"]
    member = stream.start()
    await_swept(stream)
    assert sweeps(member, "no_mark") == 2
    stream.close(member)
    member = stream.start()
    await_swept(stream)
    assert sweeps(member, "no_mark") == 0


def test_documents_that_retention_or_an_administrator_deletes_go_from_the_index_too(stream: MemoryIndexing) -> None:
    member = fill(stream)
    kept = {record.key.decode() for log in logs(stream) for record in log.read(log.end - 2, 9) if record.key}
    for log in logs(stream):
        log.cut_before(log.end - 2)
    stream.until(lambda: sweeps(member, "records_deleted") == 2)
    await_swept(stream)
    assert stream.texts().keys() == kept


def test_documents_that_the_topic_lost_with_its_end_go_and_those_that_come_in_their_place_are_indexed(
    stream: MemoryIndexing,
) -> None:
    stream.close(fill(stream, 8))
    for log in logs(stream):
        log.end = 2
        log._records = log.read(0, 1)
    stream.document("new", "A new text.")
    member = stream.start()
    stream.until(lambda: sweeps(member, "end_lost") >= 1)
    await_swept(stream)
    assert "new" in stream.texts()


def test_what_is_written_while_a_partition_is_swept_is_indexed_meanwhile_and_stays(stream: MemoryIndexing) -> None:
    stream.close(fill(stream, 800))
    miss_deletions(stream, [f"d{number}" for number in range(0, 800, 2)])
    member = stream.start()
    stream.until(lambda: member.metric("documents_total", outcome="removed") == 64)
    for number in range(0, 800, 80):  # some are out of the index, others not yet
        stream.document(f"d{number}", "It is back.")
    stream.document("new", "A new text.")
    stream.until(lambda: "new" in stream.texts())
    assert any(due(stream))
    await_swept(stream)
    assert len(stream.texts()) == 400 + 10 + 1


@pytest.mark.parametrize("removed", [0, 64, 128])
def test_a_member_that_dies_in_the_middle_of_a_sweep_leaves_it_to_the_next(
    stream: MemoryIndexing, removed: int
) -> None:
    stream.close(fill(stream, 800))
    miss_deletions(stream, [f"d{number}" for number in range(0, 800, 2)])
    member = stream.start()
    running = member.service._parts.sweeps
    stream.until(lambda: running.is_running and member.metric("documents_total", outcome="removed") == removed)
    stream.die(member)
    assert due(stream) == ["away_too_long"] * 2
    stream.start()
    await_swept(stream)
    assert len(stream.texts()) == 400


def test_an_engine_that_fails_in_the_middle_of_a_sweep_has_it_begun_again(stream: MemoryIndexing) -> None:
    stream.close(fill(stream, 800))
    miss_deletions(stream, [f"d{number}" for number in range(0, 800, 2)])
    member = stream.start()
    stream.until(lambda: member.metric("documents_total", outcome="removed") == 64)
    stream.indexes.faults += ["half", "away", "half"]
    await_swept(stream)
    assert not stream.indexes.faults
    assert len(stream.texts()) == 400


def test_once_ends_after_what_is_due_is_swept(stream: MemoryIndexing) -> None:
    stream.close(fill(stream))
    miss_deletions(stream, ["d0", "d3"])
    stream.start().service.run(threading.Event(), once=True)
    assert due(stream) == ["", ""]
    assert stream.texts().keys() == {"d1", "d2", "d4", "d5"}


def test_a_rebuild_counts_as_a_sweep_from_its_beginning_on(stream: MemoryIndexing) -> None:
    stream.close(fill(stream))
    stream.clock.sleep(2 * DAY)
    stream.rebuild(grace_seconds=0.0)
    assert due(stream) == ["", ""]
    miss_deletions(stream, ["d1"])
    member = stream.start()
    await_swept(stream)
    assert sweeps(member) == 2


def test_a_document_that_moved_to_another_partition_is_not_taken_out_with_what_its_old_one_lost(
    stream: MemoryIndexing,
) -> None:
    stream.close(fill(stream))
    [moved] = [one.place for one in stream.index.contents() if one.place.document_id == "d0"]
    old = Partition(TOPICS.documents, moved.partition)
    [record] = [one for one in logs(stream)[old.number].read(0, 99) if one.key == b"d0"]
    elsewhere = Outgoing(TOPICS.documents, record.key, record.value, record.headers)
    stream.delete("d0")
    compact(stream)
    logs(stream)[1 - old.number].append(elsewhere, stream.clock.now_ms())  # as after partitions were added
    stream.clock.sleep(2 * DAY)
    stream.start()
    await_swept(stream)
    assert "d0" in stream.texts()


def test_where_the_topic_may_not_be_asked_an_hour_is_counted_with(stream: MemoryIndexing) -> None:
    class Refused:
        def tombstone_seconds(self, topic: str) -> float:
            raise Stop(f"DescribeConfigs on the topic {topic}")

    refused: PartitionReader = Refused()  # type: ignore[assignment]
    assert safe_seconds(refused, TOPICS.documents) == 0.9 * HOUR
    assert safe_seconds(stream.broker.reader(), TOPICS.documents) == 0.9 * DAY
    stream.broker.topic(TOPICS.documents).tombstone_seconds = 0.0
    assert safe_seconds(stream.broker.reader(), TOPICS.documents) == 27.0


def test_a_partition_that_forgets_at_once_is_not_swept_without_end(stream: MemoryIndexing) -> None:
    stream.broker.topic(TOPICS.documents).tombstone_seconds = 0.0
    stream.close(fill(stream))
    miss_deletions(stream, ["d1"], 60.0)
    member = stream.start()
    await_swept(stream)
    for _ in range(10):
        stream.clock.sleep(40.0)  # longer than a tombstone counts, at each look
        for _ in range(5):
            stream.turn(member)
    assert sweeps(member) == 2


def test_kafka_that_is_silent_at_a_look_is_waited_for(stream: MemoryIndexing) -> None:
    stream.close(fill(stream))
    miss_deletions(stream, ["d1"])
    stream.broker.fail_next("end_offsets", Retryable("no answer"))
    member = stream.start()
    await_swept(stream)
    assert (member.metric("failures_total"), "d1" in stream.texts()) == (1, False)
