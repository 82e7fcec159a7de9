"""Measures how well a model tells answerable questions from others: area under the ROC curve (Hanley, McNeil 1982).

[ReadQuestion] -> AnswerabilityAreas
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sklearn.metrics import roc_auc_score

from spanstream.models.metrics.reading import ReadQuestion


@dataclass(frozen=True, slots=True)
class AnswerabilityAreas:
    """The chance that an answerable question is rated above an unanswerable one, by the head and by the null score."""

    head: float
    null_score_diff: float


def answerability_areas(reads: Sequence[ReadQuestion]) -> AnswerabilityAreas | None:
    """Returns the areas; None where the model has no such head, or the questions are all of one kind."""
    has_answer = [read.example.has_answer for read in reads]
    head = [read.reading.answerability for read in reads if read.reading.answerability is not None]
    if len(head) < len(reads) or len(set(has_answer)) == 1:
        return None
    by_null_score = [-(read.reading.null_score_diff or 0.0) for read in reads]
    return AnswerabilityAreas(float(roc_auc_score(has_answer, head)), float(roc_auc_score(has_answer, by_null_score)))
