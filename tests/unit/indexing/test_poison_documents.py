"""A text that the encoder fails on is isolated; an encoder that fails on everything ends the work."""

from __future__ import annotations

import re

import pytest
from structlog.testing import capture_logs

from spanstream.consumer.errors import Stop
from spanstream.consumer.indexing.failed_stretch import FailedStretch
from tests.support.memory.memory_indexing import TOPICS, MemoryIndexing
from tests.support.passages.word_encoder import WordEncoder


@pytest.fixture
def stream() -> MemoryIndexing:
    return MemoryIndexing(partitions=1)


def poisoned(poison: str = "poison") -> WordEncoder:
    encoder = WordEncoder()
    encoder.poison = poison
    return encoder


def fill(stream: MemoryIndexing, count: int = 9) -> None:
    for number in range(count):
        stream.document(f"d{number}", f"Good {number}.\n{'A poison.' if number == 4 else 'Fine.'}")


def test_a_document_that_the_encoder_fails_on_has_no_passages_and_the_others_go_on(stream: MemoryIndexing) -> None:
    stream.document("d4", "It was good.")
    member = stream.start(poisoned())
    stream.settle()
    assert stream.texts().keys() == {"d4"}
    with capture_logs() as logs:
        fill(stream)
        stream.settle()
    assert stream.texts().keys() == {f"d{number}" for number in range(9) if number != 4}
    assert member.metric("documents_total", outcome="failed") == 1
    assert member.metric("documents_total", outcome="indexed") == 9
    [line] = [line for line in logs if line["event"] == "document_not_indexed"]
    [record] = [record for record in stream.broker.records(TOPICS.documents) if b"poison" in (record.value or b"")]
    assert (line["partition"], line["offset"]) == (str(record.partition), record.offset)
    assert line["error"] == "ValueError"
    assert "secret" not in str(line)


def test_it_is_indexed_again_with_its_next_version(stream: MemoryIndexing) -> None:
    stream.start(poisoned())
    fill(stream)
    stream.settle()
    stream.document("d4", "Mended.")
    stream.settle()
    assert stream.texts()["d4"] == ["Mended."]


def test_a_document_that_cannot_be_cut_is_isolated_too(stream: MemoryIndexing, monkeypatch: pytest.MonkeyPatch) -> None:
    def cut(text: str) -> list[tuple[int, int]]:
        if "poison" in text:
            raise RecursionError
        return [(match.start(), match.end()) for match in re.finditer(r"\w[^\n]*", text)]

    monkeypatch.setattr("tests.support.memory.memory_indexing.lines_of", cut)
    member = stream.start()
    fill(stream)
    stream.settle()
    assert len(stream.texts()) == 8
    assert member.metric("documents_total", outcome="failed") == 1
    assert stream.compare().is_equal


def test_a_rebuild_leaves_it_out_and_counts_it(stream: MemoryIndexing) -> None:
    fill(stream)
    counts = stream.rebuild(poisoned())
    assert (counts.batches.failed, counts.batches.indexed) == (1, 8)
    assert "1 failed" in str(counts)
    assert len(stream.texts()) == 8


def test_it_is_no_hole_for_a_check_as_long_as_the_encoder_fails_on_it(stream: MemoryIndexing) -> None:
    stream.start(poisoned())
    fill(stream)
    stream.settle()
    comparison = stream.compare(poisoned())
    assert (comparison.is_equal, comparison.failed) == (True, ("d4",))
    assert stream.compare(WordEncoder()).missing == ("d4",)


@pytest.mark.parametrize("documents", [20, 30])
def test_an_encoder_that_fails_on_everything_ends_the_work_with_one_line(
    stream: MemoryIndexing, documents: int
) -> None:
    for number in range(documents):
        stream.document(f"d{number}", f"Good {number}.")
    stream.start(poisoned(""))
    with pytest.raises(Stop, match="20 documents in a row"):
        stream.settle()
    with pytest.raises(Stop, match="20 documents in a row"):
        stream.rebuild(poisoned(""))


def test_a_document_that_is_tried_again_because_the_engine_is_away_counts_once() -> None:
    stretch = FailedStretch("documents")
    for _ in range(50):
        stretch.failed("poison", ValueError())
