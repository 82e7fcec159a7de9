"""Reads labelled questions as they are read when serving: windows, BM25 among many of them, validated spans.

[file] -> [LabelledQuestion] x Reader -> [Observation]
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from operator import attrgetter
from pathlib import Path
from typing import Final

from spanstream.models.artifact import Artifact, Variant
from spanstream.models.calibrating.calibration_record import CalibrationRecord
from spanstream.models.defaults import DEFAULT_MAX_WINDOWS, WindowMode
from spanstream.models.errors import ArtifactError, BuildError, InferenceFailed, InvalidSpan, QuestionTooLong
from spanstream.models.evaluation.kinds import read_kinds
from spanstream.models.inference.backends import open_backends
from spanstream.models.inference.cpu import available_cpus
from spanstream.models.metrics.reading import ReadQuestion
from spanstream.models.metrics.squad_files import Example, read_squad
from spanstream.models.reader import Reader
from spanstream.models.spans.quotes import Quote, quote
from spanstream.models.text.read_plan import ReadPlan
from spanstream.models.text.tokenization import TokenizedDocument

# Questions read together: enough to fill batches, few enough to show progress.
_CHUNK_QUESTIONS: Final = 32

Progress = Callable[[int], None]


@dataclass(frozen=True, slots=True)
class LabelledQuestion:
    """A question with its gold answers, its file, and what kinds it is of, where that is labelled."""

    file: Path
    example: Example
    kinds: Mapping[str, str] = field(default_factory=dict)

    @property
    def where(self) -> str:
        """File and question, for messages."""
        return f"{self.file}: question {self.example.id}"


@dataclass(frozen=True, slots=True)
class Observation:
    """A question as the model read it.

    Attributes:
        read: question, reading and candidate.
        tokens: how many the document has.
        windows_read: how many windows of the document were read.
        windows_total: how many windows the document has.
        kinds: of the text and the question, where they are labelled.
        candidate: the candidate with its place; None where there is none.
    """

    read: ReadQuestion
    tokens: int
    windows_read: int
    windows_total: int
    kinds: Mapping[str, str] = field(default_factory=dict)
    candidate: Quote | None = None


def read_labelled_questions(files: Sequence[Path]) -> list[LabelledQuestion]:
    """Reads all questions of some SQuAD v2.0 files.

    Raises:
        SquadError: a file is not what it should be; the text names it and the question.
    """
    questions: list[LabelledQuestion] = []
    for file in files:
        examples = read_squad(file)
        kinds = read_kinds(file, {example.id for example in examples})
        questions += [LabelledQuestion(file, example, kinds.get(example.id, {})) for example in examples]
    return questions


def open_variant_reader(  # noqa: PLR0913  two callers, by name
    artifact: Artifact,
    variant: Variant,
    *,
    threads: int,
    max_windows: int,
    report: Callable[[str], None],
    windows: WindowMode | None = None,
) -> Reader:
    """Opens a reader that uses this variant alone, and tests it.

    Raises:
        ArtifactError: the variant does not run here, or computes wrongly.
    """
    alone = artifact.only(variant)
    backends = open_backends(alone, threads=threads, report=report)
    return Reader(alone, backends, max_windows=max_windows, windows=windows)


def open_cpu_reader(
    artifact: Artifact,
    *,
    threads: int | None,
    report: Callable[[str], None],
    max_windows: int = DEFAULT_MAX_WINDOWS,
    windows: WindowMode | None = None,
) -> Reader:
    """Opens a reader with the artifact's first variant for the CPU; `threads` None: those of the cgroup's quota.

    Raises:
        ArtifactError: there is none, or it does not run here, or computes wrongly.
    """
    variants = artifact.variants_for("cpu")
    if not variants:
        raise ArtifactError(f"{artifact.folder}: has no variant for the CPU")
    most = threads or available_cpus()
    return open_variant_reader(
        artifact, variants[0], threads=most, max_windows=max_windows, report=report, windows=windows
    )


def has_seen(record: CalibrationRecord, questions: Sequence[LabelledQuestion]) -> bool:
    """Returns whether a calibration was fitted on some of the questions' texts."""
    by_file = groupby(questions, key=attrgetter("file"))
    return any(record.fitted_on(file, [question.example for question in group]) for file, group in by_file)


def observe(
    questions: Sequence[LabelledQuestion], reader: Reader, *, max_answers: int = 1, progress: Progress = lambda _: None
) -> list[Observation]:
    """Reads every question, in order; calls `progress` with how many more were read.

    Args:
        questions: what to read.
        reader: the model.
        max_answers: how many answers to each question are kept.
        progress: called for every few questions.

    Raises:
        BuildError: a question cannot be read; the text names its file and id.
    """
    observations: list[Observation] = []
    documents: dict[str, TokenizedDocument] = {}
    for first in range(0, len(questions), _CHUNK_QUESTIONS):
        chunk = questions[first : first + _CHUNK_QUESTIONS]
        plans = []
        for question in chunk:
            text = question.example.context
            if text not in documents:
                documents[text] = reader.tokenize(text)
            plans.append(_plan(question, documents[text], reader, max_answers))
        outcomes = reader.score(plans)
        for question, plan in zip(chunk, plans, strict=True):
            try:
                ranked = reader.ranked_answers(plan, outcomes)
                reading = reader.raw_answer(plan, outcomes)
            except (InferenceFailed, InvalidSpan) as error:
                raise BuildError(f"{question.where}: {error}") from error
            read = ReadQuestion.of(question.example, reading, ranked)
            sizes = (plan.document.size, len(plan.windows), plan.total_windows)
            candidate = quote(question.example.context, *ranked[0].place) if ranked else None
            observations.append(Observation(read, *sizes, kinds=question.kinds, candidate=candidate))
        progress(len(chunk))
    return observations


def _plan(question: LabelledQuestion, document: TokenizedDocument, reader: Reader, max_answers: int) -> ReadPlan:
    example = question.example
    try:
        [plan] = reader.plan(example.context, document, [example.question], max_answers=max_answers)
    except QuestionTooLong as error:
        raise BuildError(f"{question.where}: {error}") from error
    return plan
