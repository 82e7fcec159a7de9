"""The search that labelled questions about a collection are read with: texts in an index that is gone afterwards."""

from __future__ import annotations

from pathlib import Path

import pytest

from spanstream.consumer.errors import Stop
from spanstream.consumer.operations.collection_search import TextSearch, opened_text_search
from spanstream.consumer.passages.memory_index import MemoryPassageIndexes
from spanstream.consumer.settings import IndexSettings
from tests.support.passages.word_encoder import WordEncoder

TEXTS = [
    *(f"Depot {number} is closed on day {number}. Its porter is called porter{number}." for number in range(70)),
    "\n\n".join(
        f"Chapter {number} of the manual. " + f"The pump of type {number} needs oil. " * 12 for number in range(9)
    ),
    " ",
]
SETTINGS = IndexSettings(passages=4)


def filled(progress: list[int] | None = None) -> TextSearch:
    search = TextSearch(MemoryPassageIndexes(), WordEncoder(512), SETTINGS)
    search.fill(TEXTS, (progress if progress is not None else []).append)
    return search


def test_the_text_that_a_question_is_about_is_found_first_with_its_place() -> None:
    [found] = filled().find(["Who is porter33 of depot 33?"])
    text, places = next(iter(found.items()))
    assert text == TEXTS[33]
    assert [(place.rank, place.dense_rank, place.lexical_rank) for place in places] == [(1, 1, 1)]
    assert (places[0].char_start, places[0].char_end) == (0, len(text))


def test_passages_of_one_text_are_read_together_and_all_together_are_as_many_as_the_settings_say() -> None:
    manual, depot = filled().find(["Which oil needs the pump of chapter 3?", "When is depot 5 closed?"])
    assert len(manual[TEXTS[70]]) > 1
    for found in (manual, depot):
        assert sorted(place.rank for places in found.values() for place in places) == [1, 2, 3, 4]


def test_progress_is_told_in_texts() -> None:
    done: list[int] = []
    filled(done)
    assert sum(done) == len(TEXTS)
    assert len(done) > 1


def test_a_damaged_encoder_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(Stop, match="manifest"), opened_text_search(IndexSettings(encoder_path=tmp_path)):
        pass
