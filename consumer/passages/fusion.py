"""Fuses two rankings into one by reciprocal rank: Cormack, Clarke and Buettcher, SIGIR 2009, with its constant of 60.

Ranks need no common scale, so a cosine and a BM25 score can be fused, whatever engine gave them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from spanstream.consumer.passages.index import PassageHit, PassagePlace

_CONSTANT: Final = 60


@dataclass(frozen=True, slots=True)
class RankedPassage:
    """A passage with its fused score, and its ranks in both searches, counted from 1; None where it was not found."""

    place: PassagePlace
    score: float
    dense_rank: int | None
    lexical_rank: int | None


def fuse(dense: Sequence[PassageHit], lexical: Sequence[PassageHit], limit: int) -> list[RankedPassage]:
    """Returns the passages of both rankings with the highest sums of reciprocal ranks, the best first."""
    dense_ranks, lexical_ranks = _ranks(dense), _ranks(lexical)
    fused = [
        RankedPassage(place, _reciprocal(dense_ranks.get(place)) + _reciprocal(lexical_ranks.get(place)), *ranks)
        for place in dense_ranks | lexical_ranks
        for ranks in [(dense_ranks.get(place), lexical_ranks.get(place))]
    ]
    fused.sort(key=lambda one: (-one.score, one.place.document_id, one.place.number))
    return fused[:limit]


def _ranks(hits: Sequence[PassageHit]) -> dict[PassagePlace, int]:
    return {hit.place: rank for rank, hit in enumerate(hits, start=1)}


def _reciprocal(rank: int | None) -> float:
    return 0.0 if rank is None else 1 / (_CONSTANT + rank)
