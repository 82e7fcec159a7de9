"""Draws the questions to label next: some uniformly, the others the likelier, the less sure the model is of them.

    [Candidate] -> permanent random numbers -> [Drawn], each with the chance that it had

Each question has two random numbers of its own, made of its id ("permanent random numbers", Ohlsson 1995). The uniform
share are the questions with the smallest first numbers. The others are those with the smallest second numbers, divided
by their size (sequential Poisson sampling, Ohlsson 1998; priority sampling, Duffield et al. 2007): the standard
deviation of being right, sqrt(p (1 - p)), as Neyman (1934) allocates. What is labelled already keeps its place in both
orders and is passed over, so that drawing again goes on where it ended, and what came meanwhile takes its place. No
question is chosen for certain: each has a chance, which is known, and weighted by it the labels estimate without bias.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Literal

Sampling = Literal["random", "chosen"]

# Of a question that the model is as sure of as can be; a chance of 0 would leave its errors unseen for ever.
_LEAST_SIZE: Final = 0.05


@dataclass(frozen=True, slots=True)
class Candidate:
    """A question that was answered or declined.

    Attributes:
        question_id: of the question.
        confidence: 0 to 1, that the candidate answer is right.
    """

    question_id: str
    confidence: float


@dataclass(frozen=True, slots=True)
class Drawn:
    """A question to label.

    Attributes:
        question_id: of the question.
        sampling: random: of the uniform share; chosen: the likelier, the less sure the model is.
        inclusion_probability: its chance to be drawn, in either way.
    """

    question_id: str
    sampling: Sampling
    inclusion_probability: float


def draw(candidates: Sequence[Candidate], labelled: Collection[str], count: int, random_share: float) -> list[Drawn]:
    """Draws questions that are not labelled yet.

    Args:
        candidates: all questions, labelled or not, each once.
        labelled: the ids of those that are labelled.
        count: how many are wanted; fewer where there are no more.
        random_share: how many of them are drawn uniformly, 0 to 1.
    """
    wanted = math.ceil(count * random_share)
    ranks = {one.question_id: _random_number(one.question_id, "random") for one in candidates}
    random, depth = _lowest(ranks, labelled, wanted)
    passed = {*labelled, *random}
    sizes = {one.question_id: _size(one.confidence) for one in candidates}
    ranks = {name: _random_number(name, "chosen") / size for name, size in sizes.items()}
    chosen, rate = _lowest(ranks, passed, count - len(random))

    def chance(name: str) -> float:
        return 1 - (1 - min(depth, 1.0)) * (1 - min(rate * sizes[name], 1.0))

    return [
        *(Drawn(name, "random", chance(name)) for name in random),
        *(Drawn(name, "chosen", chance(name)) for name in chosen),
    ]


def uniform_share(sampling: Mapping[str, str | None]) -> tuple[set[str], float]:
    """Returns which labelled questions are a uniform draw of all, and the chance that each question had.

    These are all up to the last one of the uniform share in its order, also those that were labelled for another
    reason before it was their turn: without them the questions that are chosen often would be too few.

    Args:
        sampling: of each labelled question, as it was drawn; None where it was not.
    """
    numbers = {name: _random_number(name, "random") for name in sampling}
    depth = max((numbers[name] for name, way in sampling.items() if way == "random"), default=-1.0)
    return {name for name, number in numbers.items() if number <= depth}, depth


def _lowest(ranks: dict[str, float], passed_over: Collection[str], count: int) -> tuple[list[str], float]:
    """Returns the names of lowest rank, and the rank below which everything was taken or passed over."""
    if count <= 0:
        return [], 0.0
    ordered = sorted(ranks, key=ranks.__getitem__)
    taken = [name for name in ordered if name not in passed_over]
    # The first that is left out bounds it: the last that is taken would make the chances a little too small.
    bound = ranks[taken[count]] if len(taken) > count else math.inf
    return taken[:count], bound


def _size(confidence: float) -> float:
    return max(math.sqrt(confidence * (1 - confidence)), _LEAST_SIZE)


def _random_number(question_id: str, purpose: Sampling) -> float:
    """Returns a number, 0 to 1, that is the same for a question every time."""
    return int.from_bytes(hashlib.sha256(f"{purpose}\n{question_id}".encode()).digest()[:7]) / 2**56
