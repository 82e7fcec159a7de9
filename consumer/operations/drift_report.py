"""Compares answers that were published with the artifact's reference.

answers topic -> latest answers of this model -> their texts (documents and questions topics) -> FigureTable -> compare
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from datetime import datetime
from operator import attrgetter

from spanstream.consumer.broker.protocols import PartitionReader, Record
from spanstream.consumer.broker.reading import read_records, read_topic
from spanstream.consumer.clock import Clock
from spanstream.consumer.errors import Stop
from spanstream.consumer.formats.event_formats import EventFormats
from spanstream.consumer.formats.opening import open_formats
from spanstream.consumer.replay.current_documents import CurrentDocuments
from spanstream.consumer.settings import Settings
from spanstream.models.artifact import Artifact, Manifest
from spanstream.models.drift.comparison import LEAST_QUESTIONS, FigureDrift, compare
from spanstream.models.drift.figures import FigureTable, QuestionRead
from spanstream.models.drift.reference import Reference, read_reference
from spanstream.models.text.tokenization import TokenizedDocument
from spanstream.schemas.answer_parts import ModelInfo
from spanstream.schemas.errors import InvalidRecord
from spanstream.schemas.events import Answer

_PATIENCE_SECONDS = 30.0


@dataclass(frozen=True, slots=True)
class AnswerSelection:
    """Which answers are compared: the latest ones since a time.

    Attributes:
        last: how many at most.
        since_ms: published at this time or later, milliseconds since the epoch; None: whenever.
        with_texts: whether their texts are read too, for the figures that need them.
    """

    last: int
    since_ms: int | None = None
    with_texts: bool = True


@dataclass(frozen=True, slots=True)
class DriftReport:
    """How far a selection of the stream is from what the artifact was calibrated on.

    Attributes:
        reference: what it is compared with.
        questions: how many were compared.
        first: when the first of them was answered; None without one.
        last: when the last one was.
        other_model: answers by another model or calibration; they are left out.
        without_text: questions whose text is not there any more, or was not asked for.
        figures: the comparison; empty where there were too few questions.
    """

    reference: Reference
    questions: int
    first: datetime | None
    last: datetime | None
    other_model: int
    without_text: int
    figures: tuple[FigureDrift, ...]

    @property
    def is_enough(self) -> bool:
        """Whether there were enough questions to compare."""
        return self.questions >= LEAST_QUESTIONS

    def drifted(self, limit: float) -> list[FigureDrift]:
        """Returns the figures beyond a limit, the farthest first."""
        beyond = [figure for figure in self.figures if figure.index > limit]
        return sorted(beyond, key=attrgetter("index"), reverse=True)


def drift_report(
    selection: AnswerSelection,
    settings: Settings,
    artifact: Artifact,
    open_reader: Callable[[], PartitionReader],
    clock: Clock,
) -> DriftReport:
    """Reads the answers and their texts, and compares them.

    Args:
        selection: which answers.
        settings: name the topics.
        artifact: whose answers are compared with its reference.
        open_reader: opens a reader; each of them is closed.
        clock: bounds how long Kafka may be silent.

    Raises:
        Stop: the artifact has no reference, or a topic is not there.
        Retryable: Kafka did not answer in time.
        ArtifactError: the reference is not what it should be.
    """
    manifest = artifact.manifest
    reference = read_reference(artifact)
    if reference is None:
        raise Stop(
            f"the artifact {manifest.name} {manifest.version} has no reference to compare with",
            hint="spanstream model calibrate writes it",
        )
    threshold = manifest.calibration.threshold(settings.model.threshold)
    formats = open_formats(settings).patient(clock, _PATIENCE_SECONDS)
    with closing(open_reader()) as reader:
        read = _latest_answers(selection, settings, formats, reader, clock)
    # What is asked of a collection is another distribution than the reference's.
    answers = [answer for answer in read if answer.collection is None and _is_by(answer.model, manifest)]
    texts = _Texts(settings, formats, artifact, open_reader, clock)
    tokens = texts.tokenized(answers) if selection.with_texts else {}
    reads = [_question_read(answer, tokens.get(answer.document_sha256 or "")) for answer in answers]
    is_enough = len(reads) >= LEAST_QUESTIONS
    counts = FigureTable.of(reads, artifact.tokenizer.unknown_id).counts()
    return DriftReport(
        reference=reference,
        questions=len(answers),
        first=answers[0].answered_at if answers else None,
        last=answers[-1].answered_at if answers else None,
        other_model=len(read) - len(answers),
        without_text=sum(read.document is None for read in reads),
        figures=tuple(compare(counts, reference.counts(threshold))) if is_enough else (),
    )


def _is_by(model: ModelInfo, manifest: Manifest) -> bool:
    ours = (manifest.name, manifest.version, manifest.calibration.name)
    return (model.name, model.version, model.calibration) == ours


def _latest_answers(
    selection: AnswerSelection, settings: Settings, formats: EventFormats, reader: PartitionReader, clock: Clock
) -> list[Answer]:
    """Returns the latest answers, oldest first; what cannot be read is passed over."""
    partitions = reader.partitions(settings.topics.answers)
    begins, ends = reader.begin_offsets(partitions), reader.end_offsets(partitions)
    # Of a partition's offsets at least every second one is an answer: a transaction writes one and a marker, or more.
    starts = {partition: max(begins[partition], end - 2 * selection.last) for partition, end in ends.items()}
    found: list[tuple[int, Answer]] = []
    for record in read_records(reader, starts, ends, clock=clock, patience_seconds=_PATIENCE_SECONDS):
        published_ms = record.timestamp_ms or 0
        if selection.since_ms is not None and published_ms < selection.since_ms:
            continue
        try:
            found.append((published_ms, formats.answer(record)))
        except InvalidRecord:
            continue
    found.sort(key=lambda timed: timed[0])
    return [answer for _, answer in found[-selection.last :]]


@dataclass(frozen=True, slots=True)
class _Texts:
    """Finds the texts that answers are about, and keeps their tokens only."""

    settings: Settings
    formats: EventFormats
    artifact: Artifact
    open_reader: Callable[[], PartitionReader]
    clock: Clock
    found: dict[str, TokenizedDocument] = field(default_factory=dict)

    def tokenized(self, answers: Sequence[Answer]) -> dict[str, TokenizedDocument]:
        """Returns the tokens of the texts that are still there, by SHA-256."""
        documents = {answer.document_id for answer in answers if answer.document_id is not None}
        if documents:
            self._documents(documents, {answer.document_sha256 or "" for answer in answers})
        if questions := {answer.question_id for answer in answers if answer.document_id is None}:
            self._contexts(questions)
        return self.found

    def _documents(self, document_ids: set[str], wanted: set[str]) -> None:
        current = CurrentDocuments(self.open_reader(), self.settings, self.formats, self.clock, _PATIENCE_SECONDS)
        with closing(current):
            for document_id in sorted(document_ids):
                document = current.find(document_id)
                if document is not None and document.sha256 in wanted:
                    self._keep(document.text)

    def _contexts(self, question_ids: set[str]) -> None:
        """Keeps the texts that questions brought along."""
        topic = self.settings.topics.questions
        with closing(self.open_reader()) as reader:
            for record in read_topic(reader, topic, clock=self.clock, patience_seconds=_PATIENCE_SECONDS):
                context = self._context(record, question_ids)
                if context is not None:
                    self._keep(context)

    def _context(self, record: Record, question_ids: set[str]) -> str | None:
        try:
            question = self.formats.question(record)
        except InvalidRecord:
            return None
        return question.context if question.question_id in question_ids else None

    def _keep(self, text: str) -> None:
        document = self.artifact.tokenizer.tokenize_document(text)
        self.found[document.text_sha256] = document


def _question_read(answer: Answer, document: TokenizedDocument | None) -> QuestionRead:
    return QuestionRead(
        text_sha256=answer.document_sha256 or "",
        document=document,
        windows_read=answer.windows.read,
        windows_total=answer.windows.total,
        null_score_diff=answer.null_score_diff,
        confidence=answer.confidence,
        answered=answer.status == "answered",
        answer_characters=None if answer.candidate is None else len(answer.candidate.text),
    )
