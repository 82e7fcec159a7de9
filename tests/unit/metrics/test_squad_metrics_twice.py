"""Exact match, F1 and the threshold sweep against a second implementation, as plain as it can be written.

It goes character by character and word by word, and tries a threshold by scoring every question anew.
"""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from spanstream.models.metrics.squad_files import Example
from spanstream.models.metrics.squad_metrics import Prediction, best_exact, best_f1, normalize_answer, scores_at

PUNCTUATION = "!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~"


def plain_words(text: str) -> list[str]:
    kept = "".join(char for char in text.lower() if char not in PUNCTUATION)
    # An article counts only between what are no word characters, and leaves a space behind.
    word, spaced = "", ""
    for char in f"{kept} ":
        if char.isalnum() or char == "_":
            word += char
        else:
            spaced += ("" if not word else " " if word in {"a", "an", "the"} else word) + char
            word = ""
    return spaced.split()


def plain_exact(text: str, golds: list[str]) -> int:
    return max(int(plain_words(text) == plain_words(gold)) for gold in golds)


def plain_f1(text: str, golds: list[str]) -> float:
    return max(one_f1(plain_words(text), plain_words(gold)) for gold in golds)


def one_f1(words: list[str], gold: list[str]) -> float:
    if not words or not gold:
        return float(words == gold)
    left, shared = list(gold), 0
    for word in words:
        if word in left:
            left.remove(word)
            shared += 1
    return 2 * shared / (len(words) + len(gold))


TEXTS = st.text("aAtThHeEnN xX.,-'7é\t", max_size=12)
SCORES = st.integers(-30, 30).map(lambda tenth: tenth / 10)
PREDICTED = st.builds(
    lambda text, score, answers: Prediction(Example("id", "article", "text", "which?", tuple(answers)), text, score),
    TEXTS,
    SCORES,
    st.lists(TEXTS.filter(bool), max_size=3),
)
FILES = st.lists(PREDICTED, min_size=1, max_size=15)


def golds_of(prediction: Prediction) -> list[str]:
    return [gold for gold in prediction.example.answers if plain_words(gold)] or [""]


def plain_scores(predictions: list[Prediction], threshold: float) -> tuple[float, float]:
    exact = f1 = 0.0
    for prediction in predictions:
        if prediction.no_answer_score > threshold:
            exact += not prediction.example.answers
            f1 += not prediction.example.answers
        else:
            exact += plain_exact(prediction.text, golds_of(prediction))
            f1 += plain_f1(prediction.text, golds_of(prediction))
    return 100 * exact / len(predictions), 100 * f1 / len(predictions)


@given(TEXTS)
def test_a_text_is_normalized_to_the_same_words(text: str) -> None:
    assert normalize_answer(text).split() == plain_words(text)


@given(FILES, SCORES)
def test_scores_at_a_threshold_are_the_same(predictions: list[Prediction], threshold: float) -> None:
    scores = scores_at(predictions, threshold)
    exact, f1 = plain_scores(predictions, threshold)
    assert abs(scores.exact - exact) < 1e-9
    assert abs(scores.f1 - f1) < 1e-9


@given(FILES)
def test_the_best_scores_are_those_of_the_best_of_all_thresholds(predictions: list[Prediction]) -> None:
    """Where no two scores are the same, and no candidate of an unanswerable question normalizes to nothing.

    The official sweep takes equal scores one by one, and counts any candidate against an unanswerable question.
    """
    kept = {
        prediction.no_answer_score: prediction
        for prediction in predictions
        if prediction.example.answers or plain_words(prediction.text) or not prediction.text
    }
    if not kept:
        return
    distinct = list(kept.values())
    every = [plain_scores(distinct, threshold) for threshold in (-9.0, *kept)]
    assert abs(best_exact(distinct)[0] - max(exact for exact, _ in every)) < 1e-9
    assert abs(best_f1(distinct)[0] - max(f1 for _, f1 in every)) < 1e-9
