"""Splits questions into halves and folds, and keeps those of one article or text together."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

import numpy as np
from sklearn.model_selection import GroupKFold

from spanstream.models.arrays import BoolArray, Int64Array
from spanstream.models.metrics.reading import ReadQuestion

_FOLDS: Final = 10
_LEAST_GROUPS: Final = 4
_SEED: Final = 20


def groups_of(reads: Sequence[ReadQuestion]) -> tuple[str, Int64Array]:
    """Groups questions by article, text or not at all, the first of which there are enough.

    Returns:
        The kind of the groups, and (questions,) group numbers.
    """
    kinds: tuple[tuple[str, list[str]], ...] = (
        ("article", [read.example.article for read in reads]),
        ("text", [read.example.context for read in reads]),
    )
    for kind, keys in kinds:
        groups = np.unique(keys, return_inverse=True)[1].astype(np.int64)
        if groups.max() + 1 >= _LEAST_GROUPS:
            return kind, groups
    return "question", np.arange(len(reads))


def first_half_of(groups: Int64Array) -> BoolArray:
    """Returns (questions,) a mask of whole groups with about half of the questions, drawn with a fixed seed."""
    sizes = np.bincount(groups)
    sides = np.zeros(2, dtype=np.int64)
    is_first = np.zeros(len(sizes), dtype=np.bool_)
    for group in np.random.default_rng(_SEED).permutation(len(sizes)):
        side = int(sides[0] > sides[1])
        sides[side] += sizes[group]
        is_first[group] = side == 0
    return is_first[groups]


def folds_of(groups: Int64Array, right: BoolArray, among: BoolArray) -> Iterator[tuple[BoolArray, BoolArray]]:
    """Yields (fitted on, held out) masks. Whole groups are held out; right and wrong candidates are fitted on."""
    places = np.flatnonzero(among)
    folds = min(_FOLDS, len(np.unique(groups[places])))
    for kept, left_out in GroupKFold(folds).split(places, groups=groups[places]):
        masks = np.zeros((2, len(groups)), dtype=np.bool_)
        masks[0, places[kept]] = masks[1, places[left_out]] = True
        if len(np.unique(right[masks[0]])) == 2:  # noqa: PLR2004  right and wrong
            yield masks[0], masks[1]
