"""Fits an artifact's confidence and thresholds to labelled questions, and writes the artifact with them.

    artifact, SQuAD files -> observe -> fit -> manifest, record, reference, a section of the card -> artifact

Weights, tokenizer and golden logits stay what they are, byte for byte.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from itertools import groupby
from operator import attrgetter
from pathlib import Path

import numpy as np

from spanstream.models.artifact import Artifact, load_artifact, sha256_of_file, write_manifest
from spanstream.models.calibrating.calibration_record import (
    RECORD_FILE,
    CalibrationRecord,
    DataFile,
    read_record,
    write_record,
)
from spanstream.models.calibrating.fit import FittedCalibration, fit_calibration
from spanstream.models.calibrating.thresholds import ThresholdRequest
from spanstream.models.defaults import DEFAULT_MAX_WINDOWS, WindowMode
from spanstream.models.drift.reference import REFERENCE_FILE, Reference, write_reference
from spanstream.models.errors import ArtifactError, BuildError
from spanstream.models.evaluation.calibration_section import with_section
from spanstream.models.evaluation.evaluate import Begin
from spanstream.models.evaluation.kind_figures import kind_figures
from spanstream.models.evaluation.measure import confidence_figures
from spanstream.models.evaluation.observation_table import ObservationTable
from spanstream.models.evaluation.observe import LabelledQuestion, observe, open_variant_reader, read_labelled_questions
from spanstream.models.evaluation.reference_reads import reference_of
from spanstream.models.evaluation.report import ConfidenceFigures, KindFigures
from spanstream.models.inference.cpu import available_cpus
from spanstream.models.metrics.reading import RANKS_READ
from spanstream.models.metrics.seen_questions import SeenQuestions
from spanstream.models.staging import staged_folder

_CARD = "README.md"


@dataclass(frozen=True, slots=True)
class CalibrationRequest:
    """What to calibrate.

    Attributes:
        artifact: its folder.
        data: SQuAD v2.0 files with questions like those that the model will be asked.
        output: the folder to write; may be the artifact's own.
        name: the calibration's name; None: made of the model's name, the first file's and its hash.
        wanted: what thresholds are wanted for.
        max_windows: windows read of one document at most.
        windows: how documents are cut into windows, from then on; None: as the artifact says.
        threads: CPU threads; None: those of the cgroup's quota.
    """

    artifact: Path
    data: Sequence[Path]
    output: Path
    name: str | None = None
    wanted: ThresholdRequest = field(default_factory=ThresholdRequest)
    max_windows: int = DEFAULT_MAX_WINDOWS
    windows: WindowMode | None = None
    threads: int | None = None


@dataclass(frozen=True, slots=True)
class CalibrationResult:
    """The new calibration, and what it is worth.

    Attributes:
        fitted: the new calibration.
        figures: what three confidences are worth on these questions: the new one on questions that its fit had not
            seen, the one so far, and plain softmax.
        kinds: figures by kind at the new `default`, by the confidence on unseen questions; empty without labels.
    """

    fitted: FittedCalibration
    figures: dict[str, ConfidenceFigures]
    kinds: dict[str, tuple[KindFigures, ...]]


def recalibrate(
    request: CalibrationRequest,
    *,
    begin: Begin = lambda _what, _questions: lambda _done: None,
    say: Callable[[str], None] = print,
) -> CalibrationResult:
    """Calibrates an artifact.

    Args:
        request: what to do.
        begin: called when long work begins.
        say: called with one line for each session that cannot be used.

    Raises:
        ArtifactError: the artifact cannot be used.
        SquadError: a file is not what it should be.
        BuildError: a question cannot be read, or the questions do not allow a calibration; nothing is left behind.
    """
    artifact = load_artifact(request.artifact)
    questions = read_labelled_questions(request.data)
    _refuse_one_class(questions)
    with staged_folder(request.output) as folder:
        table = _read(artifact, questions, request, begin, say)
        name = request.name or _name(artifact, request.data)
        shipped = artifact.manifest.calibration
        record = read_record(request.artifact)
        chose = None if record is None else record.chose
        # A score that has seen these texts proves nothing about them.
        is_fresh = not (record and _fitted_on(record, questions))
        reads = [observation.read for observation in table.observations]
        fitted = fit_calibration(reads, name, shipped=shipped if is_fresh else None, chose=chose, wanted=request.wanted)
        figures = {
            "new, on unseen questions": confidence_figures(np.array(fitted.held_out), table),
            "so far" if is_fresh else "so far, which has seen some": confidence_figures(table.sample.confidence, table),
            "plain softmax": confidence_figures(table.softmax, table),
        }
        result = CalibrationResult(fitted, figures, _kinds(table, fitted))
        reference = reference_of(table.observations, fitted.calibration, artifact.tokenizer)
        _write(artifact, folder, result, reference, request, chose)
    return result


def _refuse_one_class(questions: Sequence[LabelledQuestion]) -> None:
    answerable = sum(question.example.has_answer for question in questions)
    if answerable not in {0, len(questions)}:
        return
    files = ", ".join(sorted({str(question.file) for question in questions}))
    present, absent = ("an answer", "without one") if answerable else ("no answer", "with one")
    raise BuildError(
        f"{files}: all {len(questions)} questions ({questions[0].example.id}, ...) have {present}: "
        f"a confidence needs questions {absent} too"
    )


def _read(
    artifact: Artifact,
    questions: Sequence[LabelledQuestion],
    request: CalibrationRequest,
    begin: Begin,
    say: Callable[[str], None],
) -> ObservationTable:
    variants = artifact.variants_for("cpu")
    if not variants:
        raise ArtifactError(f"{artifact.folder}: has no variant for the CPU")
    threads = request.threads or available_cpus()
    reader = open_variant_reader(
        artifact, variants[0], threads=threads, max_windows=request.max_windows, report=say, windows=request.windows
    )
    progress = begin(f"read with {variants[0].file}", len(questions))
    observations = observe(questions, reader, max_answers=RANKS_READ, progress=progress)
    reader.close()
    return ObservationTable.of(observations, artifact.manifest.calibration)


def _fitted_on(record: CalibrationRecord, questions: Sequence[LabelledQuestion]) -> bool:
    by_file = groupby(questions, key=attrgetter("file"))
    return any(record.fitted_on(file, [question.example for question in group]) for file, group in by_file)


def _name(artifact: Artifact, data: Sequence[Path]) -> str:
    manifest = artifact.manifest
    stem = data[0].name.removesuffix(".gz").removesuffix(".json")
    return f"{manifest.name}-{manifest.version}+{stem}.{DataFile.of(data[0]).sha256[:8]}"


def _kinds(table: ObservationTable, fitted: FittedCalibration) -> dict[str, tuple[KindFigures, ...]]:
    unseen = replace(table.sample, confidence=np.array(fitted.held_out))
    kinds = [observation.kinds for observation in table.observations]
    return kind_figures(kinds, unseen, fitted.calibration.thresholds["default"])


def _write(  # noqa: PLR0913, PLR0917  what the artifact's files are made of
    artifact: Artifact,
    folder: Path,
    result: CalibrationResult,
    reference: Reference,
    request: CalibrationRequest,
    chose: SeenQuestions | None,
) -> None:
    shutil.copytree(artifact.folder, folder, dirs_exist_ok=True)  # with other files that the user keeps there
    write_record(folder, result.fitted, request.data, chose=chose)
    write_reference(folder, reference)
    written = {name: sha256_of_file(folder / name) for name in (RECORD_FILE, REFERENCE_FILE)}
    manifest = artifact.manifest.model_copy(
        update={
            "calibration": result.fitted.calibration,
            "files": artifact.manifest.files | written,
            "windows": request.windows or artifact.manifest.windows,
        }
    )
    write_manifest(folder, manifest)
    card = artifact.folder / _CARD
    text = card.read_text(encoding="utf-8") if card.exists() else f"# {manifest.name} {manifest.version}\n"
    names = [file.name for file in request.data]
    text = with_section(text, result.fitted, result.figures, names, result.kinds)
    (folder / _CARD).write_text(text, encoding="utf-8")
    load_artifact(folder)  # before it replaces another one
