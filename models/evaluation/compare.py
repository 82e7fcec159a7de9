"""Compares two artifacts on the same labelled questions, pair by pair, and says whether to take the second.

two artifacts, SQuAD files -> observe -> F1 of each question, at either's best threshold -> differences with intervals
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np

from spanstream.models.arrays import BoolArray, Float64Array, Int64Array
from spanstream.models.artifact import load_artifact
from spanstream.models.defaults import DEFAULT_MAX_WINDOWS
from spanstream.models.errors import ArtifactError, BuildError
from spanstream.models.evaluation.evaluate import Begin
from spanstream.models.evaluation.observe import LabelledQuestion, observe, open_variant_reader, read_labelled_questions
from spanstream.models.inference.cpu import available_cpus
from spanstream.models.metrics.reliability import Interval, bootstrapped
from spanstream.models.metrics.squad_metrics import Prediction, best_f1, f1_of_questions


@dataclass(frozen=True, slots=True)
class ComparedFigure:
    """A figure of both, in percent, and the difference; the intervals are over texts, of both at once."""

    before: Interval
    after: Interval
    difference: Interval


@dataclass(frozen=True, slots=True)
class ModelComparison:
    """What two artifacts score on the same questions.

    Attributes:
        questions: how many.
        texts: about how many texts.
        figures: by name, F1 over all questions first.
    """

    questions: int
    texts: int
    figures: dict[str, ComparedFigure]

    @property
    def is_better(self) -> bool:
        """Whether the second is better: its F1 over all questions is, and chance does not explain it."""
        return next(iter(self.figures.values())).difference.low > 0


def compare(
    before: Path,
    after: Path,
    data: Sequence[Path],
    *,
    begin: Begin = lambda _what, _questions: lambda _done: None,
    say: Callable[[str], None] = print,
) -> ModelComparison:
    """Compares two artifacts by their first variants for the CPU.

    Args:
        before: the folder of the one.
        after: the folder of the other.
        data: SQuAD v2.0 files that neither has learned from.
        begin: called when long work begins.
        say: called with one line for each session that cannot be used.

    Raises:
        ArtifactError: an artifact cannot be used.
        SquadError: a file is not what it should be.
        BuildError: a question cannot be read, or none has an answer.
    """
    questions = read_labelled_questions(data)
    answerable = np.array([question.example.has_answer for question in questions])
    if not answerable.any():
        raise BuildError(f"{data[0]}: no question has an answer: there is no F1 to compare")
    sides = [_predictions(folder, questions, begin, say) for folder in (before, after)]
    scores = [np.array(f1_of_questions(side, best_f1(side)[1])) for side in sides]
    always = [np.array([prediction.f1 for prediction in side]) for side in sides]
    texts = [question.example.context for question in questions]
    everything = np.ones(len(questions), dtype=np.bool_)
    figures = {
        "F1": _compared(scores, everything, texts),
        "F1 of the answerable, if all are answered": _compared(always, answerable, texts),
        "rightly declined": _compared(scores, ~answerable, texts),
    }
    return ModelComparison(
        len(questions), len(set(texts)), {name: one for name, one in figures.items() if one is not None}
    )


def _predictions(
    folder: Path, questions: Sequence[LabelledQuestion], begin: Begin, say: Callable[[str], None]
) -> list[Prediction]:
    artifact = load_artifact(folder)
    variants = artifact.variants_for("cpu")
    if not variants:
        raise ArtifactError(f"{folder}: has no variant for the CPU")
    reader = open_variant_reader(
        artifact, variants[0], threads=available_cpus(), max_windows=DEFAULT_MAX_WINDOWS, report=say
    )
    observations = observe(questions, reader, progress=begin(f"read with {folder.name}", len(questions)))
    reader.close()
    return [one.read.prediction(one.read.reading.null_score_diff or 0.0) for one in observations]


def _compared(sides: Sequence[Float64Array], among: BoolArray, texts: Sequence[str]) -> ComparedFigure | None:
    """Returns the means of some of the questions, in percent; None where there are none."""
    if not among.any():
        return None
    before, after = (100 * side[among] for side in sides)
    clusters = [text for text, is_among in zip(texts, among, strict=True) if is_among]
    values = {"before": before, "after": after, "difference": after - before}
    intervals = bootstrapped({name: partial(_mean, value) for name, value in values.items()}, clusters)
    return ComparedFigure(**intervals)


def _mean(values: Float64Array, drawn: Int64Array) -> float:
    return float(values[drawn].mean())
