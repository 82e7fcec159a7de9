"""Two rankings become one: what fits by meaning and by words comes first, whatever scale the engine's BM25 has."""

from __future__ import annotations

import pytest

from spanstream.consumer.passages.fusion import RankedPassage, fuse
from spanstream.consumer.passages.index import PassageHit, PassagePlace


def hit(name: str, score: float) -> PassageHit:
    return PassageHit(PassagePlace(name, 0, 0, 10, "0" * 64, 0), score)


def names(ranked: list[RankedPassage]) -> list[str]:
    return [one.place.document_id for one in ranked]


DENSE = [hit("a", 0.9), hit("b", 0.8), hit("c", 0.7)]
LEXICAL = [hit("c", 20.0), hit("d", 15.0)]


def test_scores_weigh_the_cosine_and_the_share_of_the_best_match() -> None:
    fused = {one.place.document_id: one for one in fuse(DENSE, LEXICAL, 10)}
    assert fused["a"].score == pytest.approx(0.8 * 0.9)
    assert fused["c"].score == pytest.approx(0.8 * 0.7 + 0.2)
    assert fused["d"].score == pytest.approx(0.8 * 0.7 + 0.2 * 15 / 20)  # no nearer than the farthest of the nearest
    assert (fused["c"].dense_rank, fused["c"].lexical_rank) == (3, 1)
    assert (fused["d"].dense_rank, fused["d"].lexical_rank) == (None, 2)


def test_the_best_come_first_and_equal_ones_in_the_order_of_their_ids() -> None:
    assert names(fuse(DENSE, LEXICAL, 10)) == ["c", "a", "d", "b"]
    assert names(fuse(DENSE, LEXICAL, 2)) == ["c", "a"]
    assert names(fuse([hit("b", 0.5), hit("a", 0.5)], [], 10)) == ["a", "b"]


def test_matches_that_are_nearly_alike_leave_the_order_to_meaning() -> None:
    lexical = [hit("e", 2.02), hit("d", 2.01), hit("c", 2.0), hit("b", 1.99), hit("a", 1.98)]
    assert names(fuse(DENSE, lexical, 3)) == ["a", "b", "e"]


def test_the_scale_of_the_engines_scores_by_words_changes_nothing() -> None:
    in_others = [hit(one.place.document_id, one.score / 2.2) for one in LEXICAL]
    assert fuse(DENSE, in_others, 10) == fuse(DENSE, LEXICAL, 10)


def test_one_ranking_alone_keeps_its_order() -> None:
    assert names(fuse(DENSE, [], 10)) == ["a", "b", "c"]
    assert names(fuse([], LEXICAL, 10)) == ["c", "d"]
    assert fuse([], [], 10) == []
    assert names(fuse(DENSE, [hit("a", 0.0)], 10)) == ["a", "b", "c"]
