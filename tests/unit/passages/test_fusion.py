"""Two rankings become one: what both have found comes first, whatever scale their scores have."""

from __future__ import annotations

import pytest

from spanstream.consumer.passages.fusion import fuse
from spanstream.consumer.passages.index import PassageHit, PassagePlace


def hit(name: str, score: float) -> PassageHit:
    return PassageHit(PassagePlace(name, 0, 0, 10, "0" * 64, 0), score)


DENSE = [hit("a", 0.9), hit("b", 0.8), hit("c", 0.7)]
LEXICAL = [hit("c", 21.0), hit("d", 20.0)]


def test_scores_are_the_sums_of_reciprocal_ranks() -> None:
    fused = {one.place.document_id: one for one in fuse(DENSE, LEXICAL, 10)}
    assert fused["c"].score == pytest.approx(1 / 63 + 1 / 61)
    assert fused["a"].score == pytest.approx(1 / 61)
    assert (fused["c"].dense_rank, fused["c"].lexical_rank) == (3, 1)
    assert (fused["d"].dense_rank, fused["d"].lexical_rank) == (None, 2)


def test_the_best_come_first_and_equal_ones_in_the_order_of_their_ids() -> None:
    assert [one.place.document_id for one in fuse(DENSE, LEXICAL, 10)] == ["c", "a", "b", "d"]
    assert [one.place.document_id for one in fuse(DENSE, LEXICAL, 2)] == ["c", "a"]


def test_one_ranking_alone_keeps_its_order() -> None:
    assert [one.place.document_id for one in fuse(DENSE, [], 10)] == ["a", "b", "c"]
    assert fuse([], [], 10) == []
