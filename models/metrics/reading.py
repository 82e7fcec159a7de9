"""Reads every question of a data file with one session, for figures, calibration and the card.

[Example] x session -> [ReadQuestion] -> [Prediction], [Judgement]
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from spanstream.models.errors import BuildError, InferenceFailed, QuestionTooLong
from spanstream.models.inference.backends import Backend, Backends
from spanstream.models.inference.runner import InferenceRunner, ScoredWindow
from spanstream.models.inference.session import Session
from spanstream.models.metrics.reliability import Judgement
from spanstream.models.metrics.squad_files import Example
from spanstream.models.metrics.squad_metrics import Prediction
from spanstream.models.spans.aggregate import RawAnswer, aggregate
from spanstream.models.text.tokenization import TokenizedDocument, Tokenizer
from spanstream.models.text.windowing import Window, WindowShape, windows_of
from spanstream.models.text.words import WordMap


@dataclass(frozen=True, slots=True)
class ReadQuestion:
    """A labelled question, the model's reading, and the candidate's text (empty where there is none)."""

    example: Example
    reading: RawAnswer
    text: str

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
        reading = aggregate([outcome.span for outcome in window_outcomes if isinstance(outcome, ScoredWindow)])
        reads.append(ReadQuestion(example, reading, _text(example.context, documents[example.context], reading)))
    return reads


def _text(context: str, document: TokenizedDocument, reading: RawAnswer) -> str:
    if reading.best is None or reading.best.span is None:
        return ""
    tokens = slice(reading.best.span.first, reading.best.span.last + 1)
    char_start, char_end = WordMap(context).char_span(document.starts[tokens], document.ends[tokens])
    return context[char_start:char_end]
