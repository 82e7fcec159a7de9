"""Fits the confidence of a collection's answers to labelled questions, and writes the artifact with it.

    SQuAD files -> texts -> a search -> the texts found for each question -> observe -> fit
                -> manifest, collection.json, a section of the card -> artifact

The confidence of one document, which it weighs, stays what it is, and so do weights and tokenizer.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Final, Protocol

import numpy as np

from spanstream.models.arrays import Float64Array
from spanstream.models.artifact import Artifact, load_artifact, sha256_of_file, write_manifest
from spanstream.models.calibrating.calibration_record import DataFile, RecordedThreshold, read_record
from spanstream.models.calibrating.collection import CollectionObservation, FittedCollection, fit_collection
from spanstream.models.calibrating.collection_record import (
    COLLECTION_RECORD_FILE,
    CollectionRecord,
    read_collection_record,
    write_collection_record,
)
from spanstream.models.calibrating.thresholds import ThresholdRequest
from spanstream.models.evaluation.calibration_section import CARD, read_card
from spanstream.models.evaluation.collections.card_section import with_collection
from spanstream.models.evaluation.collections.labelled import LabelledCollection, read_collection
from spanstream.models.evaluation.collections.observing import CollectionObserver, FoundTexts, Places
from spanstream.models.evaluation.evaluate import Begin
from spanstream.models.evaluation.measure import confidence_figures
from spanstream.models.evaluation.observe import Progress, has_seen, open_cpu_reader
from spanstream.models.evaluation.report import ConfidenceFigures
from spanstream.models.metrics.seen_questions import SeenQuestions
from spanstream.models.reader import Reader
from spanstream.models.spans.collection_calibration import CollectionFeatures
from spanstream.models.spans.logistic import logistic
from spanstream.models.staging import staged_folder

# Questions searched for and read together: enough to fill batches, few enough to show progress.
_CHUNK_QUESTIONS: Final = 16


class CollectionSearch(Protocol):
    """Searches the texts of a collection as the stream does."""

    @property
    def encoder(self) -> str:
        """The fingerprint of the encoder."""

    @property
    def passages(self) -> int:
        """How many passages of a question are read, at most."""

    def fill(self, texts: Sequence[str], progress: Progress) -> None:
        """Indexes the texts, in the place of others; calls `progress` with how many more are done."""

    def find(self, questions: Sequence[str]) -> Sequence[Places]:
        """Returns what is to be read for each question."""


@dataclass(frozen=True, slots=True)
class CollectionRequest:
    """What to calibrate.

    Attributes:
        artifact: its folder.
        data: SQuAD v2.0 files; their paragraphs together are the collection.
        output: the folder to write; may be the artifact's own.
        day: today, UTC; for the record.
        name: the calibration's name; None: made of the one so far, the first file's and its hash.
        wanted: what thresholds are wanted for; a collection has no guarantees.
        threads: CPU threads; None: those of the cgroup's quota.
    """

    artifact: Path
    data: Sequence[Path]
    output: Path
    day: date
    name: str | None = None
    wanted: ThresholdRequest = field(default_factory=ThresholdRequest)
    threads: int | None = None


@dataclass(frozen=True, slots=True)
class CollectionResult:
    """The new calibration, and what it is worth.

    Attributes:
        record: what it was fitted to.
        fitted: the new calibration.
        figures: what the confidences are worth on these questions: the new one on questions that its fit had not seen,
            the one so far where there is one, and that of one document.
    """

    record: CollectionRecord
    fitted: FittedCollection
    figures: dict[str, ConfidenceFigures]


def recalibrate_collection(
    request: CollectionRequest,
    search: CollectionSearch,
    *,
    begin: Begin = lambda _what, _questions: lambda _done: None,
    say: Callable[[str], None] = print,
) -> CollectionResult:
    """Calibrates an artifact for questions about collections.

    Args:
        request: what to do.
        search: an empty one.
        begin: called when long work begins.
        say: called with one line for each session that cannot be used.

    Raises:
        ArtifactError: the artifact cannot be used.
        SquadError: a file is not what it should be.
        BuildError: a question cannot be read, or the questions do not allow a calibration; nothing is left behind.
    """
    artifact = load_artifact(request.artifact)
    collection = read_collection(request.data)
    with staged_folder(request.output) as folder:
        reader = open_cpu_reader(artifact, threads=request.threads, report=say)
        search.fill(collection.texts, begin("indexed", len(collection.texts)))
        observations = _observe(collection, search, reader, begin)
        reader.close()
        result = _fit(artifact, collection, observations, request, search)
        _write(artifact, folder, result)
    return result


def _observe(
    collection: LabelledCollection, search: CollectionSearch, reader: Reader, begin: Begin
) -> list[CollectionObservation]:
    observer = CollectionObserver(reader, "collection")
    observations: list[CollectionObservation] = []
    progress = begin("searched and read", len(collection.questions))
    for first in range(0, len(collection.questions), _CHUNK_QUESTIONS):
        chunk = collection.questions[first : first + _CHUNK_QUESTIONS]
        found = search.find([question.example.question for question in chunk])
        observations += observer.observe([FoundTexts(*both) for both in zip(chunk, found, strict=True)])
        progress(len(chunk))
    return observations


def _fit(
    artifact: Artifact,
    collection: LabelledCollection,
    observations: Sequence[CollectionObservation],
    request: CollectionRequest,
    search: CollectionSearch,
) -> CollectionResult:
    earlier, of_one_document = read_collection_record(artifact.folder), read_record(artifact.folder)
    examples = [question.example for question in collection.questions]
    so_far = artifact.manifest.calibration.collection
    one_has_seen = bool(of_one_document and has_seen(of_one_document, collection.questions))
    # A confidence that has seen these texts proves nothing about them; the collection's weighs that of one document.
    has_seen_some = one_has_seen or bool(earlier and earlier.fitted_on(examples))
    fitted = fit_collection(observations, request.wanted, so_far=None if has_seen_some else so_far)
    confidences = {"new, on unseen questions": fitted.held_out}
    if so_far is not None:
        confidences[_column("so far", has_seen_some)] = _confidences(observations, so_far.confidence)
    one_documents = _confidences(observations, lambda features: logistic(features.log_odds))
    confidences[_column("one document's", one_has_seen)] = one_documents
    right, texts = np.array([one.prediction.is_right for one in observations]), [one.context for one in examples]
    record = CollectionRecord(
        calibration=request.name or _name(artifact, earlier, request.data),
        day=request.day,
        data=tuple(map(DataFile.of, request.data)),
        questions=len(examples),
        texts=len(collection.texts),
        passages=search.passages,
        encoder=search.encoder,
        grouped_by=fitted.grouped_by,
        score=fitted.score,
        log_losses=fitted.log_losses,
        thresholds={name: RecordedThreshold.of(choice) for name, choice in fitted.choices.items()},
        absent=fitted.absent,
        seen=SeenQuestions.of(examples),
    )
    figures = {name: confidence_figures(confidence, right, texts) for name, confidence in confidences.items()}
    return CollectionResult(record, fitted, figures)


def _column(confidence: str, has_seen_some: bool) -> str:
    return f"{confidence}, which has seen some" if has_seen_some else confidence


def _confidences(
    observations: Sequence[CollectionObservation], confidence: Callable[[CollectionFeatures], float]
) -> Float64Array:
    """Returns the questions' confidences; 0 without a candidate."""
    return np.array([confidence(one.features) if one.features else 0.0 for one in observations])


def _name(artifact: Artifact, earlier: CollectionRecord | None, data: Sequence[Path]) -> str:
    """Returns the calibration's name so far, with the new file's tag in the place of an earlier one's."""
    name = artifact.manifest.calibration.name
    if earlier is not None:
        name = name.removesuffix(f"+{earlier.data[0].tag}")
    return f"{name}+{DataFile.of(data[0]).tag}"


def _write(artifact: Artifact, folder: Path, result: CollectionResult) -> None:
    shutil.copytree(artifact.folder, folder, dirs_exist_ok=True)  # with other files that the user keeps there
    write_collection_record(folder, result.record)
    before = artifact.manifest.calibration
    calibration = before.model_copy(update={"name": result.record.calibration, "collection": result.fitted.calibration})
    files = artifact.manifest.files | {COLLECTION_RECORD_FILE: sha256_of_file(folder / COLLECTION_RECORD_FILE)}
    write_manifest(folder, artifact.manifest.model_copy(update={"calibration": calibration, "files": files}))
    text = with_collection(read_card(artifact), result.record, result.fitted, result.figures)
    (folder / CARD).write_text(text, encoding="utf-8")
    load_artifact(folder)  # before it replaces another one
