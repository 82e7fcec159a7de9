"""The shipped model on whole validation sets: the card's figures, and answers that are what they claim to be."""

from __future__ import annotations

import re
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import cache

import pytest

from spanstream.models.calibrating.fit import fit_calibration
from spanstream.models.metrics.reading import ReadQuestion
from spanstream.models.metrics.reliability import Interval, expected_calibration_error, with_interval
from spanstream.models.metrics.squad_files import Example
from spanstream.models.metrics.squad_metrics import Prediction, best_f1, scores_at
from spanstream.models.reader import Answer, Reader
from spanstream.models.spans.aggregate import RawAnswer
from tests.support.model.shared_data import VALIDATION_SETS, validation_examples


@dataclass(frozen=True)
class StatedFigures:
    """F1 in int8 at the best threshold of the raw score, and at the default case; the calibration error at most."""

    f1: float
    f1_at_default: float
    calibration_error: float
    held_out_error: float


CARD = {"squad": StatedFigures(69.3, 67.4, 0.06, 0.07), "tickets": StatedFigures(78.3, 74.5, 0.12, 0.13)}
WORD = re.compile(r"\w\w")


@dataclass(frozen=True)
class AnsweredExample:
    validation_set: str
    example: Example
    answer: Answer
    reading: RawAnswer

    @property
    def candidate(self) -> str:
        return self.answer.candidate.text if self.answer.candidate else ""

    @property
    def read(self) -> ReadQuestion:
        return ReadQuestion(self.example, self.reading, self.candidate)


@cache
def read_validation_set(name: str) -> list[AnsweredExample]:
    """Reads every question of a validation set, through all of the reader: validation included."""
    examples = validation_examples(name)
    reader = Reader.load()
    documents = {example.context: reader.tokenize(example.context) for example in examples}
    plans = [reader.plan(example.context, documents[example.context], [example.question])[0] for example in examples]
    outcomes = reader.score(plans)
    cases = [
        AnsweredExample(name, case, reader.conclude(plan, outcomes), reader.raw_answer(plan, outcomes))
        for case, plan in zip(examples, plans, strict=True)
    ]
    reader.close()
    return cases


@pytest.fixture(params=VALIDATION_SETS)
def answered(request: pytest.FixtureRequest) -> list[AnsweredExample]:
    return read_validation_set(request.param)


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


def test_on_the_questions_it_was_fitted_to_the_shipped_confidence_comes_true(answered: list[AnsweredExample]) -> None:
    confidences = [case.answer.confidence for case in answered]
    assert calibration_error(answered, confidences).high < CARD[answered[0].validation_set].calibration_error


def test_held_out_the_confidence_comes_true() -> None:
    """Fits it as the build does, to both sets together, each time without the texts that it is then measured on."""
    tickets, squad = read_validation_set("tickets"), list[AnsweredExample]()
    with suppress(pytest.skip.Exception):  # where the other set is not there
        squad = read_validation_set("squad")
    fitted = fit_calibration([case.read for case in tickets], "held out", also=[case.read for case in squad])
    held_out = {"tickets": fitted.held_out[: len(tickets)], "squad": fitted.held_out[len(tickets) :]}
    for cases in filter(None, (tickets, squad)):
        name = cases[0].validation_set
        error = calibration_error(cases, held_out[name])
        print(f"{name}: held-out calibration error {error.value:.3f} ({error.low:.3f} to {error.high:.3f})")  # noqa: T201  the figures, for people
        assert error.high < CARD[name].held_out_error


def calibration_error(cases: list[AnsweredExample], confidences: Sequence[float]) -> Interval:
    judgements = [case.read.judgement(confidence) for case, confidence in zip(cases, confidences, strict=True)]
    return with_interval(expected_calibration_error, judgements)
