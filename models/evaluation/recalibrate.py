"""Fits an artifact's confidence and thresholds to labelled questions, and writes the artifact with them.

    artifact, SQuAD files -> observe -> fit -> manifest, record, reference, a section of the card -> artifact

Weights, tokenizer and golden logits stay what they are, byte for byte.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from spanstream.models.artifact import Artifact, load_artifact, sha256_of_file, write_manifest
from spanstream.models.calibrating.calibration_record import (
    RECORD_FILE,
    DataFile,
    read_record,
    write_record,
)
from spanstream.models.calibrating.carried_over import carried_over
from spanstream.models.calibrating.collection_record import COLLECTION_RECORD_FILE, read_collection_record
from spanstream.models.calibrating.fit import FittedCalibration, fit_calibration
from spanstream.models.calibrating.thresholds import ThresholdRequest
from spanstream.models.defaults import DEFAULT_MAX_WINDOWS, WindowMode
from spanstream.models.drift.reference import REFERENCE_FILE, Reference, write_reference
from spanstream.models.errors import BuildError
from spanstream.models.evaluation.calibration_section import CARD, read_card, with_section
from spanstream.models.evaluation.collections.card_section import without_collection
from spanstream.models.evaluation.evaluate import Begin
from spanstream.models.evaluation.kind_figures import kind_figures
from spanstream.models.evaluation.measure import confidence_figures
from spanstream.models.evaluation.observation_table import ObservationTable
from spanstream.models.evaluation.observe import (
    LabelledQuestion,
    has_seen,
    observe,
    open_cpu_reader,
    read_labelled_questions,
)
from spanstream.models.evaluation.reference_reads import reference_of
from spanstream.models.evaluation.report import ConfidenceFigures, KindFigures
from spanstream.models.metrics.reading import RANKS_READ
from spanstream.models.metrics.seen_questions import SeenQuestions
from spanstream.models.spans.collection_calibration import CollectionCalibration
from spanstream.models.staging import staged_folder


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
        lost_collection: the confidence of collections so far, which does not fit the new one of one document; None: it
            was kept, or there was none.
    """

    fitted: FittedCalibration
    figures: dict[str, ConfidenceFigures]
    kinds: dict[str, tuple[KindFigures, ...]]
    lost_collection: CollectionCalibration | None


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
        is_fresh = not (record and has_seen(record, questions))
        reads = [observation.read for observation in table.observations]
        fitted = fit_calibration(reads, name, shipped=shipped if is_fresh else None, chose=chose, wanted=request.wanted)
        fitted = _with_collection(fitted, artifact, request)
        figures = {
            name: confidence_figures(confidence, table.sample.right, table.texts)
            for name, confidence in (
                ("new, on unseen questions", np.array(fitted.held_out)),
                ("so far" if is_fresh else "so far, which has seen some", table.sample.confidence),
                ("plain softmax", table.softmax),
            )
        }
        lost = None if fitted.calibration.collection else shipped.collection
        result = CalibrationResult(fitted, figures, _kinds(table, fitted), lost)
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
    reader = open_cpu_reader(
        artifact,
        threads=request.threads,
        max_windows=request.max_windows,
        report=say,
        windows=request.windows,
    )
    progress = begin(f"read with {reader.artifact.manifest.variants[0].file}", len(questions))
    observations = observe(questions, reader, max_answers=RANKS_READ, progress=progress)
    reader.close()
    return ObservationTable.of(observations, artifact.manifest.calibration)


def _name(artifact: Artifact, data: Sequence[Path]) -> str:
    return f"{artifact.manifest.name}-{artifact.manifest.version}+{DataFile.of(data[0]).tag}"


def _with_collection(fitted: FittedCalibration, artifact: Artifact, request: CalibrationRequest) -> FittedCalibration:
    """Returns the fit with the collection's calibration so far, where that still means what it meant."""
    if request.windows not in {None, artifact.manifest.windows}:
        return fitted
    collection = carried_over(artifact.manifest.calibration, fitted.calibration)
    record = read_collection_record(artifact.folder)
    tag = f"+{record.data[0].tag}" if collection and record and not request.name else ""
    update = {"collection": collection, "name": fitted.calibration.name + tag}
    return replace(fitted, calibration=fitted.calibration.model_copy(update=update))


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
    files, card = artifact.manifest.files | written, read_card(artifact)
    if result.fitted.calibration.collection is None:
        files.pop(COLLECTION_RECORD_FILE, None)
        (folder / COLLECTION_RECORD_FILE).unlink(missing_ok=True)
        card = without_collection(card)
    windows = request.windows or artifact.manifest.windows
    update = {"calibration": result.fitted.calibration, "files": files, "windows": windows}
    write_manifest(folder, artifact.manifest.model_copy(update=update))
    names = [file.name for file in request.data]
    card = with_section(card, result.fitted, result.figures, names, result.kinds)
    (folder / CARD).write_text(card, encoding="utf-8")
    load_artifact(folder)  # before it replaces another one
