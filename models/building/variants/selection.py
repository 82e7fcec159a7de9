"""Selects the variant: the fastest of those that lose at most a margin of F1 against fp32 on the validation data.

recipes -> built -> tuned (session options) -> read (accuracy) -> timed side by side (speed) -> VariantSelection

All questions are read, for the card and the calibration. Those that guarantees will be tested on have no part in the
figures that choose.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from itertools import compress
from typing import Final

import numpy as np

from spanstream.models.arrays import BoolArray, Float64Array
from spanstream.models.artifact import SessionOptions
from spanstream.models.building.build_context import BuildContext
from spanstream.models.building.variants.batch_invariance import BatchInvariance, measure_batch_invariance
from spanstream.models.building.variants.recipes import BuiltVariant, Recipe
from spanstream.models.building.variants.timing import (
    ONE_WINDOW,
    Speed,
    compare_speeds,
    tune_session,
    windows_for_a_round,
)
from spanstream.models.errors import ModelError, one_line
from spanstream.models.metrics.reading import ReadingOptions, ReadQuestion, read_all
from spanstream.models.metrics.squad_files import Example
from spanstream.models.metrics.squad_metrics import best_exact, best_f1, f1_of_questions
from spanstream.models.text.windowing import Window

Say = Callable[[str], None]

# Points of F1 at the best threshold that a variant may lose against fp32, beyond one standard error of the difference.
MARGIN: Final = 0.5
# A round of the reference takes about this long.
_ROUND_SECONDS: Final = 1.5


@dataclass(frozen=True, slots=True)
class SelectionEntry:
    """A variant that was built and measured.

    Attributes:
        built: its file.
        session: the session options it was measured with.
        batch_invariance: whether a window's logits depend on its batch.
        reads: the validation questions, file by file.
        question_f1: of each file at its best threshold, (questions that choose,), in percent.
        exact: exact match of each file at its best threshold, in percent, over the questions that choose.
        speed: beside fp32; None where nothing was timed.
    """

    built: BuiltVariant
    session: SessionOptions
    batch_invariance: BatchInvariance
    reads: tuple[Sequence[ReadQuestion], ...]
    question_f1: tuple[Float64Array, ...]
    exact: tuple[float, ...]
    speed: Speed | None = None

    @property
    def f1(self) -> tuple[float, ...]:
        """F1 of each file, in percent, over the questions that choose."""
        return tuple(float(scores.mean()) for scores in self.question_f1)

    def loss(self, reference: SelectionEntry) -> float:
        """Returns the points of F1 that it loses against another one, on the file where that is most.

        One standard error of the difference, question by question, is taken off: of 100 questions a single one that
        falls the other way is a point.
        """
        return max(
            float(lost.mean() - lost.std() / math.sqrt(len(lost)))
            for lost in (
                expected - scores for expected, scores in zip(reference.question_f1, self.question_f1, strict=True)
            )
        )


@dataclass(frozen=True, slots=True)
class RefusedVariant:
    """A variant that could not be built or run, and why."""

    recipe: Recipe
    reason: str


@dataclass(frozen=True, slots=True)
class VariantSelection:
    """The variants, and the one that is taken.

    Attributes:
        entries: all variants that were measured, fp32 first.
        refused: those that could not be measured.
        winner: the entry that is taken.
        windows: how many windows were timed.
    """

    entries: tuple[SelectionEntry, ...]
    refused: tuple[RefusedVariant, ...]
    winner: SelectionEntry
    windows: int

    @property
    def reference(self) -> SelectionEntry:
        """The fp32 variant."""
        return self.entries[0]

    def reason(self, entry: SelectionEntry) -> str:
        """Says why an entry was taken or not, for the card."""
        if entry is self.winner:
            return "taken"
        loss = entry.loss(self.reference)
        if loss > MARGIN:
            return f"F1 {loss:.2f} below fp32, less one standard error: more than {MARGIN}"
        if not entry.speed or not self.winner.speed:
            return "not needed"
        return (
            "slower" if entry.speed.is_slower_than(self.winner.speed) else "as fast but for noise, and no more accurate"
        )


@dataclass(frozen=True, slots=True)
class MeasurementData:
    """What variants are measured on.

    Attributes:
        files: the labelled questions that every variant reads, file by file.
        choose: (questions of the first file,) which of them choose; those of the other files all do.
        windows: a sample of the windows of questions that choose, for timing.
        options: how they are read.
    """

    files: Sequence[Sequence[Example]]
    choose: BoolArray
    windows: Sequence[Window]
    options: ReadingOptions


def select_variant(
    context: BuildContext, recipes: Sequence[Recipe], data: MeasurementData, *, say: Say
) -> VariantSelection:
    """Builds, tunes, reads with and times all recipes; the first is the reference.

    Raises:
        BuildError: the reference cannot be read with.
    """
    variants, refused = _build(context, recipes, say)
    windows = windows_for_a_round(data.windows, variants[0], data.options, seconds=_ROUND_SECONDS)
    entries: list[SelectionEntry] = []
    for number, built in enumerate(variants, start=1):
        say(f"measure {built.recipe.name} ({number} of {len(variants)})")
        try:
            session, invariance = tune_session(built, windows, data.options, checked_on=data.windows)
            entries.append(_measure(built, session, invariance, data))
        except ModelError as error:
            if not entries:
                raise
            refused.append(RefusedVariant(built.recipe, str(error)))
    say(f"time {len(entries)} variants side by side over {len(windows)} windows")
    speeds = compare_speeds([(entry.built, entry.session) for entry in entries], windows, data.options)
    entries = [replace(entry, speed=speed) for entry, speed in zip(entries, speeds, strict=True)]
    return VariantSelection(tuple(entries), tuple(refused), _fastest_accurate(entries), len(windows))


def select_first(
    context: BuildContext, recipes: Sequence[Recipe], data: MeasurementData, *, say: Say
) -> VariantSelection:
    """Takes the first quantized recipe within the margin, with its usual session options. Times nothing."""
    entries: list[SelectionEntry] = []
    refused: list[RefusedVariant] = []
    for recipe in recipes:
        variants, failed = _build(context, [recipe], say)
        refused += failed
        if not variants:
            continue
        session = recipe.sessions[0]
        invariance = measure_batch_invariance(variants[0].open(session), data.windows, data.options)
        if not invariance.same_bits:
            session = session.model_copy(update={"max_batch_tokens": ONE_WINDOW})
        entries.append(_measure(variants[0], session, invariance, data))
        if len(entries) > 1 and _is_accurate(entries[-1], entries[0]):
            break
    return VariantSelection(tuple(entries), tuple(refused), _accurate(entries)[-1], len(data.windows))


def _is_accurate(entry: SelectionEntry, reference: SelectionEntry) -> bool:
    return entry.loss(reference) <= MARGIN


def _accurate(entries: Sequence[SelectionEntry]) -> list[SelectionEntry]:
    return [entry for entry in entries if _is_accurate(entry, entries[0])]


def _fastest_accurate(entries: Sequence[SelectionEntry]) -> SelectionEntry:
    """Returns the most accurate of those within the margin that are not slower than the fastest of them."""
    timed = [(entry, entry.speed) for entry in _accurate(entries) if entry.speed]
    _, fastest = max(timed, key=lambda pair: pair[1].median)
    return max((entry for entry, speed in timed if not speed.is_slower_than(fastest)), key=lambda entry: sum(entry.f1))


def _build(
    context: BuildContext, recipes: Sequence[Recipe], say: Say
) -> tuple[list[BuiltVariant], list[RefusedVariant]]:
    variants: list[BuiltVariant] = []
    refused: list[RefusedVariant] = []
    for recipe in recipes:
        say(f"make {recipe.name}")
        path = context.folder / f"{recipe.name}.onnx"
        try:
            recipe.make(context, path)
            built = BuiltVariant(recipe, path)
            built.open(recipe.sessions[0])
        except Exception as error:  # quantizers raise errors of many classes on graphs that they do not know
            if recipe is recipes[0] and recipe.precision == "fp32":
                raise
            refused.append(RefusedVariant(recipe, f"{type(error).__name__}: {one_line(error)}"))
        else:
            variants.append(built)
    return variants, refused


def _measure(
    built: BuiltVariant, session: SessionOptions, invariance: BatchInvariance, data: MeasurementData
) -> SelectionEntry:
    runs = max(1, data.options.parallel_runs // session.threads_per_run)
    options = replace(data.options, max_batch_tokens=session.max_batch_tokens, parallel_runs=runs)
    opened = built.open(session)
    reads = tuple(read_all(examples, opened, options) for examples in data.files)
    choosing = (list(compress(reads[0], data.choose)), *reads[1:])
    predictions = [[read.prediction(read.reading.null_score_diff or 0.0) for read in file] for file in choosing]
    f1 = tuple(100 * np.array(f1_of_questions(file, best_f1(file)[1])) for file in predictions)
    return SelectionEntry(built, session, invariance, reads, f1, tuple(best_exact(file)[0] for file in predictions))
