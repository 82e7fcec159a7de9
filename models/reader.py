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
from spanstream.models.defaults import DEFAULT_ARTIFACT, DEFAULT_MAX_WINDOWS, KEPT_INDEX_BYTES, WindowMode
from spanstream.models.inference.backends import Backends, open_backends
from spanstream.models.inference.cpu import available_cpus
from spanstream.models.inference.runner import InferenceRunner, WindowOutcome, precision_of, scored_windows
from spanstream.models.spans.aggregate import RawAnswer, aggregate
from spanstream.models.spans.alternatives import RankedAnswer, rank_answers
from spanstream.models.spans.quotes import AlternativeQuote, Quote, quote, quote_with_utf16
from spanstream.models.spans.validate import Validator
from spanstream.models.text.covering import covering
from spanstream.models.text.read_plan import ReadPlan
from spanstream.models.text.retrieval import BlockIndex
from spanstream.models.text.sentence_windows import SentenceMap
from spanstream.models.text.tokenization import TokenizedDocument, TokenizedQuestion
from spanstream.models.text.windowing import Window, WindowShape, windows_of
from spanstream.models.text.words import without_invisible


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
        further: where else the candidate's text stands; only looked for where several answers were asked for.
        window: which of the document's windows the candidate was found in, counted from 1; None without one.
        alternatives: other answers, the best first; none unless they were asked for.
    """

    question: str
    candidate: Quote | None
    confidence: float
    threshold: float
    null_score_diff: float | None
    windows_read: int
    windows_total: int
    precision: str
    further: tuple[Quote, ...] = ()
    alternatives: tuple[AlternativeQuote, ...] = ()
    window: int | None = None

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

    def __init__(  # noqa: PLR0913  built in few places, by name
        self,
        artifact: Artifact,
        backends: Backends,
        *,
        max_windows: int = DEFAULT_MAX_WINDOWS,
        threshold: float | None = None,
        utf16_offsets: bool = False,
        windows: WindowMode | None = None,
    ) -> None:
        manifest = artifact.manifest
        self.artifact = artifact
        self.backends = backends
        self._max_windows = max_windows
        self._threshold = manifest.calibration.thresholds["default"] if threshold is None else threshold
        self._quote = quote_with_utf16 if utf16_offsets else quote
        self._validator = Validator(artifact.tokenizer)
        self._mode = windows or manifest.windows
        self._kept: LRUCache[tuple[Any, ...], BlockIndex | SentenceMap] = LRUCache(
            KEPT_INDEX_BYTES, lambda kept: kept.nbytes
        )
        self._kept_lock = Lock()
        self._index = cached(self._kept, lock=self._kept_lock)(BlockIndex)
        self._sentences = cached(self._kept, lambda document, _: (document, "sentences"), self._kept_lock)(SentenceMap)
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
        return self._planned_by == other._planned_by

    @property
    def _planned_by(self) -> tuple[str, WindowShape, WindowMode, int, int]:
        """What the windows of a text, and the choice among them, depend on."""
        longest = self.artifact.manifest.max_answer_tokens if self._mode == "sentences" else 0  # they share as much
        return self.artifact.tokenizer.fingerprint, self.artifact.shape, self._mode, longest, self._max_windows

    def read(self, text: str, questions: Sequence[str], *, max_answers: int = 1) -> list[Answer]:
        """Returns one answer for each question, in their order; with `max_answers` above 1, with alternatives.

        Raises:
            InvalidText: the text or a question holds half of a character.
            ForkedReader: the process was forked after the reader was loaded.
            QuestionTooLong: a question leaves no room for the document.
            InferenceFailed: the session failed on a window.
            InvalidSpan: an answer failed validation; it would not be what the model pointed at.
        """
        plans = self.plan(text, self.tokenize(text), questions, max_answers=max_answers)
        outcomes = self.score(plans)
        return [self.conclude(plan, outcomes) for plan in plans]

    def tokenize(self, text: str) -> TokenizedDocument:
        """Returns the document's tokens; the same for every question, so worth keeping."""
        return self.artifact.tokenizer.tokenize_document(text)

    def forget(self, text_sha256: str) -> None:
        """Drops what is kept of a text between questions: a long document's tokens, index and sentences."""
        with self._kept_lock:
            for key in [key for key in self._kept if key[0].text_sha256 == text_sha256]:
                del self._kept[key]

    def windows(self, text: str, document: TokenizedDocument, question: TokenizedQuestion) -> list[Window]:
        """Returns all windows of the document for this question, in order; one empty window for an empty document.

        Raises:
            QuestionTooLong: the question leaves no room for the document.
        """
        shape = self.artifact.shape
        if self._mode == "sliding" or document.size <= shape.room(question, document):
            return windows_of(question, document, shape)
        sentences = self._sentences(document, text)
        return sentences.windows(question, document, shape, self.artifact.manifest.max_answer_tokens)

    def plan(
        self,
        text: str,
        document: TokenizedDocument,
        questions: Sequence[str],
        *,
        max_answers: int = 1,
        places: Sequence[tuple[int, int]] = (),
    ) -> list[ReadPlan]:
        """Chooses the windows to read for each question: with `places`, (char_start, char_end), those that hold them.

        Raises:
            InvalidText: a question holds half of a character.
            QuestionTooLong: a question leaves no room for the document.
            TypeError: there is one question, and not a list of them.
        """
        if isinstance(questions, str):
            raise TypeError("questions should be a list: a single text would be read as a question for each letter")
        # A blank document has nothing to quote: its one window is not worth a run.
        is_blank = document.size == 0 or not without_invisible(text)
        plans = []
        for question in questions:
            tokenized = self.artifact.tokenizer.tokenize_question(question)
            windows = chosen = [] if is_blank else self.windows(text, document, tokenized)
            if places:
                chosen = covering(windows, document, places)
            elif len(windows) > self._max_windows:
                chosen = self._index(document).choose(windows, tokenized, self._max_windows)
            plans.append(ReadPlan(tokenized, text, document, tuple(chosen), len(windows), max_answers, tuple(places)))
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
        return aggregate([window.span for window in scored_windows(plan.windows, outcomes)])

    def conclude(self, plan: ReadPlan, outcomes: Mapping[Window, WindowOutcome]) -> Answer:
        """Returns one calibrated, validated answer out of the windows' spans.

        Raises:
            InferenceFailed: the session failed on one of the plan's windows.
            InvalidSpan: see `spanstream.models.spans.validate`.
        """
        scored = scored_windows(plan.windows, outcomes)
        raw = aggregate([window.span for window in scored])
        candidate: Quote | None = None
        further: tuple[Quote, ...] = ()
        alternatives: tuple[AlternativeQuote, ...] = ()
        if plan.max_answers > 1:
            if ranked := self.ranked_answers(plan, outcomes):
                candidate, further = self._quotes(plan.text, ranked[0])
                alternatives = tuple(self._alternative(plan.text, raw, one) for one in ranked[1:])
        elif raw.best is not None and raw.best.span is not None:
            candidate = self._quote(plan.text, *self._validator.char_span(plan.text, plan.document, raw.best.span))
        return Answer(
            question=plan.question.text,
            candidate=candidate,
            confidence=self.artifact.manifest.calibration.confidence(raw),
            threshold=self._threshold,
            null_score_diff=raw.null_score_diff,
            windows_read=len(plan.windows),
            windows_total=plan.total_windows,
            precision=precision_of(scored, raw.best) or self.backends.choose(0).precision,
            further=further,
            alternatives=alternatives,
            window=raw.best.window.number if candidate is not None and raw.best is not None else None,
        )

    def ranked_answers(self, plan: ReadPlan, outcomes: Mapping[Window, WindowOutcome]) -> list[RankedAnswer]:
        """Returns the plan's answers, the candidate first, validated and before calibration.

        Raises:
            InferenceFailed: the session failed on one of the plan's windows.
            InvalidSpan: one of their places is not valid; so are then its document's tokens, and none is given.
        """
        spans = [window.span for window in scored_windows(plan.windows, outcomes)]
        validation = self._validator.of(plan.text, plan.document)
        return rank_answers(plan.text, plan.document, spans, plan.max_answers, validation.char_span)

    def _quotes(self, text: str, answer: RankedAnswer) -> tuple[Quote, tuple[Quote, ...]]:
        return self._quote(text, *answer.place), tuple(self._quote(text, *place) for place in answer.further_places)

    def _alternative(self, text: str, raw: RawAnswer, answer: RankedAnswer) -> AlternativeQuote:
        quote, further = self._quotes(text, answer)
        confidence = self.artifact.manifest.calibration.confidence_of_alternative(raw, answer)
        null_score_diff = raw.null_score - answer.span.score
        return AlternativeQuote(quote, further, confidence, null_score_diff, answer.found.window.number)

    def close(self) -> None:
        """Ends the inference threads."""
        self._inference.close()
