"""Computes exact match and F1 as the official SQuAD v2.0 evaluation script does.

    [Prediction] -> Scores, best threshold

Re-implemented after the published definition (Rajpurkar, Jia and Liang 2018, `evaluate-v2.0.py`); the tests work
its figures out by hand. All scores are percentages over all questions.
"""

from __future__ import annotations

import re
import string
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from spanstream.models.metrics.squad_files import Example

_ARTICLES: Final = re.compile(r"\b(a|an|the)\b")
_PUNCTUATION: Final = frozenset(string.punctuation)


@dataclass(frozen=True, slots=True)
class Prediction:
    """What a model predicts for an example.

    Attributes:
        example: the question with its gold answers.
        text: the candidate, whether or not it would be given; empty where there is none.
        no_answer_score: the higher, the likelier that there is no answer; only the order matters.
    """

    example: Example
    text: str
    no_answer_score: float

    @property
    def exact(self) -> float:
        """1.0 if the candidate matches a gold answer, 0.0 if not; of no use where there is no answer."""
        return max(exact_score(gold, self.text) for gold in _golds(self.example))

    @property
    def f1(self) -> float:
        """The best F1, 0 to 1, of the candidate against a gold answer."""
        return max(f1_score(gold, self.text) for gold in _golds(self.example))

    @property
    def is_right(self) -> bool:
        """Whether the candidate is an exact match: what a confidence is the probability of; never without an answer."""
        return self.example.has_answer and bool(self.text) and self.exact == 1.0


@dataclass(frozen=True, slots=True)
class Scores:
    """Percentages over all questions, at one threshold on `no_answer_score`."""

    exact: float
    f1: float
    threshold: float


def normalize_answer(text: str) -> str:
    """Lower-cases, and removes punctuation (ASCII), articles and surplus white space, in this order."""
    kept = "".join(char for char in text.lower() if char not in _PUNCTUATION)
    return " ".join(_ARTICLES.sub(" ", kept).split())


def exact_score(gold: str, predicted: str) -> float:
    """Returns 1.0 if the two are the same after normalization, else 0.0."""
    return float(normalize_answer(gold) == normalize_answer(predicted))


def f1_score(gold: str, predicted: str) -> float:
    """Returns the harmonic mean of precision and recall over words; where one is empty, 1.0 only if both are."""
    gold_words, predicted_words = normalize_answer(gold).split(), normalize_answer(predicted).split()
    if not gold_words or not predicted_words:
        return float(gold_words == predicted_words)
    shared = sum((Counter(gold_words) & Counter(predicted_words)).values())
    if shared == 0:
        return 0.0
    precision, recall = shared / len(predicted_words), shared / len(gold_words)
    return 2 * precision * recall / (precision + recall)


def scores_at(predictions: Sequence[Prediction], threshold: float) -> Scores:
    """Returns the scores when no answer is given above the threshold."""
    exact = [_score_at(prediction, prediction.exact, threshold) for prediction in predictions]
    f1 = f1_of_questions(predictions, threshold)
    return Scores(100 * sum(exact) / len(exact), 100 * sum(f1) / len(f1), threshold)


def f1_of_questions(predictions: Sequence[Prediction], threshold: float) -> list[float]:
    """Returns the F1 of each question, 0 to 1, when no answer is given above the threshold."""
    return [_score_at(prediction, prediction.f1, threshold) for prediction in predictions]


def best_exact(predictions: Sequence[Prediction]) -> tuple[float, float]:
    """Returns the best exact match over all thresholds, and that threshold: the script's `best_exact`."""
    return _best(predictions, lambda prediction: prediction.exact)


def best_f1(predictions: Sequence[Prediction]) -> tuple[float, float]:
    """Returns the best F1 over all thresholds, and that threshold: the script's `best_f1`."""
    return _best(predictions, lambda prediction: prediction.f1)


def _golds(example: Example) -> list[str]:
    # The script drops answers that normalize to nothing, and takes "" as the gold where none is left.
    return [answer for answer in example.answers if normalize_answer(answer)] or [""]


def _score_at(prediction: Prediction, score: float, threshold: float) -> float:
    if prediction.no_answer_score > threshold:
        return float(not prediction.example.has_answer)
    return score


def _best(predictions: Sequence[Prediction], score: Callable[[Prediction], float]) -> tuple[float, float]:
    """Does what the script's `find_best_thresh` does: one sweep from "never an answer" towards "always one"."""
    current = best = float(sum(not prediction.example.has_answer for prediction in predictions))
    threshold = 0.0
    for prediction in sorted(predictions, key=lambda prediction: prediction.no_answer_score):
        if prediction.example.has_answer:
            current += score(prediction)
        elif prediction.text:
            current -= 1
        if current > best:
            best, threshold = current, prediction.no_answer_score
    return 100 * best / len(predictions), threshold
