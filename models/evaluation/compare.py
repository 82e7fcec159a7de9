"""Compares two artifacts on the same labelled questions, each at its own default threshold.

two artifacts, SQuAD files -> observe each -> paired differences, agreement, speed in turns -> ComparisonReport
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Final, Literal

import numpy as np
from pydantic import Field

from spanstream.models.arrays import Float64Array, Int64Array
from spanstream.models.artifact import Artifact, FrozenModel, load_artifact
from spanstream.models.defaults import DEFAULT_MAX_WINDOWS
from spanstream.models.errors import ArtifactError
from spanstream.models.evaluation.evaluate import Begin, data_facts, fitting_notes
from spanstream.models.evaluation.observation_table import ObservationTable
from spanstream.models.evaluation.observe import LabelledQuestion, observe, open_variant_reader, read_labelled_questions
from spanstream.models.evaluation.report import ArtifactFacts, DataFacts
from spanstream.models.evaluation.side_by_side import ModelComparison, compare_answers
from spanstream.models.inference.cpu import available_cpus
from spanstream.models.metrics.reliability import Interval, bootstrapped
from spanstream.models.metrics.squad_metrics import best_f1, f1_of_questions
from spanstream.models.reader import Reader
from spanstream.models.spans.agreement import ModelAnswer

# Questions read in each turn of the timing, spread evenly: some seconds' work.
_TIMED_QUESTIONS: Final = 60
_TURNS: Final = 5


class PairedFigure(FrozenModel):
    """A score of both, in percent, and the second's minus the first's; 95 % intervals over the same resamples."""

    first: Interval
    second: Interval
    difference: Interval


class SpeedRatio(FrozenModel):
    """How many times as many questions a second the second model reads as the first; each turn is a pair."""

    turns: int
    questions: int
    median: float
    lowest: float
    highest: float


class ComparisonReport(FrozenModel):
    """What `spanstream model compare A B --json` prints, format 1."""

    format: Literal[1] = 1
    data: DataFacts
    notes: tuple[str, ...]
    thresholds: tuple[float, float] = Field(description="The default of the first and of the second.")
    exact: PairedFigure
    f1: PairedFigure
    best_f1: PairedFigure = Field(description="F1 with each at its best threshold.")
    comparison: ModelComparison
    speed: SpeedRatio | None
    is_better: bool = Field(description="Whether the second's best F1 is higher, by more than chance.")


@dataclass(frozen=True, slots=True)
class ComparisonRequest:
    """What to compare.

    Attributes:
        first: folder of the artifact that is compared with.
        second: folder of the one that might take its place.
        data: SQuAD v2.0 files.
        max_windows: windows read of one document at most.
        threads: CPU threads; None: those of the cgroup's quota.
        times: whether to take times.
    """

    first: Path
    second: Path
    data: Sequence[Path]
    max_windows: int = DEFAULT_MAX_WINDOWS
    threads: int | None = None
    times: bool = True


@dataclass(frozen=True, slots=True)
class _Observed:
    """One artifact, and what it read."""

    artifact: Artifact
    table: ObservationTable

    @property
    def threshold(self) -> float:
        return self.artifact.manifest.calibration.thresholds["default"]

    @property
    def facts(self) -> ArtifactFacts:
        manifest = self.artifact.manifest
        return ArtifactFacts(name=manifest.name, version=manifest.version, calibration=manifest.calibration.name)

    @property
    def exact(self) -> Float64Array:
        return self.table.scores_at(self.threshold, self.table.exact)

    @property
    def f1(self) -> Float64Array:
        return self.table.scores_at(self.threshold, self.table.f1)

    @property
    def best_f1(self) -> Float64Array:
        predictions = [
            observation.read.prediction(score)
            for observation, score in zip(self.table.observations, self.table.null_score_diff.tolist(), strict=True)
        ]
        return np.array(f1_of_questions(predictions, best_f1(predictions)[1]))

    def answers(self) -> list[ModelAnswer]:
        rows = zip(
            self.table.observations,
            self.table.given(self.threshold).tolist(),
            self.table.sample.confidence.tolist(),
            self.exact.tolist(),
            strict=True,
        )
        return [
            ModelAnswer(observation.candidate if is_given else None, confidence, exact == 1.0)
            for observation, is_given, confidence, exact in rows
        ]


def compare(
    request: ComparisonRequest,
    *,
    begin: Begin = lambda _what, _questions: lambda _done: None,
    say: Callable[[str], None] = print,
) -> ComparisonReport:
    """Compares two artifacts.

    Args:
        request: what to compare.
        begin: called when long work begins.
        say: called with one line for each session that cannot be used.

    Raises:
        ArtifactError: an artifact cannot be used.
        SquadError: a file is not what it should be.
        BuildError: a question cannot be read; the text names its file and id.
    """
    artifacts = [load_artifact(request.first), load_artifact(request.second)]
    questions = read_labelled_questions(request.data)
    readers = [_open(artifact, request, say) for artifact in artifacts]
    observed = []
    for artifact, reader in zip(artifacts, readers, strict=True):
        name = f"read with {artifact.manifest.name} {artifact.manifest.version}"
        observations = observe(questions, reader, progress=begin(name, len(questions)))
        observed.append(_Observed(artifact, ObservationTable.of(observations, artifact.manifest.calibration)))
    first, second = observed
    speed = _speed(readers[0], readers[1], questions, begin) if request.times else None
    for reader in readers:
        reader.close()
    notes = [
        f"{artifact.manifest.name} {artifact.manifest.version}: {note}"
        for artifact in artifacts
        for note in fitting_notes(artifact.folder, questions)
    ]
    of_best = _paired(first.best_f1, second.best_f1, first.table.texts)
    return ComparisonReport(
        data=data_facts(request.data, questions),
        notes=tuple(notes),
        thresholds=(first.threshold, second.threshold),
        exact=_paired(first.exact, second.exact, first.table.texts),
        f1=_paired(first.f1, second.f1, first.table.texts),
        best_f1=of_best,
        comparison=compare_answers(
            first.facts, second.facts, list(zip(first.answers(), second.answers(), strict=True))
        ),
        speed=speed,
        is_better=of_best.difference.low > 0,
    )


def _open(artifact: Artifact, request: ComparisonRequest, say: Callable[[str], None]) -> Reader:
    variants = artifact.variants_for("cpu")
    if not variants:
        raise ArtifactError(f"{artifact.folder}: has no variant for the CPU")
    threads = request.threads or available_cpus()
    return open_variant_reader(artifact, variants[0], threads=threads, max_windows=request.max_windows, report=say)


def _paired(first: Float64Array, second: Float64Array, texts: Sequence[str]) -> PairedFigure:
    def mean(scores: Float64Array, drawn: Int64Array) -> float:
        return 100 * float(scores[drawn].mean())

    figures = {"first": first, "second": second, "difference": second - first}
    return PairedFigure(**bootstrapped({name: partial(mean, scores) for name, scores in figures.items()}, texts))


def _speed(first: Reader, second: Reader, questions: Sequence[LabelledQuestion], begin: Begin) -> SpeedRatio:
    """Reads the same questions with one and the other, in turns: whatever else the machine does slows both."""
    places = np.linspace(0, len(questions) - 1, min(_TIMED_QUESTIONS, len(questions))).astype(int)
    timed = [questions[place] for place in places]
    progress = begin("timed in turns", 2 * _TURNS * len(timed))
    ratios = []
    for turn in range(_TURNS):
        order = (first, second) if turn % 2 == 0 else (second, first)
        seconds = {reader: _seconds(reader, timed, progress) for reader in order}
        ratios.append(seconds[first] / seconds[second])
    return SpeedRatio(
        turns=_TURNS,
        questions=len(timed),
        median=float(np.median(ratios)),
        lowest=min(ratios),
        highest=max(ratios),
    )


def _seconds(reader: Reader, questions: Sequence[LabelledQuestion], progress: Callable[[int], None]) -> float:
    started = time.perf_counter()
    observe(questions, reader, progress=progress)
    return time.perf_counter() - started
