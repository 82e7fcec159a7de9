"""Splits questions into halves and folds, and keeps those of one article or text together."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components
from sklearn.model_selection import GroupKFold

from spanstream.models.arrays import BoolArray, Int64Array
from spanstream.models.metrics.seen_questions import SeenQuestions, question_hash, text_hash
from spanstream.models.metrics.squad_files import Example

_FOLDS: Final = 10
_LEAST_GROUPS: Final = 4
_SEED: Final = 20


@dataclass(frozen=True, slots=True)
class Halves:
    """Labelled questions in two halves, which no group is split between.

    The same questions in the same order are halved in the same way, whoever reads them.

    Attributes:
        grouped_by: what a group is: an article (with all that share a text with it), a text or a question.
        groups: (questions,) the number of each question's group.
        first: (questions,) those that choose; the others test.
    """

    grouped_by: str
    groups: Int64Array
    first: BoolArray


def halve(examples: Sequence[Example], chose: SeenQuestions | None = None) -> Halves:
    """Halves questions.

    Args:
        examples: at least one.
        chose: questions that have taken part in choosing before; they cannot test, nor can the rest of their groups.
    """
    grouped_by, groups = groups_of(examples)
    chose = chose or SeenQuestions()
    has_chosen = chose.has_question if grouped_by == "question" else chose.has_text
    return Halves(grouped_by, groups, _first_half(groups, np.array([has_chosen(example) for example in examples])))


def groups_of(examples: Sequence[Example]) -> tuple[str, Int64Array]:
    """Groups questions by article, by text or each for itself, the first of which there are enough.

    Returns:
        The kind of the groups, and (questions,) group numbers.
    """
    texts = _numbers([text_hash(example) for example in examples])
    articles = _joined(_numbers([example.article for example in examples]), texts)
    for kind, groups in (("article", articles), ("text", texts)):
        if groups.max() + 1 >= _LEAST_GROUPS:
            return kind, groups
    return "question", _numbers([question_hash(example) for example in examples])


def _numbers(keys: Sequence[str] | Sequence[bytes]) -> Int64Array:
    return np.unique(np.array(keys, dtype=object), return_inverse=True)[1].astype(np.int64)


def _joined(groups: Int64Array, texts: Int64Array) -> Int64Array:
    """Joins groups that have a text in common."""
    nodes = int(groups.max() + texts.max()) + 2
    edges = (np.ones(len(groups)), (groups, groups.max() + 1 + texts))
    components: Int64Array = connected_components(coo_array(edges, shape=(nodes, nodes)), directed=False)[1]
    return components[groups].astype(np.int64)


def _first_half(groups: Int64Array, has_chosen: BoolArray) -> BoolArray:
    """Returns (questions,) a mask of whole groups with about half of the questions, drawn with a fixed seed.

    Groups with a question that has chosen are in it, even where that is more than half.
    """
    sizes = np.bincount(groups)
    is_first = np.bincount(groups, has_chosen) > 0
    sides = [int(sizes[is_first].sum()), 0]
    for group in np.random.default_rng(_SEED).permutation(len(sizes)).tolist():
        if not is_first[group]:
            side = int(sides[0] > sides[1])
            sides[side] += int(sizes[group])
            is_first[group] = side == 0
    mask: BoolArray = is_first[groups]
    return mask


def folds_of(groups: Int64Array, right: BoolArray, among: BoolArray) -> Iterator[tuple[BoolArray, BoolArray]]:
    """Yields (fitted on, held out) masks. Whole groups are held out; right and wrong candidates are fitted on."""
    places = np.flatnonzero(among)
    folds = min(_FOLDS, len(np.unique(groups[places])))
    for kept, left_out in GroupKFold(folds).split(places, groups=groups[places]):
        masks = np.zeros((2, len(groups)), dtype=np.bool_)
        masks[0, places[kept]] = masks[1, places[left_out]] = True
        if len(np.unique(right[masks[0]])) == 2:  # noqa: PLR2004  right and wrong
            yield masks[0], masks[1]
