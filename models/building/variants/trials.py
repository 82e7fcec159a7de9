"""Measures one variant: whether a window's logits are its own, its fastest session options, its speed beside others.

All times are of the serving path (`models.inference.runner`) over the same windows, variants in turns, so that a
machine that has other work to do slows all of them alike; what is reported is a ratio.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np

from spanstream.models.artifact import SessionOptions, Variant
from spanstream.models.building.variants.recipes import Recipe
from spanstream.models.inference.backends import Backend, Backends
from spanstream.models.inference.packing import assemble, pack
from spanstream.models.inference.runner import InferenceRunner
from spanstream.models.inference.session import OnnxSession, Session
from spanstream.models.metrics.reading import ReadingOptions
from spanstream.models.spans.search import best_span
from spanstream.models.text.windowing import Window

# Rounds in which session options, and then whole variants, are compared.
_TUNING_ROUNDS: Final = 3
_RACE_ROUNDS: Final = 7
WORTH_CHANGING: Final = 1.03
_LEAST_WINDOWS: Final = 16
_BATCH_TOKENS: Final = (256, 1024, 2048)
_MIXED_BATCH_TOKENS: Final = 1024
# A batch never holds more than one window, whatever its length.
_ALONE: Final = 1


@dataclass(frozen=True, slots=True)
class BuiltVariant:
    """A variant's model file."""

    recipe: Recipe
    path: Path

    @property
    def megabytes(self) -> float:
        """Size of the file, in 10^6 bytes."""
        return self.path.stat().st_size / 1e6

    def variant(self, session: SessionOptions) -> Variant:
        """The manifest's entry for it."""
        precision = self.recipe.precision
        return Variant(file=f"model.{precision}.onnx", precision=precision, device="cpu", session=session)

    def open(self, session: SessionOptions) -> OnnxSession:
        """A session with these options."""
        return OnnxSession(self.path, self.variant(session))


@dataclass(frozen=True, slots=True)
class Neighbours:
    """What a window's neighbours in a batch do to it.

    Attributes:
        same_bits: whether every window's logits were the same bits, alone and in batches.
        changed_spans: the share of windows whose best span changed, 0 to 1.
    """

    same_bits: bool
    changed_spans: float


@dataclass(frozen=True, slots=True)
class Speed:
    """Times as fast as the reference, in each round."""

    rounds: tuple[float, ...]

    @property
    def median(self) -> float:
        """Of the rounds."""
        return statistics.median(self.rounds)

    def is_slower_than(self, other: Speed) -> bool:
        """Whether it is by more than noise: in the median by more than 3 %, and in all rounds but one."""
        lost = sum(own < theirs for own, theirs in zip(self.rounds, other.rounds, strict=True))
        return self.median * WORTH_CHANGING < other.median and lost >= len(self.rounds) - 1


def neighbours(session: Session, windows: Sequence[Window], options: ReadingOptions) -> Neighbours:
    """Run the windows alone and in mixed batches, and compare."""
    alone = {window: session.run(assemble([window], pad_id=options.pad_id)) for window in windows}
    same_bits, changed = True, 0
    # By length as when serving, and as they come: then a long window stands beside a short one.
    batches = pack(windows, max_batch_tokens=_MIXED_BATCH_TOKENS, pad_id=options.pad_id)
    batches += [assemble(windows[place : place + 4], pad_id=options.pad_id) for place in range(0, len(windows), 4)]
    for batch in batches:
        together = session.run(batch)
        for row, window in enumerate(batch.windows):
            read = slice(window.length)
            own, start, end = alone[window], together.start[row], together.end[row]
            same_bits &= np.array_equal(own.start[0], start[read]) and np.array_equal(own.end[0], end[read])
            spans = (
                best_span(window, *logits, options.max_answer_tokens).span
                for logits in ((own.start[0], own.end[0]), (start, end))
            )
            first, second = ((span.first, span.last) if span else None for span in spans)
            changed += first != second
    return Neighbours(same_bits, changed / sum(len(batch.windows) for batch in batches))


def tune(
    built: BuiltVariant, windows: Sequence[Window], options: ReadingOptions, *, checked_on: Sequence[Window]
) -> tuple[SessionOptions, Neighbours]:
    """The fastest of the session options that keep a window's logits its own.

    One thing after the other: graph optimizations at load, threads inside a run, padded tokens of a batch. Where
    neighbours change a window's logits, it is read alone.

    Args:
        built: the variant.
        windows: timed.
        options: how they are read.
        checked_on: windows whose logits are compared, alone and in batches.
    """
    alone = [each.model_copy(update={"max_batch_tokens": _ALONE}) for each in built.recipe.sessions]
    best = _fastest(built, alone, windows, options)
    best = _fastest(built, _with(best, "threads_per_run", sorted({1, options.parallel_runs})), windows, options)
    found = neighbours(built.open(best), checked_on, options)
    if found.same_bits:
        best = best.model_copy(update={"max_batch_tokens": built.recipe.sessions[0].max_batch_tokens})
        best = _fastest(built, _with(best, "max_batch_tokens", _BATCH_TOKENS), windows, options)
    return best, found


def race(
    contestants: Sequence[tuple[BuiltVariant, SessionOptions]], windows: Sequence[Window], options: ReadingOptions
) -> list[Speed]:
    """The speed of each beside the first."""
    runners = [_Runner(built, session, options) for built, session in contestants]
    rounds = _rounds(runners, windows, _RACE_ROUNDS)
    return [Speed(tuple(seconds[0] / seconds[place] for seconds in rounds)) for place in range(len(runners))]


def worth_a_round(
    windows: Sequence[Window], built: BuiltVariant, options: ReadingOptions, *, seconds: float
) -> list[Window]:
    """As many of the windows, evenly spread, as the reference reads in about so many seconds."""
    trial = windows[:: max(1, len(windows) // 8)][:8]
    runner = _Runner(built, built.recipe.sessions[0], options)
    runner.seconds(trial)
    wanted = max(_LEAST_WINDOWS, int(seconds * len(trial) / runner.seconds(trial)))
    runner.close()
    return list(windows[:: -(-len(windows) // wanted)])


def _with(options: SessionOptions, name: str, values: Sequence[int]) -> list[SessionOptions]:
    """The options as they are, first, and with each other value."""
    others = [value for value in values if value != getattr(options, name)]
    return [options, *(options.model_copy(update={name: value}) for value in others)]


def _fastest(
    built: BuiltVariant, candidates: Sequence[SessionOptions], windows: Sequence[Window], options: ReadingOptions
) -> SessionOptions:
    """The fastest; the first where that one is not faster by more than noise: in the median, and in every round."""
    runners = [_Runner(built, session, options) for session in candidates]
    rounds = _rounds(runners, windows, _TUNING_ROUNDS)
    times = [statistics.median(column) for column in zip(*rounds, strict=True)]
    fastest = min(range(len(times)), key=times.__getitem__)
    always = all(seconds[fastest] < seconds[0] for seconds in rounds)
    return candidates[fastest if always and times[0] > times[fastest] * WORTH_CHANGING else 0]


def _rounds(runners: Sequence[_Runner], windows: Sequence[Window], number: int) -> list[list[float]]:
    """Seconds of each runner in each round; the runners take turns, every round in the other direction."""
    for runner in runners:
        runner.seconds(windows[:4])  # the first runs allocate
    rounds = []
    for turn in range(number):
        order = range(len(runners)) if turn % 2 == 0 else reversed(range(len(runners)))
        seconds = {place: runners[place].seconds(windows) for place in order}
        rounds.append([seconds[place] for place in range(len(runners))])
    for runner in runners:
        runner.close()
    return rounds


class _Runner:
    """One variant with its session options, ready to be timed."""

    def __init__(self, built: BuiltVariant, session: SessionOptions, options: ReadingOptions) -> None:
        runs = max(1, options.parallel_runs // session.threads_per_run)
        backend = Backend(
            built.recipe.name, built.recipe.precision, built.open(session), runs, session.max_batch_tokens
        )
        self._inference = InferenceRunner(
            Backends(backend), pad_id=options.pad_id, max_answer_tokens=options.max_answer_tokens
        )

    def seconds(self, windows: Sequence[Window]) -> float:
        """How long the windows take."""
        began = time.perf_counter()
        self._inference.run(windows)
        return time.perf_counter() - began

    def close(self) -> None:
        """End its threads."""
        self._inference.close()
