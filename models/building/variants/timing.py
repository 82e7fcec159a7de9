"""Times variants: the fastest session options of one variant, and the speed of several beside each other.

All times are of the serving path (`spanstream.models.inference.runner`) over the same windows. Variants take turns, so
that other work on the machine slows all of them alike. What is reported is a ratio.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from spanstream.models.artifact import SessionOptions
from spanstream.models.building.variants.batch_invariance import BatchInvariance, measure_batch_invariance
from spanstream.models.building.variants.recipes import BuiltVariant
from spanstream.models.inference.backends import Backend, Backends
from spanstream.models.inference.runner import InferenceRunner
from spanstream.models.metrics.reading import ReadingOptions
from spanstream.models.text.windowing import Window

# Rounds in which session options, and then whole variants, are compared.
_TUNING_ROUNDS: Final = 3
_COMPARISON_ROUNDS: Final = 7
# A difference of less than 3 % is noise.
_NOISE: Final = 1.03
_LEAST_WINDOWS: Final = 16
_TRIAL_WINDOWS: Final = 8
_WARM_UP_WINDOWS: Final = 4
_BATCH_TOKENS: Final = (256, 1024, 2048)
# So few padded tokens that every window goes alone.
ONE_WINDOW: Final = 1


@dataclass(frozen=True, slots=True)
class Speed:
    """How many times as fast as the reference a variant was, in each round."""

    rounds: tuple[float, ...]

    @property
    def median(self) -> float:
        """The median of the rounds."""
        return statistics.median(self.rounds)

    def is_slower_than(self, other: Speed) -> bool:
        """Returns whether it is slower by more than noise: by 3 % in the median, and in all rounds but one."""
        lost_rounds = sum(own < theirs for own, theirs in zip(self.rounds, other.rounds, strict=True))
        return self.median * _NOISE < other.median and lost_rounds >= len(self.rounds) - 1


def tune_session(
    built: BuiltVariant, windows: Sequence[Window], options: ReadingOptions, *, checked_on: Sequence[Window]
) -> tuple[SessionOptions, BatchInvariance]:
    """Finds the fastest session options under which a window's logits do not depend on its batch.

    One option after the other: graph optimizations at load, threads inside a run, padded tokens of a batch. A variant
    whose logits do depend on the batch gets batches of one window.

    Args:
        built: the variant.
        windows: timed.
        options: how they are read.
        checked_on: windows whose logits are compared, alone and in batches.
    """
    alone = [session.model_copy(update={"max_batch_tokens": ONE_WINDOW}) for session in built.recipe.sessions]
    best = _fastest(built, alone, windows, options)
    threads = sorted({1, options.parallel_runs})
    best = _fastest(built, _alternatives(best, "threads_per_run", threads), windows, options)
    invariance = measure_batch_invariance(built.open(best), checked_on, options)
    if invariance.same_bits:
        best = best.model_copy(update={"max_batch_tokens": built.recipe.sessions[0].max_batch_tokens})
        best = _fastest(built, _alternatives(best, "max_batch_tokens", _BATCH_TOKENS), windows, options)
    return best, invariance


def compare_speeds(
    candidates: Sequence[tuple[BuiltVariant, SessionOptions]], windows: Sequence[Window], options: ReadingOptions
) -> list[Speed]:
    """Returns the speed of each variant relative to the first."""
    runners = [_TimedRunner(built, session, options) for built, session in candidates]
    rounds = _time_rounds(runners, windows, _COMPARISON_ROUNDS)
    return [Speed(tuple(seconds[0] / seconds[place] for seconds in rounds)) for place in range(len(runners))]


def windows_for_a_round(
    windows: Sequence[Window], built: BuiltVariant, options: ReadingOptions, *, seconds: float
) -> list[Window]:
    """Returns as many of the windows, evenly spread, as the variant reads in about so many seconds."""
    trial = windows[:: max(1, len(windows) // _TRIAL_WINDOWS)][:_TRIAL_WINDOWS]
    runner = _TimedRunner(built, built.recipe.sessions[0], options)
    runner.seconds(trial)
    number = max(_LEAST_WINDOWS, int(seconds * len(trial) / runner.seconds(trial)))
    runner.close()
    return list(windows[:: -(-len(windows) // number)])


def _alternatives(options: SessionOptions, name: str, values: Sequence[int]) -> list[SessionOptions]:
    """Returns the options as they are, first, and then with each other value of one of them."""
    others = [value for value in values if value != getattr(options, name)]
    return [options, *(options.model_copy(update={name: value}) for value in others)]


def _fastest(
    built: BuiltVariant, candidates: Sequence[SessionOptions], windows: Sequence[Window], options: ReadingOptions
) -> SessionOptions:
    """Returns the fastest options, or the first where those are not faster by more than noise.

    More than noise is: by 3 % in the median, and in every round.
    """
    runners = [_TimedRunner(built, session, options) for session in candidates]
    rounds = _time_rounds(runners, windows, _TUNING_ROUNDS)
    times = [statistics.median(column) for column in zip(*rounds, strict=True)]
    fastest = min(range(len(times)), key=times.__getitem__)
    always = all(seconds[fastest] < seconds[0] for seconds in rounds)
    return candidates[fastest if always and times[0] > times[fastest] * _NOISE else 0]


def _time_rounds(runners: Sequence[_TimedRunner], windows: Sequence[Window], number: int) -> list[list[float]]:
    """Returns the seconds of each runner in each round. The runners take turns, every round in the other direction."""
    for runner in runners:
        runner.seconds(windows[:_WARM_UP_WINDOWS])  # the first runs allocate
    rounds = []
    for turn in range(number):
        order = range(len(runners)) if turn % 2 == 0 else reversed(range(len(runners)))
        seconds = {place: runners[place].seconds(windows) for place in order}
        rounds.append([seconds[place] for place in range(len(runners))])
    for runner in runners:
        runner.close()
    return rounds


class _TimedRunner:
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
        """Reads the windows and returns how long it took."""
        started = time.perf_counter()
        self._inference.run(windows)
        return time.perf_counter() - started

    def close(self) -> None:
        """Ends its threads."""
        self._inference.close()
