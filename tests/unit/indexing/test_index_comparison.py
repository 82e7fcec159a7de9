"""The comparison of the index with its topic finds whatever is wrong with it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from spanstream.consumer.passages.index import DocumentPassages, Passage
from tests.support.memory.memory_indexing import MemoryIndexing

Damage = Callable[[tuple[Passage, ...]], tuple[Passage, ...]]


@pytest.fixture
def stream() -> MemoryIndexing:
    stream = MemoryIndexing(partitions=1)
    stream.start()
    for name in ("a", "b", "c"):
        stream.document(name, f"First line of {name}.\nSecond line of {name}.", language="en")
    stream.settle()
    return stream


def damage(stream: MemoryIndexing, name: str, do: Damage) -> None:
    passages = tuple(passage for passage in stream.index.contents() if passage.place.document_id == name)
    stream.index.apply([DocumentPassages(name, do(passages))], {})


def of_version(passage: Passage, sha256: str) -> Passage:
    return replace(passage, place=replace(passage.place, document_sha256=sha256))


def test_an_index_that_is_right_is_equal(stream: MemoryIndexing) -> None:
    comparison = stream.compare()
    assert (comparison.is_equal, comparison.documents, comparison.behind) == (True, 3, 0)


def test_a_document_that_is_missing_is_found(stream: MemoryIndexing) -> None:
    damage(stream, "a", lambda _: ())
    assert stream.compare().missing == ("a",)


def test_a_document_that_is_gone_from_the_topic_is_found(stream: MemoryIndexing) -> None:
    damage(stream, "a", lambda passages: passages)
    passages = tuple(stream.index.contents())
    ghost = replace(passages[0], place=replace(passages[0].place, document_id="ghost"))
    stream.index.apply([DocumentPassages("ghost", (ghost,))], {})
    comparison = stream.compare()
    assert (comparison.ghosts, comparison.missing, comparison.outdated) == (("ghost",), (), ())


@pytest.mark.parametrize(
    "do",
    [
        lambda passages: passages[:1],
        lambda passages: (*passages, passages[1]),
        lambda passages: (replace(passages[0], text="Another text."), passages[1]),
        lambda passages: (replace(passages[0], collections=("other",)), passages[1]),
        lambda passages: (replace(passages[0], metadata={}), passages[1]),
        lambda passages: (replace(passages[0], place=replace(passages[0].place, char_end=3)), passages[1]),
        lambda passages: (
            replace(passages[0], place=replace(passages[0].place, document_sha256="0" * 64)),
            passages[1],
        ),
    ],
    ids=["one-lost", "one-twice", "text", "collections", "metadata", "place", "version"],
)
def test_a_document_with_other_passages_is_found(stream: MemoryIndexing, do: Damage) -> None:
    damage(stream, "b", do)
    comparison = stream.compare()
    assert (comparison.outdated, comparison.missing, comparison.ghosts) == (("b",), (), ())


def test_what_the_index_has_not_come_to_is_no_difference(stream: MemoryIndexing) -> None:
    stream.close(stream.members[0])
    stream.delete("a")
    stream.document("b", "Changed.")
    stream.document("d", "New.")
    comparison = stream.compare()
    assert (comparison.is_equal, comparison.behind, comparison.documents) == (True, 3, 3)
