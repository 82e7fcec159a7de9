"""Draws the questions to label next: some uniformly, the others spread over what is asked, as many of each.

    [Candidate] -> permanent random numbers -> [Drawn], each with the chance that it had

Each question has two random numbers of its own, made of its id ("permanent random numbers", Ohlsson 1995). The uniform
share are the questions with the smallest first numbers. The others are a stratified draw: texts that are asked again
and again, such as those of a playbook, are a group each, and what is asked rarely is one group together; the group with
the fewest labels is next, and of a group the question with the smallest second number. What is labelled already keeps
its place in both orders and is passed over, so that drawing again goes on where it ended, and what came meanwhile takes
its place. Within a group all have the same chance, which is known, and weighted by it the labels estimate without bias
as long as some are drawn uniformly: that share alone reaches the groups whose turn has not come.
"""

from __future__ import annotations

import hashlib
import heapq
import math
from collections import Counter, defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Literal

from spanstream.models.labelling.labels import INCLUSION_PROBABILITY, SAMPLING, SAMPLING_GROUP
from spanstream.models.metrics.squad_metrics import normalize_answer

Sampling = Literal["random", "spread"]

RANDOM_SHARE: Final = 0.5
"""Of the questions to label, how many are drawn uniformly where nobody says otherwise."""
RARE: Final = "rare"
"""The group of all questions whose text is asked rarely."""

# A text that is less than this share of the questions, or stands alone, is asked rarely: labels go to what is asked.
_LEAST_SHARE: Final = 0.01


@dataclass(frozen=True, slots=True)
class Candidate:
    """A question that was answered or declined.

    Attributes:
        question_id: of the question.
        group: of its text, by `group_of`.
    """

    question_id: str
    group: str


@dataclass(frozen=True, slots=True)
class Drawn:
    """A question to label.

    Attributes:
        question_id: of the question.
        sampling: random: of the uniform share; spread: the next one of the group with the fewest labels.
        group: that it was drawn of: its text's, or `RARE`.
        inclusion_probability: its chance to be drawn, in either way.
    """

    question_id: str
    sampling: Sampling
    group: str
    inclusion_probability: float

    @property
    def metadata(self) -> dict[str, str]:
        """What its label keeps of how it was drawn."""
        chance = f"{self.inclusion_probability:.6g}"
        return {SAMPLING: self.sampling, SAMPLING_GROUP: self.group, INCLUSION_PROBABILITY: chance}


def group_of(question: str) -> str:
    """Returns the group of a question's text: the same for case, punctuation and articles of any kind."""
    return hashlib.sha256(normalize_answer(question).encode()).hexdigest()[:12]


def draw(candidates: Sequence[Candidate], labelled: Collection[str], count: int, random_share: float) -> list[Drawn]:
    """Draws questions that are not labelled yet.

    Args:
        candidates: all questions, labelled or not, each once.
        labelled: the ids of those that are labelled.
        count: how many are wanted; fewer where there are no more.
        random_share: how many of them are drawn uniformly, 0 to 1.
    """
    groups = _groups(candidates)
    ordered = sorted(groups, key=lambda name: _random_number(name, "random"))
    random = [name for name in ordered if name not in labelled][: math.ceil(count * random_share)]
    depth = _depth(ordered, random)
    spread, depths = _spread(groups, {*labelled, *random}, count - len(random))
    ways: list[tuple[Sampling, list[str]]] = [("random", random), ("spread", spread)]
    return [
        Drawn(name, way, groups[name], 1 - (1 - depth) * (1 - depths[groups[name]]))
        for way, names in ways
        for name in names
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


def _groups(candidates: Sequence[Candidate]) -> dict[str, str]:
    """Returns the group of each question, where those asked rarely are one."""
    sizes = Counter(one.group for one in candidates)
    least = max(2.0, len(candidates) * _LEAST_SHARE)
    return {one.question_id: one.group if sizes[one.group] >= least else RARE for one in candidates}


def _spread(groups: dict[str, str], passed: Collection[str], count: int) -> tuple[list[str], dict[str, float]]:
    """Returns so many names, and how far each group was drawn."""
    ordered: dict[str, list[str]] = defaultdict(list)
    for name in sorted(groups, key=lambda name: _random_number(name, "spread")):
        ordered[groups[name]].append(name)
    free = {group: iter([name for name in names if name not in passed]) for group, names in ordered.items()}
    labels = Counter(groups[name] for name in passed if name in groups)
    turns = [(labels[group], _random_number(group, "spread"), group) for group in ordered]
    heapq.heapify(turns)
    taken: dict[str, list[str]] = defaultdict(list)
    while turns and count > 0:
        number, tie, group = heapq.heappop(turns)
        following = next(free[group], None)
        if following is not None:
            taken[group].append(following)
            heapq.heappush(turns, (number + 1, tie, group))
            count -= 1
    names = [name for names in taken.values() for name in names]
    return names, {group: _depth(ordered[group], taken[group]) for group in ordered}


def _depth(ordered: Sequence[str], taken: Sequence[str]) -> float:
    """Returns the share of names up to the last one that was taken: the chance that each had to be among them."""
    return (ordered.index(taken[-1]) + 1) / len(ordered) if taken else 0.0


def _random_number(name: str, purpose: Sampling) -> float:
    """Returns a number, 0 to 1, that is the same for a question, or a group, every time."""
    return int.from_bytes(hashlib.sha256(f"{purpose}\n{name}".encode()).digest()[:7]) / 2**56
