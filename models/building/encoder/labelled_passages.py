"""Makes passages and questions out of SQuAD v2.0 files: which passage should be found for which question."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from spanstream.models.errors import BuildError
from spanstream.models.metrics.squad_files import Example, read_squad
from spanstream.models.text.passages import passages_of


@dataclass(frozen=True, slots=True)
class LabelledPassages:
    """The passages of a file's texts, and its questions.

    Attributes:
        name: of the file.
        passages: each once, in the file's order.
        questions: those that a passage answers.
        gold: of each question, the numbers of the passages that hold one of its answers whole.
    """

    name: str
    passages: tuple[str, ...]
    questions: tuple[str, ...]
    gold: tuple[frozenset[int], ...]


def read_passages(path: Path) -> LabelledPassages:
    """Reads a file.

    Raises:
        SquadError: the file is not in the layout.
        BuildError: none of its questions has an answer in a passage.
    """
    numbers: dict[str, int] = {}
    ranges: dict[str, list[tuple[int, int]]] = {}
    labelled: dict[str, frozenset[int]] = {}
    for example in read_squad(path):
        if example.context not in ranges:
            ranges[example.context] = passages_of(example.context)
            for start, end in ranges[example.context]:
                numbers.setdefault(example.context[start:end], len(numbers))
        if gold := frozenset(numbers[passage] for passage in _gold(example, ranges[example.context])):
            labelled[example.question] = labelled.get(example.question, frozenset()) | gold
    if not labelled:
        raise BuildError(f"{path}: no question has an answer: recall cannot be measured")
    return LabelledPassages(path.name, tuple(numbers), tuple(labelled), tuple(labelled.values()))


def _gold(example: Example, ranges: list[tuple[int, int]]) -> Iterator[str]:
    for answer, begins in zip(example.answers, example.starts, strict=True):
        yield from (
            example.context[start:end] for start, end in ranges if start <= begins and begins + len(answer) <= end
        )
