"""Keeps the figures of the questions that were answered: histograms of all, and the latest ones for the distance.

committed questions -> DriftWatch -> metrics.py, when it is scraped
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from threading import Lock

import numpy as np

from spanstream.models.arrays import Float64Array, Int64Array
from spanstream.models.drift.comparison import LEAST_QUESTIONS, Counts, FigureDrift, compare
from spanstream.models.drift.figures import FIGURES, FigureTable, QuestionRead

# Tokens of a long document: more than most models read at once.
_LONG_DOCUMENT = 512


@dataclass(frozen=True, slots=True)
class Totals:
    """What was counted since the start, of questions.

    Attributes:
        counts: each figure's counts by bin.
        sums: each figure's values, added up.
        long_whole: questions about long documents that were read whole ...
        long_part: ... and in part.
    """

    counts: Mapping[str, Int64Array]
    sums: Mapping[str, float]
    long_whole: int
    long_part: int


class DriftWatch:
    """Takes in questions on one thread; any other may ask.

    Args:
        unknown_id: the tokenizer's token for what its vocabulary does not know.
        reference: each figure's counts when the artifact was calibrated; None: it has none, and nothing is compared.
        questions: how many of the latest questions are compared.
    """

    def __init__(self, unknown_id: int | None, reference: Counts | None, questions: int) -> None:
        self.reference: Counts = reference or {}
        self._unknown_id = unknown_id
        self._lock = Lock()
        self._counts = {figure.name: np.zeros(figure.bins, dtype=np.int64) for figure in FIGURES}
        self._sums: Float64Array = np.zeros(len(FIGURES))
        self._long_whole = self._long_part = 0
        # A ring of the latest questions: the next one takes the place of the oldest.
        self._latest = FigureTable(np.empty((questions, len(FIGURES))), np.empty(questions, dtype=np.int64))
        self._taken = 0

    def take(self, reads: Sequence[QuestionRead]) -> None:
        """Takes in questions whose answers are committed."""
        if not reads:
            return
        table = FigureTable.of(reads, self._unknown_id)
        is_long = table.column("document_tokens") > _LONG_DOCUMENT
        is_whole = table.column("windows_read") == 1
        with self._lock:
            for column, figure in enumerate(FIGURES):
                self._counts[figure.name] += figure.counts(table.values[:, column])
            self._sums += np.nansum(table.values, axis=0)
            self._long_whole += int(np.count_nonzero(is_long & is_whole))
            self._long_part += int(np.count_nonzero(is_long & ~is_whole))
            places = (self._taken + np.arange(len(table))) % len(self._latest)
            self._latest.values[places] = table.values
            self._latest.documents[places] = table.documents
            self._taken += len(table)

    def totals(self) -> Totals:
        """Returns what was counted since the start."""
        with self._lock:
            counts = {name: counts.copy() for name, counts in self._counts.items()}
            sums = {figure.name: float(self._sums[column]) for column, figure in enumerate(FIGURES)}
            return Totals(counts, sums, self._long_whole, self._long_part)

    @property
    def compared(self) -> int:
        """How many of the latest questions there are to compare."""
        return min(self._taken, len(self._latest))

    def drift(self) -> list[FigureDrift]:
        """Compares the latest questions with the reference; empty while there are too few, or no reference."""
        if not self.reference:
            return []
        with self._lock:
            known = self.compared
            oldest = self._taken % len(self._latest) if known == len(self._latest) else 0
            order = (oldest + np.arange(known)) % len(self._latest)  # oldest first
            latest = FigureTable(self._latest.values[order], self._latest.documents[order])
        return compare(latest.counts(), self.reference) if known >= LEAST_QUESTIONS else []
