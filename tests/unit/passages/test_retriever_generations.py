"""A retriever searches the generation that is current, also while it is being replaced."""

from __future__ import annotations

from typing import Any

import pytest

from spanstream.consumer.errors import Retryable, Stop
from spanstream.consumer.passages.fusion import RankedPassage
from spanstream.consumer.passages.index import DocumentPassages, Passage, PassagePlace, SearchScope
from spanstream.consumer.passages.memory_index import MemoryPassageIndexes
from spanstream.consumer.passages.retrieval import Retriever
from spanstream.consumer.settings import IndexSettings
from tests.support.memory.fake_time import FakeClock
from tests.support.passages.indexing import description_of
from tests.support.passages.word_encoder import WordEncoder

ENCODER = WordEncoder()
TEXT = "The train leaves at 07:05."


def retriever_of(indexes: MemoryPassageIndexes, encoder: WordEncoder = ENCODER) -> Retriever:
    return Retriever(indexes, encoder, IndexSettings(uri="memory"), FakeClock())


def build(indexes: MemoryPassageIndexes, name: str) -> Any:
    """Makes a generation whose one document is called as it is, and switches to it."""
    index = indexes.create(name, description_of(ENCODER, 1))
    place = PassagePlace(name, 0, 0, len(TEXT), "0" * 64, 0)
    index.apply([DocumentPassages(name, (Passage(place, TEXT, ENCODER.embed([TEXT])[0], ("kb",), {}),))], {})
    indexes.switch(name)
    return index


def search(retriever: Retriever) -> list[str]:
    [vector] = retriever.embed(["when does the train leave ?"])
    found: list[RankedPassage] = retriever.retrieve("when does the train leave ?", vector, SearchScope("kb"))
    return [passage.place.document_id for passage in found]


def test_before_there_is_an_index_the_question_waits() -> None:
    with pytest.raises(Retryable, match="no passage index yet"):
        search(retriever_of(MemoryPassageIndexes()))


def test_an_index_of_another_encoder_is_not_searched() -> None:
    indexes = MemoryPassageIndexes()
    build(indexes, "one")
    with pytest.raises(Retryable, match="another encoder's"):
        search(retriever_of(indexes, WordEncoder(fingerprint="other")))


@pytest.mark.parametrize("error", [Retryable("it is gone"), Stop("it is gone")])
def test_a_generation_that_was_replaced_and_dropped_is_left_for_the_new_one_at_once(error: Exception) -> None:
    indexes = MemoryPassageIndexes()
    retriever, index = retriever_of(indexes), build(indexes, "one")
    assert search(retriever) == ["one"]
    build(indexes, "two")

    def gone(*_: object) -> Any:
        raise error

    index.nearest = gone
    assert search(retriever) == ["two"]


def test_an_engine_that_is_away_is_told() -> None:
    indexes = MemoryPassageIndexes()
    retriever, index = retriever_of(indexes), build(indexes, "one")

    def away(*_: object) -> Any:
        raise Retryable("no answer")

    index.nearest = away
    with pytest.raises(Retryable, match="no answer"):
        search(retriever)


@pytest.mark.parametrize("error", [Retryable("it is gone"), Stop("it is damaged")])
def test_after_an_error_the_generation_is_opened_anew_because_it_may_be_another_one_of_its_name(
    error: Exception,
) -> None:
    indexes = MemoryPassageIndexes()
    retriever, index = retriever_of(indexes), build(indexes, "one")

    def refuses(*_: object) -> Any:
        raise error

    index.nearest = refuses
    with pytest.raises(type(error)):
        search(retriever)
    build(indexes, "one")
    assert search(retriever) == ["one"]
