"""Chooses the variant: the fastest of those that lose at most a margin of F1 against fp32 on the validation data.

recipes -> built -> tuned (session options) -> read (accuracy) -> raced (speed) -> Contest
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Final

from spanstream.models.artifact import SessionOptions
from spanstream.models.building.variants.context import BuildContext
from spanstream.models.building.variants.recipes import Recipe
from spanstream.models.building.variants.trials import (
    BuiltVariant,
    Neighbours,
    Speed,
    neighbours,
    race,
    tune,
    worth_a_round,
)
from spanstream.models.errors import ModelError
from spanstream.models.metrics.reading import Read, ReadingOptions, read_all
from spanstream.models.metrics.squad_files import Example
from spanstream.models.metrics.squad_metrics import best_exact, best_f1
from spanstream.models.text.windowing import Window

Say = Callable[[str], None]

# Points of F1 at the best threshold that a variant may lose against fp32.
MARGIN: Final = 0.5
# A round of the reference's takes about this long.
_ROUND_SECONDS: Final = 1.5


@dataclass(frozen=True, slots=True)
class SelectionEntry:
    """A variant that was built and measured.

    Attributes:
        built: its file.
        session: the session options it was measured with.
        neighbours: what else is in a batch does to a window.
        reads: the validation questions.
        f1: at the best threshold, in percent.
        exact: exact match at the best threshold, in percent.
        speed: beside fp32; None where nothing was timed.
    """

    built: BuiltVariant
    session: SessionOptions
    neighbours: Neighbours
    reads: Sequence[Read]
    f1: float
    exact: float
    speed: Speed | None = None


@dataclass(frozen=True, slots=True)
class RefusedVariant:
    """A variant that could not be built or run, and why."""

    recipe: Recipe
    reason: str


@dataclass(frozen=True, slots=True)
class VariantSelection:
    """What came of it.

    Attributes:
        entries: all variants that were measured, fp32 first.
        refused: those that could not be.
        winner: one of the entries.
        windows: how many windows the times are of.
    """

    entries: tuple[SelectionEntry, ...]
    refused: tuple[RefusedVariant, ...]
    winner: SelectionEntry
    windows: int

    @property
    def reference(self) -> SelectionEntry:
        """fp32."""
        return self.entries[0]

    def verdict(self, entry: SelectionEntry) -> str:
        """Why it was taken or not, for the card."""
        if entry is self.winner:
            return "taken"
        lost = self.reference.f1 - entry.f1
        if lost > MARGIN:
            return f"F1 {lost:.2f} below fp32: more than {MARGIN}"
        if not entry.speed or not self.winner.speed:
            return "not needed"
        return (
            "slower" if entry.speed.is_slower_than(self.winner.speed) else "as fast but for noise, and no more accurate"
        )


@dataclass(frozen=True, slots=True)
class TrialPlan:
    """What variants are measured on.

    Attributes:
        examples: read by every variant.
        windows: a sample of their windows, timed.
        options: how they are read.
    """

    examples: Sequence[Example]
    windows: Sequence[Window]
    options: ReadingOptions


def select_variant(
    workshop: BuildContext, recipes: Sequence[Recipe], course: TrialPlan, *, say: Say
) -> VariantSelection:
    """Build, tune, read and race all recipes; the first is the reference.

    Raises:
        BuildError: the reference cannot be read with.
    """
    built, refused = _build(workshop, recipes, say)
    windows = worth_a_round(course.windows, built[0], course.options, seconds=_ROUND_SECONDS)
    entries: list[SelectionEntry] = []
    for place, one in enumerate(built, start=1):
        say(f"measure {one.recipe.name} ({place} of {len(built)})")
        try:
            session, found = tune(one, windows, course.options, checked_on=course.windows)
            entries.append(_read(one, session, found, course))
        except ModelError as error:
            if not entries:
                raise
            refused.append(RefusedVariant(one.recipe, str(error)))
    say(f"race {len(entries)} variants over {len(windows)} windows")
    speeds = race([(entry.built, entry.session) for entry in entries], windows, course.options)
    entries = [replace(entry, speed=speed) for entry, speed in zip(entries, speeds, strict=True)]
    return VariantSelection(tuple(entries), tuple(refused), _fastest_good(entries), len(windows))


def take_first(workshop: BuildContext, recipes: Sequence[Recipe], course: TrialPlan, *, say: Say) -> VariantSelection:
    """The first quantized recipe that keeps to the margin, with its usual session options; nothing is timed."""
    reference, *others = recipes
    entries: list[SelectionEntry] = []
    refused: list[RefusedVariant] = []
    for recipe in (reference, *others):
        built, failed = _build(workshop, [recipe], say)
        refused += failed
        if not built:
            continue
        session = recipe.sessions[0]
        found = neighbours(built[0].open(session), course.windows, course.options)
        if not found.same_bits:
            session = session.model_copy(update={"max_batch_tokens": 1})
        entries.append(_read(built[0], session, found, course))
        if len(entries) > 1 and entries[-1].f1 >= entries[0].f1 - MARGIN:
            break
    return VariantSelection(tuple(entries), tuple(refused), _good(entries)[-1], len(course.windows))


def _good(entries: Sequence[SelectionEntry]) -> list[SelectionEntry]:
    return [entry for entry in entries if entry.f1 >= entries[0].f1 - MARGIN]


def _fastest_good(entries: Sequence[SelectionEntry]) -> SelectionEntry:
    """The most accurate of those within the margin that are not slower than the fastest of them."""
    timed = [(entry, entry.speed) for entry in _good(entries) if entry.speed]
    _, fastest = max(timed, key=lambda each: each[1].median)
    return max((entry for entry, speed in timed if not speed.is_slower_than(fastest)), key=lambda entry: entry.f1)


def _build(
    workshop: BuildContext, recipes: Sequence[Recipe], say: Say
) -> tuple[list[BuiltVariant], list[RefusedVariant]]:
    built: list[BuiltVariant] = []
    refused: list[RefusedVariant] = []
    for recipe in recipes:
        say(f"make {recipe.name}")
        path = workshop.folder / f"{recipe.name}.onnx"
        try:
            recipe.make(workshop, path)
            one = BuiltVariant(recipe, path)
            one.open(recipe.sessions[0])
        except Exception as error:  # quantizers fail on graphs they do not know in ways of their own
            if recipe is recipes[0] and recipe.precision == "fp32":
                raise
            refused.append(RefusedVariant(recipe, _first_line(error)))
        else:
            built.append(one)
    return built, refused


def _read(built: BuiltVariant, session: SessionOptions, found: Neighbours, course: TrialPlan) -> SelectionEntry:
    runs = max(1, course.options.parallel_runs // session.threads_per_run)
    options = replace(course.options, max_batch_tokens=session.max_batch_tokens, parallel_runs=runs)
    reads = read_all(course.examples, built.open(session), options)
    predictions = [read.prediction(read.reading.null_score_diff or 0.0) for read in reads]
    return SelectionEntry(built, session, found, reads, best_f1(predictions)[0], best_exact(predictions)[0])


def _first_line(error: Exception) -> str:
    return f"{type(error).__name__}: {' '.join(str(error).split())[:160]}"
