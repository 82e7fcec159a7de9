"""Defines the figures of a question as it was read: their bins, and what it means when they move.

[QuestionRead] -> FigureTable (one row a question) -> counts by bin
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Literal

import numpy as np

from spanstream.models.arrays import Float64Array, Int64Array
from spanstream.models.reader import Answer
from spanstream.models.text.tokenization import TokenizedDocument


@dataclass(frozen=True, slots=True)
class Figure:
    """One figure, and its bins.

    A value is in the first bin whose upper edge it does not exceed, as in Prometheus' histograms; the last has none.

    Attributes:
        name: in the reference file, in labels and in reports.
        of: what is counted when distributions are compared. Ten questions about one document tell of one length.
        edges: the bins' upper edges, ascending.
        says: what the figure is, with its unit.
        up: what has happened when it moves up ...
        down: ... and when it moves down.
        advice: what to do then, and where that is explained.
        labels: names of the bins, where their edges do not say it.
    """

    name: str
    of: Literal["documents", "questions"]
    edges: tuple[float, ...]
    says: str
    up: str
    down: str
    advice: str
    labels: tuple[str, ...] = ()

    @property
    def bins(self) -> int:
        """Number of bins."""
        return len(self.edges) + 1

    def label(self, number: int) -> str:
        """Returns a bin as people read it."""
        if self.labels:
            return self.labels[number]
        if number == 0:
            return f"up to {self.edges[0]:g}"
        if number == len(self.edges):
            return f"above {self.edges[-1]:g}"
        return f"{self.edges[number - 1]:g} to {self.edges[number]:g}"

    def counts(self, values: Float64Array, weights: Float64Array | None = None) -> Int64Array:
        """Counts values by bin; those that are not a number are left out. Returns (bins,).

        With weights, the counts are those of as many values as tell as much with equal weights (Kish 1965).
        """
        known = ~np.isnan(values)
        bins = np.searchsorted(self.edges, values[known], side="left")
        if weights is None or not len(bins):
            return np.bincount(bins, minlength=self.bins)
        counting = weights[known]
        equal = counting * (counting.sum() / (counting @ counting))
        counts: Int64Array = np.rint(np.bincount(bins, equal, minlength=self.bins)).astype(np.int64)
        return counts


_RECALIBRATE: Final = "label about 200 of today's questions and calibrate on them (docs/calibration.md)"
_TEXTS: Final = f"look at some of today's texts; if they stay like this, {_RECALIBRATE}"
_TRAIN: Final = f"{_RECALIBRATE}; if too few are answered then, train on your texts (docs/training.md)"

FIGURES: Final = (
    Figure(
        "document_tokens",
        "documents",
        (64, 128, 256, 512, 1024, 2048, 4096, 8192),
        "tokens of the document",
        "longer documents",
        "shorter documents",
        _TEXTS,
    ),
    Figure(
        "document_windows",
        "documents",
        (1, 2, 4, 8, 16, 32, 64),
        "windows of the document",
        "more windows a document",
        "fewer windows a document",
        "a question takes as long as its windows: size the pods anew (docs/sizing.md)",
    ),
    Figure(
        "windows_read",
        "documents",
        (0.25, 0.5, 0.75, 0.95, 0.99),
        "share of the document's windows that were read",
        "more documents are read whole",
        "fewer documents are read whole",
        "raise SPANSTREAM_MODEL__MAX_WINDOWS, or publish shorter documents (docs/model.md)",
    ),
    Figure(
        "unknown_tokens",
        "documents",
        (0, 0.001, 0.003, 0.01, 0.03, 0.1),
        "share of tokens that the vocabulary does not know",
        "more characters that the model has never seen: another script, or damaged texts",
        "fewer characters that the model has never seen",
        "look at how the texts are decoded; the model reads English only",
    ),
    Figure(
        "characters_per_token",
        "documents",
        (1.5, 2, 2.25, 2.5, 2.75, 3, 3.25, 3.5, 4, 4.5),
        "characters of the document to a token",
        "plainer texts: more prose, fewer codes and numbers",
        "stranger texts: more codes, logs or abbreviations, or another language",
        _TEXTS,
    ),
    Figure(
        "null_score_diff",
        "questions",
        (-12, -9, -6, -3, 0, 3, 6, 9, 12),
        'raw score of "no answer" minus the candidate\'s',
        "the texts say less of what is asked",
        "the texts say more of what is asked",
        _TRAIN,
    ),
    Figure(
        "confidence",
        "questions",
        (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9),
        "confidence of the candidate",
        "surer answers",
        "less sure answers",
        _TRAIN,
    ),
    Figure(
        "answered",
        "questions",
        (0,),
        "whether the question was answered: 1, else 0",
        "more questions are answered",
        "fewer questions are answered",
        _TRAIN,
        labels=("declined", "answered"),
    ),
    Figure(
        "answer_characters",
        "questions",
        (4, 8, 16, 32, 64, 128),
        "characters of the candidate",
        "longer answers",
        "shorter answers",
        "look whether questions of another kind are asked; the model quotes short facts (docs/model.md)",
    ),
)
_COLUMNS: Final = {figure.name: column for column, figure in enumerate(FIGURES)}


@dataclass(frozen=True, slots=True)
class QuestionRead:
    """A question as it was read.

    Attributes:
        text_sha256: of the document's text.
        document: its tokens; None where the text is not there any more.
        windows_read: how many windows were read.
        windows_total: how many windows the document has.
        null_score_diff: None without a candidate.
        confidence: of the candidate.
        answered: whether the candidate was given as the answer.
        answer_characters: of the candidate; None without one.
    """

    text_sha256: str
    document: TokenizedDocument | None
    windows_read: int
    windows_total: int
    null_score_diff: float | None
    confidence: float
    answered: bool
    answer_characters: int | None

    @classmethod
    def of(cls, reading: Answer, document: TokenizedDocument, *, answered: bool) -> QuestionRead:
        """Returns what is watched of a reading."""
        return cls(
            text_sha256=document.text_sha256,
            document=document,
            windows_read=reading.windows_read,
            windows_total=reading.windows_total,
            null_score_diff=reading.null_score_diff,
            confidence=reading.confidence,
            answered=answered,
            answer_characters=None if reading.candidate is None else len(reading.candidate.text),
        )


@dataclass(frozen=True, slots=True)
class FigureTable:
    """Figures of questions, one row each.

    Attributes:
        values: (questions, figures), in the order of `FIGURES`; not a number where a question has no such figure.
        documents: (questions,) a number for each text, the same for the same text.
    """

    values: Float64Array
    documents: Int64Array

    @classmethod
    def of(cls, reads: Sequence[QuestionRead], unknown_id: int | None) -> FigureTable:
        """Makes the table; what a document's tokens say is computed once for each document.

        Args:
            reads: the questions.
            unknown_id: the token that stands for what the vocabulary does not know; None: it knows everything.
        """
        documents = {id(read.document): read.document for read in reads if read.document is not None}
        of_tokens = {key: _of_tokens(document, unknown_id) for key, document in documents.items()}
        missing = (np.nan, np.nan, np.nan)
        values = np.empty((len(reads), len(FIGURES)))
        for row, read in enumerate(reads):
            tokens, unknown, characters = of_tokens.get(id(read.document), missing)
            values[row] = (
                tokens,
                read.windows_total,
                read.windows_read / read.windows_total if read.windows_total else 1.0,
                unknown,
                characters,
                np.nan if read.null_score_diff is None else read.null_score_diff,
                read.confidence,
                read.answered,
                np.nan if read.answer_characters is None else read.answer_characters,
            )
        numbers = [int(read.text_sha256[:15], 16) for read in reads]
        return cls(values, np.array(numbers, dtype=np.int64))

    def __len__(self) -> int:
        return len(self.documents)

    def column(self, name: str) -> Float64Array:
        """Returns one figure, (questions,)."""
        column: Float64Array = self.values[:, _COLUMNS[name]]
        return column

    def counts(self, weights: Float64Array | None = None) -> dict[str, Int64Array]:
        """Counts each figure by bin: of documents once for each document, the last time it was read.

        Args:
            weights: (questions,) as how many each counts; None: as one.
        """
        _, last = np.unique(self.documents[::-1], return_index=True)
        rows = {"documents": len(self) - 1 - last, "questions": np.arange(len(self))}
        return {
            figure.name: figure.counts(
                self.values[rows[figure.of], column], None if weights is None else weights[rows[figure.of]]
            )
            for column, figure in enumerate(FIGURES)
        }


def _of_tokens(document: TokenizedDocument, unknown_id: int | None) -> tuple[float, float, float]:
    """Returns tokens, share of unknown ones, and characters to a token."""
    size = document.size
    if size == 0:
        return 0.0, np.nan, np.nan
    unknown = 0 if unknown_id is None else np.count_nonzero(document.ids == unknown_id)
    return float(size), unknown / size, float((document.ends - document.starts).sum()) / size
