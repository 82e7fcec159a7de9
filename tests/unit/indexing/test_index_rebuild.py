"""A new generation of the index, built beside the one that is searched."""

from __future__ import annotations

import pytest

from spanstream.consumer.errors import Retryable
from spanstream.consumer.indexing.rebuild import RebuildCounts
from tests.support.memory.memory_indexing import TOPICS, MemoryIndexing
from tests.support.passages.word_encoder import WordEncoder


@pytest.fixture
def stream() -> MemoryIndexing:
    stream = MemoryIndexing()
    stream.start()
    for number in range(12):
        stream.document(f"d{number}", f"Text {number}.\nAnother line of {number}.")
    stream.settle()
    return stream


def test_a_rebuild_takes_the_vectors_that_there_are_and_drops_the_old_index(stream: MemoryIndexing) -> None:
    before, texts, encoder = stream.indexes.current(), stream.texts(), WordEncoder()
    counts = stream.rebuild(encoder)
    assert (counts.batches.documents, counts.batches.reused, encoder.embedded) == (12, 24, [])
    assert stream.texts() == texts
    assert stream.indexes.names() == [stream.indexes.current()] != [before]
    assert "12 documents, 24 passages: 0 embedded, 24 reused" in str(counts)


def test_versions_that_are_no_more_are_not_embedded(stream: MemoryIndexing) -> None:
    for version in range(700):
        stream.document("d1", f"Version {version}.")
        stream.document("d2", f"Another version {version}.")
    stream.settle()
    encoder = WordEncoder()
    stream.rebuild(encoder)
    assert encoder.embedded == []
    assert stream.compare().is_equal


def test_a_rebuild_from_scratch_or_of_another_encoder_embeds_everything(stream: MemoryIndexing) -> None:
    encoder = WordEncoder()
    stream.rebuild(encoder, from_scratch=True)
    assert len(encoder.embedded) == 24
    other = WordEncoder(dimensions=32, fingerprint="other")
    stream.rebuild(other)
    assert len(other.embedded) == 24
    assert (stream.index.description.encoder, stream.index.description.dimensions) == ("other", 32)
    assert stream.compare().is_equal


def test_documents_that_flow_meanwhile_are_in_the_new_index_and_none_comes_back(stream: MemoryIndexing) -> None:
    flowing = iter(range(6))

    def watch(_: RebuildCounts) -> None:
        if (number := next(flowing, None)) is not None:
            stream.delete(f"d{number}")
            stream.document(f"d{number + 6}", f"Changed {number}.")
            stream.document(f"new{number}", "New.")
        for member in stream.members:
            stream.turn(member)

    stream.rebuild(watch=watch, grace_seconds=0.0)
    stream.document("last", "After the switch.")
    stream.settle()
    comparison = stream.compare()
    assert (comparison.is_equal, comparison.behind, comparison.documents) == (True, 0, 13)
    assert stream.texts()["d6"] == ["Changed 0."]


def test_a_running_member_goes_on_with_the_new_index_from_its_positions(stream: MemoryIndexing) -> None:
    (member,) = stream.members
    embedded = len(member.encoder.embedded)
    stream.rebuild()
    stream.document("d1", "Changed.")
    stream.settle()
    assert stream.texts()["d1"] == ["Changed."]
    assert member.encoder.embedded[embedded:] == ["Changed."]


def test_what_a_killed_rebuild_left_is_dropped_by_the_next_one(stream: MemoryIndexing) -> None:
    before = stream.indexes.current()

    def killed(_: RebuildCounts) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        stream.rebuild(watch=killed)
    assert stream.indexes.current() == before
    (left,) = {*stream.indexes.names()} - {before}
    stream.rebuild()
    assert stream.indexes.names() == [stream.indexes.current()]
    assert stream.indexes.current() not in {left, before}


def test_an_engine_that_is_away_for_a_moment_is_waited_for(stream: MemoryIndexing) -> None:
    stream.indexes.faults += ["away", "half", "away"]
    stream.rebuild()
    assert stream.compare().is_equal


def test_an_engine_that_stays_away_leaves_the_old_index(stream: MemoryIndexing) -> None:
    before = stream.indexes.current()
    stream.indexes.faults += ["away"] * 50
    with pytest.raises(Retryable, match="engine does not answer"):
        stream.rebuild(patience_seconds=5.0)
    assert stream.indexes.current() == before


def test_an_index_that_is_damaged_is_replaced_by_one_that_takes_nothing_from_it(stream: MemoryIndexing) -> None:
    stream.members.clear()
    stream.indexes.damaged.add(stream.indexes.current() or "")
    encoder = WordEncoder()
    stream.rebuild(encoder)
    assert len(encoder.embedded) == 24
    assert stream.indexes.names() == [stream.indexes.current()]
    assert stream.compare().is_equal


def test_a_topic_that_is_replaced_meanwhile_is_not_switched_to(stream: MemoryIndexing) -> None:
    before = stream.indexes.current()

    def replace(counts: RebuildCounts) -> None:
        if counts.batches.documents == 12:
            stream.broker.create_topic(TOPICS.documents, 2)

    with pytest.raises(Retryable, match="was replaced while it was read; run it again"):
        stream.rebuild(watch=replace)
    assert stream.indexes.current() == before


def test_a_first_index_that_a_member_makes_meanwhile_is_not_built_over(monkeypatch: pytest.MonkeyPatch) -> None:
    stream = MemoryIndexing()
    stream.document("d1", "A text.")
    names = stream.indexes.names

    def names_of_before() -> list[str]:
        found = names()
        if not stream.members:
            stream.start()
            stream.settle()
        return found

    monkeypatch.setattr(stream.indexes, "names", names_of_before)
    stream.rebuild()
    assert stream.indexes.names() == ["g00001", "g00002"]
    stream.document("d2", "A later text.")
    stream.settle()
    assert (stream.indexes.current(), stream.texts()) == ("g00002", {"d1": ["A text."], "d2": ["A later text."]})
