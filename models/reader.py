"""Reads a document for its questions: every answer is a verbatim piece of it, with a calibrated confidence.

    reader = Reader.load()
    for answer in reader.read(text, ["What error code is shown?"]):
        print(answer.text, answer.confidence)

The unit of work is a document with its questions. `read` does all steps at once; a caller that overlaps them (the
stream's consumer does) takes them one by one:

    tokenize -> plan (windows of each question) -> score (inference) -> conclude (aggregate, calibrate, validate)
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from threading import Lock
from typing import Any

from cachetools import LRUCache, cached

from spanstream.models.artifact import Artifact, load_artifact
from spanstream.models.defaults import DEFAULT_ARTIFACT, DEFAULT_MAX_WINDOWS, KEPT_INDEX_BYTES
from spanstream.models.errors import InferenceFailed
from spanstream.models.inference.backends import Backends, open_backends
from spanstream.models.inference.cpu import available_cpus
from spanstream.models.inference.runner import InferenceRunner, ScoredWindow, WindowOutcome
from spanstream.models.spans.aggregate import RawAnswer, aggregate
from spanstream.models.spans.validate import Validator
from spanstream.models.text.retrieval import BlockIndex
from spanstream.models.text.tokenization import TokenizedDocument, TokenizedQuestion
from spanstream.models.text.utf16 import utf16_length
from spanstream.models.text.windowing import Window, windows_of
from spanstream.models.text.words import without_invisible


@dataclass(frozen=True, slots=True)
class ReadPlan:
    """One question about one document, and the windows that will be read for it.

    `total_windows` is how many the whole document has; more than `windows` where BM25 picked.
    """

    question: TokenizedQuestion
    text: str
    document: TokenizedDocument
    windows: tuple[Window, ...]
    total_windows: int


@dataclass(frozen=True, slots=True)
class Quote:
    """A verbatim piece of a document: `text == document[char_start:char_end]`, in code points.

    `utf16_start` and `utf16_end` are the same places in UTF-16 units; None unless the reader was asked for them.
    """

    text: str
    char_start: int
    char_end: int
    utf16_start: int | None = None
    utf16_end: int | None = None


@dataclass(frozen=True, slots=True)
class Answer:
    """The result of reading a document for one question.

    Attributes:
        question: the question as it was asked.
        candidate: the best span, given or not; None for a document without a word.
        confidence: calibrated probability, 0 to 1, that the candidate is right.
        threshold: the confidence from which on the candidate is the answer.
        null_score_diff: raw score of "no answer" minus the candidate's; None without a candidate.
        windows_read: how many windows were read.
        windows_total: how many windows the document has.
        precision: of the weights that read it; where windows went to different sessions, of those that found the
            candidate.
    """

    question: str
    candidate: Quote | None
    confidence: float
    threshold: float
    null_score_diff: float | None
    windows_read: int
    windows_total: int
    precision: str

    @property
    def quote(self) -> Quote | None:
        """The candidate if its confidence reaches the threshold, else None: there is no answer."""
        return self.candidate if self.confidence >= self.threshold else None

    @property
    def text(self) -> str | None:
        """The answer's text, None where there is no answer."""
        return self.quote.text if self.quote else None


class Reader:
    """A loaded model. Every step is safe from any thread; `score`s at the same time share the session."""

    def __init__(
        self,
        artifact: Artifact,
        backends: Backends,
        *,
        max_windows: int = DEFAULT_MAX_WINDOWS,
        threshold: float | None = None,
        utf16_offsets: bool = False,
    ) -> None:
        manifest = artifact.manifest
        self.artifact = artifact
        self.backends = backends
        self._max_windows = max_windows
        self._threshold = manifest.calibration.thresholds["default"] if threshold is None else threshold
        self._quote = _quote_with_utf16 if utf16_offsets else _quote
        self._validator = Validator(artifact.tokenizer)
        self._indexes: LRUCache[tuple[Any, ...], BlockIndex] = LRUCache(KEPT_INDEX_BYTES, lambda index: index.nbytes)
        self._indexes_lock = Lock()
        self._index = cached(self._indexes, lock=self._indexes_lock)(BlockIndex)
        self._inference = InferenceRunner(
            backends, pad_id=manifest.pad_id, max_answer_tokens=manifest.max_answer_tokens
        )

    @classmethod
    def load(
        cls,
        folder: Path = DEFAULT_ARTIFACT,
        *,
        threads: int | None = None,
        max_windows: int = DEFAULT_MAX_WINDOWS,
        utf16_offsets: bool = False,
        report: Callable[[str], None] = print,
    ) -> Reader:
        """Loads an artifact, by default the one that comes with the program.

        Args:
            folder: the artifact's folder.
            threads: CPU threads; by default the CPUs this process may use (the cgroup's quota).
            max_windows: windows read of one document at most.
            utf16_offsets: whether quotes also say their places in UTF-16 units.
            report: called with one line for each session that cannot be used.

        Raises:
            ArtifactError: the artifact is damaged, or no session on this machine computes it rightly.
        """
        artifact = load_artifact(folder)
        backends = open_backends(artifact, threads=threads or available_cpus(), report=report)
        return cls(artifact, backends, max_windows=max_windows, utf16_offsets=utf16_offsets)

    @property
    def threshold(self) -> float:
        """The confidence from which on a candidate is given as the answer."""
        return self._threshold

    @property
    def is_idle(self) -> bool:
        """Whether no windows are being scored now."""
        return self._inference.is_idle

    def plans_as(self, other: Reader) -> bool:
        """Whether both cut every document into the same windows, and choose the same of them."""
        mine, its = self.artifact, other.artifact
        same_tokens = mine.manifest.tokenizer_fingerprint == its.manifest.tokenizer_fingerprint
        return same_tokens and (mine.shape, self._max_windows) == (its.shape, other._max_windows)

    def read(self, text: str, questions: Sequence[str]) -> list[Answer]:
        """Returns one answer for each question, in their order.

        Raises:
            InvalidText: the text or a question holds half of a character.
            ForkedReader: the process was forked after the reader was loaded.
            QuestionTooLong: a question leaves no room for the document.
            InferenceFailed: the session failed on a window.
            InvalidSpan: an answer failed validation; it would not be what the model pointed at.
        """
        plans = self.plan(text, self.tokenize(text), questions)
        outcomes = self.score(plans)
        return [self.conclude(plan, outcomes) for plan in plans]

    def tokenize(self, text: str) -> TokenizedDocument:
        """Returns the document's tokens; the same for every question, so worth keeping."""
        return self.artifact.tokenizer.tokenize_document(text)

    def forget(self, text_sha256: str) -> None:
        """Drops what is kept of a text between questions: the index of a long document, with its tokens."""
        with self._indexes_lock:
            for key in [key for key in self._indexes if key[0].text_sha256 == text_sha256]:
                del self._indexes[key]

    def plan(self, text: str, document: TokenizedDocument, questions: Sequence[str]) -> list[ReadPlan]:
        """Chooses the windows to read for each question.

        Raises:
            InvalidText: a question holds half of a character.
            QuestionTooLong: a question leaves no room for the document.
            TypeError: there is one question, and not a list of them.
        """
        if isinstance(questions, str):
            raise TypeError("questions should be a list: a single text would be read as a question for each letter")
        # A blank document has nothing to quote; the window of it that there would be is not worth a run.
        is_blank = document.size == 0 or not without_invisible(text)
        plans = []
        for question in questions:
            tokenized = self.artifact.tokenizer.tokenize_question(question)
            windows = chosen = [] if is_blank else windows_of(tokenized, document, self.artifact.shape)
            if len(windows) > self._max_windows:
                chosen = self._index(document).choose(windows, tokenized, self._max_windows)
            plans.append(ReadPlan(tokenized, text, document, tuple(chosen), len(windows)))
        return plans

    def score(self, plans: Sequence[ReadPlan], *, waiting_windows: int = 0) -> Mapping[Window, WindowOutcome]:
        """Runs inference over the windows of all plans; `waiting_windows` more are queued behind them."""
        windows = [window for plan in plans for window in plan.windows]
        return self._inference.run(windows, waiting_windows=waiting_windows)

    def raw_answer(self, plan: ReadPlan, outcomes: Mapping[Window, WindowOutcome]) -> RawAnswer:
        """Returns what the windows together say, before calibration and validation.

        Raises:
            InferenceFailed: the session failed on one of the plan's windows.
        """
        return aggregate([window.span for window in _scored_windows(plan, outcomes)])

    def conclude(self, plan: ReadPlan, outcomes: Mapping[Window, WindowOutcome]) -> Answer:
        """Returns one calibrated, validated answer out of the windows' spans.

        Raises:
            InferenceFailed: the session failed on one of the plan's windows.
            InvalidSpan: see `spanstream.models.spans.validate`.
        """
        scored = _scored_windows(plan, outcomes)
        raw = aggregate([window.span for window in scored])
        candidate = None
        if raw.best is not None and raw.best.span is not None:
            char_start, char_end = self._validator.char_span(plan.text, plan.document, raw.best.span)
            candidate = self._quote(plan.text, char_start, char_end)
        return Answer(
            question=plan.question.text,
            candidate=candidate,
            confidence=self.artifact.manifest.calibration.confidence(raw),
            threshold=self._threshold,
            null_score_diff=raw.null_score_diff,
            windows_read=len(plan.windows),
            windows_total=plan.total_windows,
            precision=self._precision(scored, raw),
        )

    def _precision(self, scored: Sequence[ScoredWindow], raw: RawAnswer) -> str:
        for window in scored:
            if window.span is raw.best:
                return window.precision
        # Without a candidate every window says no; without windows nothing ran.
        return scored[0].precision if scored else self.backends.choose(0).precision

    def close(self) -> None:
        """Ends the inference threads."""
        self._inference.close()


def _quote(text: str, char_start: int, char_end: int) -> Quote:
    return Quote(text[char_start:char_end], char_start, char_end)


def _quote_with_utf16(text: str, char_start: int, char_end: int) -> Quote:
    quoted, utf16_start = text[char_start:char_end], utf16_length(text[:char_start])
    return Quote(quoted, char_start, char_end, utf16_start, utf16_start + utf16_length(quoted))


def _scored_windows(plan: ReadPlan, outcomes: Mapping[Window, WindowOutcome]) -> list[ScoredWindow]:
    scored: list[ScoredWindow] = []
    for window in plan.windows:
        outcome = outcomes[window]
        if isinstance(outcome, InferenceFailed):
            raise outcome
        scored.append(outcome)
    return scored
