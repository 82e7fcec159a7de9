"""Evaluates an artifact on labelled questions: all its CPU variants, read as they are when serving.

artifact, SQuAD files -> for each variant: observe, time -> measure -> EvaluationReport, and the tables for the plots
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import groupby
from operator import attrgetter
from pathlib import Path

from spanstream.models.artifact import Artifact, Variant, load_artifact
from spanstream.models.calibrating.calibration_record import DataFile, read_record
from spanstream.models.defaults import DEFAULT_MAX_WINDOWS, WindowMode
from spanstream.models.errors import ArtifactError
from spanstream.models.evaluation.latency import measure_latency
from spanstream.models.evaluation.measure import MeasuredVariant, measure
from spanstream.models.evaluation.observation_table import ObservationTable
from spanstream.models.evaluation.observe import LabelledQuestion, observe, open_variant_reader, read_labelled_questions
from spanstream.models.evaluation.report import ArtifactFacts, DataFacts, EvaluationReport
from spanstream.models.inference.cpu import available_cpus

# Called with the name of a piece of work and its number of questions; returns what to call with how many more are done.
Begin = Callable[[str, int], Callable[[int], None]]


@dataclass(frozen=True, slots=True)
class EvaluationRequest:
    """What to measure.

    Attributes:
        artifact: its folder.
        data: SQuAD v2.0 files.
        variants: file names or precisions of the variants; none: all that are for the CPU.
        thresholds: names in the artifact, or numbers from 0 to 1; none: all that the artifact names.
        max_windows: windows read of one document at most; None: all of them.
        windows: how documents are cut into windows; None: as the artifact says.
        threads: CPU threads; None: those of the cgroup's quota.
        latency: whether to take times.
    """

    artifact: Path
    data: Sequence[Path]
    variants: Sequence[str] = ()
    thresholds: Sequence[str] = ()
    max_windows: int | None = DEFAULT_MAX_WINDOWS
    windows: WindowMode | None = None
    threads: int | None = None
    latency: bool = True


@dataclass(frozen=True, slots=True)
class Evaluation:
    """The report, and each variant's observations in the report's order."""

    report: EvaluationReport
    tables: tuple[ObservationTable, ...]


def evaluate(
    request: EvaluationRequest,
    *,
    begin: Begin = lambda _what, _questions: lambda _done: None,
    say: Callable[[str], None] = print,
) -> Evaluation:
    """Evaluates an artifact.

    Args:
        request: what to measure.
        begin: called when long work begins.
        say: called with one line for each session that cannot be used.

    Raises:
        ArtifactError: the artifact cannot be used, or has no such variant or threshold.
        SquadError: a file is not what it should be.
        BuildError: a question cannot be read; the text names its file and id.
    """
    artifact = load_artifact(request.artifact)
    calibration = artifact.manifest.calibration
    variants = _variants(artifact, request.variants)
    thresholds = {name: calibration.threshold(name) for name in request.thresholds or sorted(calibration.thresholds)}
    questions = read_labelled_questions(request.data)
    threads = request.threads or available_cpus()
    reports, tables = [], []
    for variant in variants:
        most = sys.maxsize if request.max_windows is None else request.max_windows
        reader = open_variant_reader(
            artifact, variant, threads=threads, max_windows=most, report=say, windows=request.windows
        )
        observations = observe(questions, reader, progress=begin(f"read with {variant.file}", len(questions)))
        latency = measure_latency(questions, reader, threads=threads) if request.latency else None
        session = reader.backends.choose(0).name
        reader.close()
        reports.append(measure(MeasuredVariant(artifact, variant, session), observations, thresholds, latency))
        tables.append(ObservationTable.of(observations, calibration))
    report = EvaluationReport(
        artifact=ArtifactFacts(
            name=artifact.manifest.name, version=artifact.manifest.version, calibration=calibration.name
        ),
        data=data_facts(request.data, questions),
        max_windows=request.max_windows,
        windows=request.windows or artifact.manifest.windows,
        notes=fitting_notes(request.artifact, questions),
        variants=tuple(reports),
    )
    return Evaluation(report, tuple(tables))


def _variants(artifact: Artifact, wanted: Sequence[str]) -> list[Variant]:
    available = artifact.variants_for("cpu")
    names = ", ".join(f"{variant.file} ({variant.precision})" for variant in available) or "none"
    for name in wanted:
        if not any(name in {variant.file, variant.precision} for variant in available):
            raise ArtifactError(f"{artifact.folder}: no CPU variant {name!r}; there is: {names}")
    chosen = [variant for variant in available if not wanted or {variant.file, variant.precision} & set(wanted)]
    if not chosen:
        raise ArtifactError(f"{artifact.folder}: has no variant for the CPU")
    return chosen


def data_facts(files: Sequence[Path], questions: Sequence[LabelledQuestion]) -> DataFacts:
    """Describes the data."""
    examples = [question.example for question in questions]
    return DataFacts(
        files=tuple(DataFile.of(file) for file in files),
        questions=len(examples),
        answerable=sum(example.has_answer for example in examples),
        documents=len({example.context for example in examples}),
        articles=len({example.article for example in examples}),
    )


def fitting_notes(artifact: Path, questions: Sequence[LabelledQuestion]) -> tuple[str, ...]:
    """Says which of the questions an artifact's confidence was fitted to."""
    record = read_record(artifact)
    if record is None:
        return ()
    notes = []
    for file, group in groupby(questions, key=attrgetter("file")):
        examples = [question.example for question in group]
        if seen := record.fitted_on(file, examples):
            part = file.name if seen == len(examples) else f"the texts of {seen} of the {len(examples)} in {file.name}"
            notes.append(
                f"the confidence and its thresholds were fitted on {part}: what depends on them is better here than it "
                "will be elsewhere"
            )
    return tuple(notes)
