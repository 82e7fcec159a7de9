"""A knowledge base that is asked in its articles' words and in other words: which search finds the article.

`make bench-retrieval ARGS="--only knowledge"` prints the figures, and those of the answers.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from bench.retrieval_data import knowledge_base, new_index
from bench.retrieval_reading import Asked, Found
from spanstream.consumer.operations.collection_search import COLLECTION, fill_index
from spanstream.consumer.passages.index import PassageIndex, SearchScope
from spanstream.consumer.passages.query_words import query_words
from spanstream.models.embedding.encoder import Encoder
from spanstream.models.metrics.squad_files import read_squad
from spanstream.models.reader import Reader
from spanstream.models.text.tokenization import sha256_of

KNOWLEDGE_BASE = Path(__file__).parent / "examples" / "knowledge_base.json"
ARTICLES = 60
# They say nothing of what a question is about, as those do not that no search looks for.
FUNCTION_WORDS = set(query_words("about all also away back from get have its must out s should than up without"))


@pytest.fixture(scope="module")
def encoder() -> Encoder:
    return Encoder.load()


@pytest.fixture(scope="module")
def index(encoder: Encoder, tmp_path_factory: pytest.TempPathFactory) -> PassageIndex:
    index = new_index(tmp_path_factory.mktemp("index") / "index", encoder)
    fill_index(index, knowledge_base("same words").texts, encoder.embed)
    return index


def found(kind: str, index: PassageIndex, encoder: Encoder) -> list[Found]:
    asked = Asked(knowledge_base(kind), index, encoder, Reader.load(), passages=5)
    return [one for one in asked.found() if one.example.has_answer]


def among_five(some: Sequence[Found], search: str) -> float:
    return float(np.mean([one.rank_of_gold(search) <= 5 for one in some]))


def test_every_article_has_a_question_in_its_words_and_two_in_other_words_with_verbatim_answers() -> None:
    examples = read_squad(KNOWLEDGE_BASE)  # which refuses an answer that is not verbatim
    assert len({one.context for one in examples}) == ARTICLES
    assert all(60 <= len(one.context.split()) <= 160 for one in examples)
    in_its_words, in_others = (
        [one for one in knowledge_base(kind).examples if one.has_answer] for kind in ("same words", "other words")
    )
    assert len(in_its_words) == len({one.context for one in in_its_words}) == ARTICLES
    assert len(in_others) == 2 * ARTICLES
    assert len([one for one in examples if not one.has_answer]) == 40


def test_a_question_in_other_words_shares_no_word_with_its_article_but_names(index: PassageIndex) -> None:
    names = {word for name in json.loads(KNOWLEDGE_BASE.read_text("utf-8"))["names"] for word in query_words(name)}
    for one in knowledge_base("other words").examples:
        words = set(query_words(one.question)) - names - FUNCTION_WORDS if one.has_answer else set()
        for word in words:
            hits = index.matching(word, SearchScope(COLLECTION), ARTICLES)  # stemmed, as a search has it
            assert sha256_of(one.context) not in {hit.place.document_id for hit in hits}, (one.id, word)


def test_in_its_own_words_both_searches_together_find_an_article(index: PassageIndex, encoder: Encoder) -> None:
    assert among_five(found("same words", index, encoder), "hybrid") >= 0.95  # measured: 1.0


def test_in_other_words_both_searches_together_find_far_more_than_words_alone(
    index: PassageIndex, encoder: Encoder
) -> None:
    some = found("other words", index, encoder)
    assert among_five(some, "hybrid") >= among_five(some, "BM25") + 0.4  # measured: 0.725 and 0.208
