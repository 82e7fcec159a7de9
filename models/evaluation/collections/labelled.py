"""Reads a collection and labelled questions about it: SQuAD v2.0 files whose paragraphs together are the collection."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from spanstream.models.calibrating.collection import LEAST_OF_A_KIND
from spanstream.models.errors import BuildError
from spanstream.models.evaluation.observe import LabelledQuestion
from spanstream.models.metrics.squad_files import read_paragraphs


@dataclass(frozen=True, slots=True)
class LabelledCollection:
    """All texts of a collection, each once, and the questions about it; each one's context is one of the texts."""

    texts: Sequence[str]
    questions: Sequence[LabelledQuestion]


def read_collection(files: Sequence[Path]) -> LabelledCollection:
    """Reads a collection.

    Raises:
        SquadError: a file is not what it should be; the text names it and the question.
        BuildError: there are too few questions.
    """
    texts: dict[str, None] = {}
    questions: list[LabelledQuestion] = []
    for file in files:
        paragraphs = read_paragraphs(file)
        texts |= dict.fromkeys(paragraphs.texts)
        questions += [LabelledQuestion(file, example) for example in paragraphs.examples]
    if len(questions) < 2 * LEAST_OF_A_KIND:
        names = ", ".join(map(str, files))
        raise BuildError(
            f"{names}: {len(questions)} questions are too few for a collection's confidence: it takes "
            f"{LEAST_OF_A_KIND} candidates that are right and {LEAST_OF_A_KIND} that are wrong, so "
            f"{2 * LEAST_OF_A_KIND} questions at the least, and about 200 to be worth it"
        )
    return LabelledCollection(tuple(texts), questions)
