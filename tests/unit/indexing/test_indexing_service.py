"""What becomes of documents in the index, over a broker and an engine in memory."""

from __future__ import annotations

import random
import threading
from dataclasses import replace

import pytest

from spanstream.consumer.broker.protocols import Partition
from spanstream.consumer.errors import Retryable, Stop
from spanstream.consumer.passages.index import DocumentPassages, SearchScope
from tests.support.memory.memory_indexing import GROUP, TOPICS, MemoryIndexing
from tests.support.passages.word_encoder import WordEncoder


@pytest.fixture
def stream() -> MemoryIndexing:
    return MemoryIndexing()


def test_documents_of_collections_are_indexed_and_others_are_not(stream: MemoryIndexing) -> None:
    stream.document("a", "One line.\nAnother line.", ["kb", "manuals"], product="press")
    stream.document("b", "In no collection.", [])
    stream.document("c", " \n ")
    member = stream.start()
    stream.settle()
    assert stream.texts() == {"a": ["One line.", "Another line."]}
    passage = next(iter(stream.index.contents()))
    assert (passage.collections, passage.metadata) == (("kb", "manuals"), {"product": "press"})
    assert passage.text == "One line.\nAnother line."[passage.place.char_start : passage.place.char_end]
    hits = stream.index.nearest(WordEncoder().embed(["another"])[0], SearchScope("manuals"), 1)
    assert [hit.place.number for hit in hits] == [1]
    assert stream.compare().is_equal
    assert member.metric("documents_total", outcome="indexed") == 1
    stream.until(lambda: member.metric("passages_stored") == 2)


def test_only_passages_whose_text_has_changed_are_embedded_again(stream: MemoryIndexing) -> None:
    member = stream.start()
    stream.document("a", "One.\nTwo.\nThree.")
    stream.settle()
    stream.document("a", "Zero.\nOne.\nTwo, changed.\nThree.", ["kb", "other"])
    stream.settle()
    assert member.encoder.embedded == ["One.", "Two.", "Three.", "Zero.", "Two, changed."]
    assert stream.texts() == {"a": ["Zero.", "One.", "Two, changed.", "Three."]}
    assert member.metric("passages_total", vector="reused") == 2
    assert stream.compare().is_equal


def test_only_the_last_of_several_versions_is_embedded(stream: MemoryIndexing) -> None:
    for version in range(40):
        stream.document("a", f"Version {version}.")
    member = stream.start()
    stream.settle()
    assert member.encoder.embedded == ["Version 39."]


def test_deleted_documents_and_those_that_left_all_collections_are_gone(stream: MemoryIndexing) -> None:
    stream.start()
    for name in ("a", "b", "c"):
        stream.document(name, f"Text of {name}.")
    stream.settle()
    stream.delete("a")
    stream.document("b", "Text of b.", [])
    stream.settle()
    assert stream.texts().keys() == {"c"}
    assert stream.compare().is_equal


def test_a_latest_record_that_is_no_document_takes_the_passages_of_the_one_before(stream: MemoryIndexing) -> None:
    member = stream.start()
    stream.document("a", "Good.")
    stream.settle()
    stream.send_raw("a", b"{")
    stream.send_raw("\x00", b"{")
    stream.settle()
    assert stream.texts() == {}
    assert member.metric("documents_total", outcome="bad") == 1
    assert stream.compare().is_equal


def test_the_first_index_is_searched_at_once_and_the_groups_offsets_follow(stream: MemoryIndexing) -> None:
    stream.document("a", "Text.")
    stream.start()
    stream.until(lambda: stream.indexes.current() is not None)
    stream.settle()
    ends = {log.partition: log.end for log in stream.broker.topic(TOPICS.documents).logs if log.end}
    stream.until(lambda: stream.broker.committed(GROUP) == ends)


def test_a_member_begins_where_the_index_is_and_not_at_the_groups_offsets(stream: MemoryIndexing) -> None:
    first = stream.start()
    stream.document("a", "Text.")
    stream.settle()
    stream.close(first)
    stream.document("a", "Changed.")
    stream.broker.groups[GROUP].committed = {
        log.partition: log.end for log in stream.broker.topic(TOPICS.documents).logs
    }
    stream.start()
    stream.settle()
    assert stream.texts() == {"a": ["Changed."]}


def test_an_engine_that_is_down_is_waited_for_and_nothing_is_lost(stream: MemoryIndexing) -> None:
    member = stream.start()
    stream.until(lambda: stream.indexes.current() is not None)
    stream.indexes.faults += ["away", "half", "silent", "away", "half"]
    for number in range(9):
        stream.document(f"d{number}", f"Text {number}.")
    stream.until(lambda: member.application.health.waiting_for == "the engine does not answer")
    stream.settle()
    assert member.application.health.waiting_for == ""
    assert not stream.indexes.faults
    assert stream.compare().is_equal
    assert len(stream.texts()) == 9
    assert member.metric("failures_total") == 5


def test_kafka_that_is_silent_is_waited_for(stream: MemoryIndexing) -> None:
    stream.start()
    stream.document("a", "Text.")
    stream.broker.fail_next("committed", Retryable("no answer"))
    stream.broker.fail_next("publish", Retryable("no answer"))
    stream.settle()
    assert stream.texts() == {"a": ["Text."]}


def write_something(stream: MemoryIndexing, draw: random.Random, step: int) -> None:
    name = f"d{draw.randrange(20)}"
    match draw.randrange(8):
        case 0:
            stream.delete(name)
        case 1:
            stream.document(name, f"Step {step}.", [])
        case _:
            stream.document(name, "\n".join(f"Line {draw.randrange(9)}." for _ in range(draw.randrange(1, 5))))


def let_something_happen(stream: MemoryIndexing, draw: random.Random) -> None:
    match draw.randrange(8):
        case 0 if len(stream.members) < 3:
            stream.start()
        case 1 if len(stream.members) > 1:
            stream.die(draw.choice(stream.members))
        case 2 if len(stream.members) > 1:
            stream.close(draw.choice(stream.members))
        case 3:
            stream.indexes.faults += draw.choices(["away", "half", "silent", ""], k=2)
        case 4 if stream.indexes.current() is not None:
            stream.rebuild(grace_seconds=draw.choice([0.0, 30.0]))
        case 5:
            stream.clock.sleep(2 * 86_400)
            for log in stream.broker.topic(TOPICS.documents).logs:
                log.compact()


@pytest.mark.parametrize("protocol", ["classic", "consumer"])
@pytest.mark.parametrize("seed", range(6))
def test_members_that_come_go_and_die_leave_what_a_fresh_index_would_hold(protocol: str, seed: int) -> None:
    stream = MemoryIndexing(partitions=4, group_protocol=protocol)
    draw = random.Random(seed)  # noqa: S311  no secret
    stream.start()
    for step in range(120):
        write_something(stream, draw, step)
        if draw.random() < 0.4:
            let_something_happen(stream, draw)
        for _ in range(draw.randrange(3)):
            for member in list(stream.members):
                stream.turn(member)
    stream.settle()
    stream.clock.sleep(600.0)  # a partition that was swept rests
    stream.until(lambda: stream.compare().is_equal)
    comparison = stream.compare()
    assert (comparison.behind, len(stream.texts())) == (0, comparison.documents)


def test_what_a_member_that_was_cut_off_writes_late_is_written_over(stream: MemoryIndexing) -> None:
    stream.start()
    stream.document("a", "Old.")
    stream.settle()
    late_positions = stream.index.positions()
    late = [passage for passage in stream.index.contents() if passage.place.document_id == "a"]
    stream.document("a", "New.")
    stream.settle()
    (number,) = {passage.place.partition for passage in late}
    stream.index.apply([DocumentPassages("a", tuple(late))], {number: late_positions[number]})
    stream.until(lambda: stream.texts() == {"a": ["New."]})
    stream.settle()
    assert stream.compare().is_equal


def test_a_topic_that_was_replaced_has_an_index_of_its_own(stream: MemoryIndexing) -> None:
    stream.start()
    stream.document("a", "Of the old topic.")
    stream.settle()
    before = stream.indexes.current()
    stream.broker.create_topic(TOPICS.documents, 2)
    stream.document("b", "Of the new topic.")
    stream.settle()
    assert stream.texts() == {"b": ["Of the new topic."]}
    assert stream.indexes.current() != before
    assert stream.compare().is_equal


def test_another_stream_that_indexes_in_the_same_place_ends_the_member(stream: MemoryIndexing) -> None:
    stream.document("a", "Text.")
    stream.start()
    stream.settle()
    other = replace(stream.index.description, topic_id="of another stream")
    stream.indexes.create("g00009", other)
    stream.indexes.switch("g00009")
    with pytest.raises(Stop, match="same place, by another stream; give each stream a SPANSTREAM_INDEX__NAME"):
        stream.until(lambda: len(stream.indexes.names()) > 2)


def test_another_encoder_ends_the_member_with_a_line_that_says_what_to_do(stream: MemoryIndexing) -> None:
    first = stream.start()
    stream.settle()
    stream.close(first)
    stream.start(WordEncoder(fingerprint="other"))
    with pytest.raises(Stop, match=r"another encoder's \(words, not other\); `spanstream index rebuild`"):
        stream.until(lambda: False)


def test_once_ends_when_what_was_there_is_indexed(stream: MemoryIndexing) -> None:
    for number in range(20):
        stream.document(f"d{number}", f"Text {number}.")
    member = stream.start()
    member.service.run(threading.Event(), once=True)
    assert len(stream.texts()) == 20
    assert stream.broker.groups[GROUP].members == {}


def test_once_ends_also_where_others_own_all_partitions(stream: MemoryIndexing) -> None:
    stream.document("a", "Text.")
    for _ in range(stream.partitions):
        stream.start()
    stream.settle()
    member = stream.start()
    stop = threading.Event()
    watchdog = threading.Timer(60.0, stop.set)
    watchdog.start()
    member.service.run(stop, once=True)
    watchdog.cancel()
    assert not stop.is_set()


def test_a_signal_ends_the_work_between_two_looks_at_the_clock(stream: MemoryIndexing) -> None:
    stop = threading.Event()
    stream.document("a", "\n".join(f"Line {number}." for number in range(600)))
    encoder = WordEncoder()
    member = stream.start(encoder)

    def embed(texts: list[str]) -> object:
        stop.set()
        return WordEncoder.embed(encoder, texts)

    encoder.embed = embed  # type: ignore[method-assign, assignment]
    member.service.run(stop)
    assert len(encoder.embedded) == 256
    assert stream.texts() == {}
    stream.members.clear()
    stream.start()
    stream.settle()
    assert stream.compare().is_equal


def test_partitions_of_others_are_not_touched(stream: MemoryIndexing) -> None:
    first, second = stream.start(), stream.start()
    stream.until(lambda: first.metric("partitions_owned") == second.metric("partitions_owned") == 1)
    for number in range(10):
        stream.document(f"d{number}", f"Text {number}.")
    stream.settle()
    assert len(stream.texts()) == 10
    assert not set(first.encoder.embedded) & set(second.encoder.embedded)
    assert first.encoder.embedded
    assert second.encoder.embedded
    lag = {"topic": TOPICS.documents, "partition": "0"}
    stream.until(lambda: first.metric("lag_records", **lag) == 0)
    stream.until(lambda: Partition(TOPICS.documents, 0) in stream.broker.committed(GROUP))
