"""Fuses two rankings into one by their scores: a convex combination, as Bruch, Gai and Ingber have it (TOIS 42, 2023).

Ranks would say too much: where a question shares nothing but a product's name with the texts, all of that product's
passages match it by words nearly as well, and still one of them is the first. Their scores say so.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from spanstream.consumer.passages.index import PassageHit, PassagePlace

# What meaning counts, words the rest. Of 0.5 to 0.85, measured on questions in the texts' words and in others, it lost
# on neither (docs/collections.md).
_MEANING: Final = 0.8


@dataclass(frozen=True, slots=True)
class RankedPassage:
    """A passage with its fused score, and its ranks in both searches, counted from 1; None where it was not found."""

    place: PassagePlace
    score: float
    dense_rank: int | None
    lexical_rank: int | None


def fuse(dense: Sequence[PassageHit], lexical: Sequence[PassageHit], limit: int) -> list[RankedPassage]:
    """Returns the passages of both rankings with the highest fused scores, the best first.

    The score weighs the cosine and the share of the best match's BM25 score, which have a scale whatever engine gave
    them. A passage that was not among the nearest counts as the farthest of them, one that did not match as 0.
    """
    dense_ranks, lexical_ranks = _ranks(dense), _ranks(lexical)
    cosines, matches = _scores(dense), _scores(lexical)
    farthest, best_match = min(cosines.values(), default=0.0), max(matches.values(), default=0.0)
    fused = [
        RankedPassage(
            place,
            _MEANING * cosines.get(place, farthest) + (1 - _MEANING) * _share(matches.get(place, 0.0), best_match),
            dense_ranks.get(place),
            lexical_ranks.get(place),
        )
        for place in dense_ranks | lexical_ranks
    ]
    fused.sort(key=lambda one: (-one.score, one.place.document_id, one.place.number))
    return fused[:limit]


def _ranks(hits: Sequence[PassageHit]) -> dict[PassagePlace, int]:
    return {hit.place: rank for rank, hit in enumerate(hits, start=1)}


def _scores(hits: Sequence[PassageHit]) -> Mapping[PassagePlace, float]:
    return {hit.place: hit.score for hit in hits}


def _share(score: float, best: float) -> float:
    return score / best if best > 0 else 0.0
