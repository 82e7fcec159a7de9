"""The shipped model on whole validation sets: the card's figures, and answers that are what they claim to be."""

from __future__ import annotations

import re
from dataclasses import dataclass

import pytest

from spanstream.models.metrics.reliability import Judgement, expected_calibration_error, with_interval
from spanstream.models.metrics.squad_files import Example
from spanstream.models.metrics.squad_metrics import Prediction, best_f1, scores_at
from spanstream.models.reader import Answer, Reader
from tests.support.model.shared_data import VALIDATION_SETS, validation_examples


@dataclass(frozen=True)
class StatedFigures:
    """F1 in int8 at the best threshold of the raw score, and at the default case; most of the calibration error."""

    f1: float
    f1_at_default: float
    calibration_error: float


CARD = {"squad": StatedFigures(68.9, 67.4, 0.06), "tickets": StatedFigures(76.9, 75.0, 0.12)}
WORD = re.compile(r"\w\w")


@dataclass(frozen=True)
class AnsweredExample:
    validation_set: str
    example: Example
    answer: Answer

    @property
    def candidate(self) -> str:
        return self.answer.candidate.text if self.answer.candidate else ""


@pytest.fixture(scope="module", params=VALIDATION_SETS)
def answered(request: pytest.FixtureRequest) -> list[AnsweredExample]:
    """Returns every question of a validation set, through all of the reader: validation included."""
    examples = validation_examples(request.param)
    reader = Reader.load()
    documents = {example.context: reader.tokenize(example.context) for example in examples}
    plans = [reader.plan(example.context, documents[example.context], [example.question])[0] for example in examples]
    outcomes = reader.score(plans)
    cases = [
        AnsweredExample(request.param, case, reader.conclude(plan, outcomes))
        for case, plan in zip(examples, plans, strict=True)
    ]
    reader.close()
    return cases


def test_every_answer_is_verbatim_and_cuts_no_word(answered: list[AnsweredExample]) -> None:
    for case in answered:
        quote, text = case.answer.candidate, case.example.context
        assert quote is not None
        assert text[quote.char_start : quote.char_end] == quote.text
        for edge in (quote.char_start, quote.char_end):
            around = text[max(edge - 1, 0) : edge + 1]
            assert not (WORD.fullmatch(around) and 0 < edge < len(text)), (quote.text, around)


def test_int8_scores_what_the_card_says(answered: list[AnsweredExample]) -> None:
    card = CARD[answered[0].validation_set]
    raw = [Prediction(case.example, case.candidate, case.answer.null_score_diff or 0.0) for case in answered]
    assert best_f1(raw)[0] == pytest.approx(card.f1, abs=0.3)
    given = [Prediction(case.example, case.candidate, 1 - case.answer.confidence) for case in answered]
    assert scores_at(given, 1 - answered[0].answer.threshold).f1 == pytest.approx(card.f1_at_default, abs=0.3)


def test_the_confidence_is_calibrated(answered: list[AnsweredExample]) -> None:
    # The weights were fitted on the questions of SQuAD: the figure for unseen ones is in the card.
    judgements = [
        Judgement(case.answer.confidence, Prediction(case.example, case.candidate, 0.0).is_right, case.example.context)
        for case in answered
    ]
    assert (
        with_interval(expected_calibration_error, judgements).high < CARD[answered[0].validation_set].calibration_error
    )
