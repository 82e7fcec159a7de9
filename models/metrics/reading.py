"""Reads every question of a data file with one session, for figures, calibration and the card.

[Example] x session -> [ReadQuestion] -> [Prediction], [Judgement]
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from spanstream.models.errors import BuildError, InferenceFailed, QuestionTooLong
from spanstream.models.inference.backends import Backend, Backends
from spanstream.models.inference.runner import InferenceRunner, ScoredWindow
from spanstream.models.inference.session import Session
from spanstream.models.metrics.reliability import Judgement
from spanstream.models.metrics.squad_files import Example
from spanstream.models.metrics.squad_metrics import Prediction
from spanstream.models.spans.aggregate import RawAnswer, aggregate
from spanstream.models.spans.alternatives import RankedAnswer, rank_answers
from spanstream.models.spans.search import TokenSpan, WindowSpan
from spanstream.models.text.tokenization import TokenizedDocument, Tokenizer
from spanstream.models.text.windowing import Window, WindowShape, windows_of
from spanstream.models.text.words import WordMap

RANKS_READ: Final = 10
"""Answers to a question that a calibration looks at, the candidate among them."""


@dataclass(frozen=True, slots=True)
class ReadAlternative:
    """An answer behind the candidate, and its text."""

    ranked: RankedAnswer
    text: str

    def is_right(self, example: Example) -> bool:
        """Whether it equals one of the gold answers, as `Prediction.is_right` has it."""
        return Prediction(example, self.text, 0.0).is_right


@dataclass(frozen=True, slots=True)
class ReadQuestion:
    """A labelled question, the model's reading, its candidate's text (empty: there is none), and the other answers."""

    example: Example
    reading: RawAnswer
    text: str
    alternatives: tuple[ReadAlternative, ...] = ()

    @classmethod
    def of(cls, example: Example, reading: RawAnswer, ranked: Sequence[RankedAnswer]) -> ReadQuestion:
        """Makes it out of the answers in their order, the candidate first."""
        texts = [example.context[slice(*answer.place)] for answer in ranked]
        others = tuple(map(ReadAlternative, ranked[1:], texts[1:]))
        return cls(example, reading, texts[0] if texts else "", others)

    def prediction(self, no_answer_score: float) -> Prediction:
        """Returns the prediction for the official figures; a higher score means no answer is likelier."""
        return Prediction(self.example, self.text, no_answer_score)

    def judgement(self, confidence: float) -> Judgement:
        """Returns the judgement for the figures of the confidence."""
        return Judgement(confidence, self.prediction(0.0).is_right, self.example.context)


@dataclass(frozen=True, slots=True)
class ReadingOptions:
    """How documents are read; the same when building as when serving."""

    tokenizer: Tokenizer
    shape: WindowShape
    pad_id: int
    max_answer_tokens: int
    max_batch_tokens: int
    parallel_runs: int


def read_all(examples: Sequence[Example], session: Session, options: ReadingOptions) -> list[ReadQuestion]:
    """Reads every example, in order.

    Raises:
        BuildError: a question is too long for the model, or the session failed on a window.
    """
    backend = Backend("build", "build", session, options.parallel_runs, options.max_batch_tokens)
    inference = InferenceRunner(Backends(backend), pad_id=options.pad_id, max_answer_tokens=options.max_answer_tokens)
    documents: dict[str, TokenizedDocument] = {}
    windows_of_questions: list[list[Window]] = []
    for example in examples:
        if example.context not in documents:
            documents[example.context] = options.tokenizer.tokenize_document(example.context)
        question = options.tokenizer.tokenize_question(example.question)
        try:
            windows_of_questions.append(windows_of(question, documents[example.context], options.shape))
        except QuestionTooLong as error:
            raise BuildError(f"question {example.id}: {error}") from error
    outcomes = inference.run([window for windows in windows_of_questions for window in windows])
    inference.close()
    reads = []
    for example, windows in zip(examples, windows_of_questions, strict=True):
        window_outcomes = [outcomes[window] for window in windows]
        if failed := [outcome for outcome in window_outcomes if isinstance(outcome, InferenceFailed)]:
            raise BuildError(f"question {example.id}: {failed[0]}")
        spans = [outcome.span for outcome in window_outcomes if isinstance(outcome, ScoredWindow)]
        reads.append(_read(example, documents[example.context], spans))
    return reads


def _read(example: Example, document: TokenizedDocument, spans: Sequence[WindowSpan]) -> ReadQuestion:
    word_map = WordMap(example.context)

    def char_span(span: TokenSpan) -> tuple[int, int]:
        tokens = slice(span.first, span.last + 1)
        return word_map.char_span(document.starts[tokens], document.ends[tokens])

    ranked = rank_answers(example.context, document, spans, RANKS_READ, char_span)
    return ReadQuestion.of(example, aggregate(spans), ranked)
