"""Fitting a confidence: what it learns, what it falls back to, and that its guarantees rest on unseen questions."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from spanstream.models.calibrating.fit import SHIPPED, FittedCalibration, fit_calibration
from spanstream.models.calibrating.folds import folds_of, groups_of, halve
from spanstream.models.calibrating.thresholds import ThresholdRequest
from spanstream.models.errors import BuildError
from spanstream.models.metrics.reading import ReadQuestion
from spanstream.models.metrics.reliability import expected_calibration_error
from spanstream.models.metrics.seen_questions import SeenQuestions
from spanstream.models.metrics.squad_files import Example
from spanstream.models.spans.calibration import Calibration
from tests.support.model.labelled_reads import labelled_read, labelled_reads

MANY = labelled_reads(2000)
EARLIER = Calibration(
    name="earlier", bias=1.0, weights={"null_score_diff": -0.4, "log_probability": 0.8}, thresholds={"default": 0.5}
)


def examples(reads: list[ReadQuestion]) -> list[Example]:
    return [read.example for read in reads]


def right(reads: list[ReadQuestion]) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    return np.array([float(read.prediction(0.0).is_right) for read in reads])


@pytest.fixture(scope="module")
def fitted() -> FittedCalibration:
    return fit_calibration(MANY, "new", wanted=ThresholdRequest((80,), (80,), (70, 80)))


def test_held_out_the_confidence_comes_true(fitted: FittedCalibration) -> None:
    assert expected_calibration_error(np.array(fitted.held_out), right(MANY)) < 0.04
    assert fitted.score == "null_score_diff + log_probability"
    assert fitted.grouped_by == "article"
    assert fitted.calibration.name == "new"


def test_a_score_of_more_weights_has_to_be_better_than_chance_makes_it() -> None:
    # The margin of these readings is the same for all of them: it can add nothing.
    fitted = fit_calibration(MANY, "new")
    assert len(fitted.log_losses) == 4
    assert "margin" not in fitted.calibration.weights


def test_with_few_questions_the_earlier_confidence_is_kept_and_only_its_scale_fitted() -> None:
    few = labelled_reads(200, seed=5)
    weights = fit_calibration(few, "new", shipped=EARLIER).calibration.weights
    assert fit_calibration(few, "new", shipped=EARLIER).score == SHIPPED
    assert weights["log_probability"] / weights["null_score_diff"] == pytest.approx(0.8 / -0.4)


def test_an_overconfident_earlier_confidence_is_brought_back() -> None:
    few = labelled_reads(200, seed=5, signal=0.3)  # on these texts the scores mean much less
    fitted = fit_calibration(few, "new", shipped=EARLIER)
    before = np.array([EARLIER.confidence(read.reading) for read in few])
    assert expected_calibration_error(np.array(fitted.held_out), right(few)) < 0.6 * expected_calibration_error(
        before, right(few)
    )


def test_the_thresholds_are_on_the_scale_of_the_new_confidence(fitted: FittedCalibration) -> None:
    confidence = np.array([fitted.calibration.confidence(read.reading) for read in MANY])
    assert set(fitted.choices) == set(fitted.calibration.thresholds)
    for name, threshold in fitted.calibration.thresholds.items():
        given = confidence >= threshold
        assert fitted.choices[name].given == given.sum()
        assert fitted.choices[name].right == right(MANY)[given].sum()
    assert fitted.choices["precision-80"].right >= 0.8 * fitted.choices["precision-80"].given


def test_a_guarantee_gives_exactly_what_it_was_proved_for_among_the_questions_set_apart(
    fitted: FittedCalibration,
) -> None:
    apart = ~halve(examples(MANY)).first
    confidence = np.array([fitted.calibration.confidence(read.reading) for read in MANY])
    kept = fitted.guarantees["guarantee-80"].kept
    assert kept is not None
    given = apart & (confidence >= fitted.calibration.thresholds["guarantee-80"])
    assert (given.sum(), given.sum() - right(MANY)[given].sum()) == (kept.given, kept.wrong)
    assert kept.bound <= 0.2


def test_what_the_guarantee_is_proved_on_has_no_part_in_the_order_of_the_questions(fitted: FittedCalibration) -> None:
    """Other labels for the questions set apart: the scale moves, the score does not."""
    apart = ~halve(examples(MANY)).first
    relabelled = [
        labelled_read(
            number,
            score=-(read.reading.null_score_diff or 0.0),
            log_probability=read.reading.best.log_probability if read.reading.best else 0.0,
            answer=True,
            right=not read.prediction(0.0).is_right if number % 3 == 0 else read.prediction(0.0).is_right,
            article=read.example.article,
            text=read.example.context,
        )
        if apart[number]
        else read
        for number, read in enumerate(MANY)
    ]
    first, second = (
        list(calibrated.calibration.weights.values()) for calibrated in (fitted, fit_calibration(relabelled, "new"))
    )
    assert first != pytest.approx(second)
    assert first[0] / first[1] == pytest.approx(second[0] / second[1])


def test_where_a_guarantee_cannot_be_kept_it_is_absent_and_the_reason_is_one_line() -> None:
    fitted = fit_calibration(labelled_reads(200, signal=0.3), "new")
    assert "guarantee-90" not in fitted.calibration.thresholds
    assert "most confident candidates are wrong" in fitted.absent["guarantee-90"]
    assert "\n" not in fitted.absent["guarantee-90"]


def test_without_a_candidate_there_is_no_confidence_and_nothing_to_fit() -> None:
    reads = labelled_reads(300)
    blank = [ReadQuestion(read.example, read.reading, "") for read in reads[:50]]
    fitted = fit_calibration([*blank, *reads], "new")
    assert fitted.held_out[:50] == (0.0,) * 50
    assert fitted.calibration.weights == fit_calibration(reads, "new").calibration.weights


@pytest.mark.parametrize("rights", [0, 4, 36, 40])
def test_candidates_that_are_all_alike_are_refused_with_their_counts(rights: int) -> None:
    reads = [
        labelled_read(n, score=n % 7, log_probability=-1.0, answer=True, right=n < rights, article=f"a{n % 5}")
        for n in range(40)
    ]
    said = f"nothing to calibrate on: {rights} of 40 candidates are right; .* add another file"
    with pytest.raises(BuildError, match=said):
        fit_calibration(reads, "new")


def test_scores_that_say_the_opposite_are_refused() -> None:
    reads = [
        labelled_read(n, score=n % 10, log_probability=-1.0, answer=True, right=n % 10 < 5, article=f"a{n}")
        for n in range(100)
    ]
    with pytest.raises(BuildError, match="do not tell right from wrong"):
        fit_calibration(reads, "new", shipped=EARLIER.model_copy(update={"weights": {"null_score_diff": -1.0}}))


@pytest.mark.parametrize(("articles", "kind"), [(4, "article"), (3, "text"), (1, "text")])
def test_questions_are_kept_together_by_the_largest_kind_there_is_enough_of(articles: int, kind: str) -> None:
    assert groups_of(examples(labelled_reads(60, articles=articles)))[0] == kind


def test_questions_about_one_text_are_groups_of_their_own() -> None:
    reads = [labelled_read(n, score=0, log_probability=0, answer=True, right=True, text="one") for n in range(9)]
    assert groups_of(examples(reads))[0] == "question"


def test_halves_and_folds_tear_no_group_apart() -> None:
    halves = halve(examples(MANY))
    groups, first_half, labels = halves.groups, halves.first, right(MANY) == 1.0
    assert 0.35 < first_half.mean() < 0.65
    assert not set(groups[first_half]) & set(groups[~first_half])
    seen = np.zeros(len(MANY))
    for kept, left_out in folds_of(groups, labels, np.ones(len(MANY), dtype=np.bool_)):
        assert not set(groups[kept]) & set(groups[left_out])
        seen += left_out
    assert (seen == 1).all()


def test_questions_of_another_kind_shape_the_confidence_but_no_threshold() -> None:
    tickets, others = labelled_reads(400, articles=40, seed=7), labelled_reads(2000, seed=8, signal=0.3)
    alone = fit_calibration(tickets, "new")
    together = fit_calibration(tickets, "new", also=others)
    assert together.calibration.weights != alone.calibration.weights
    assert len(together.held_out) == len(tickets) + len(others)
    assert {choice.questions for choice in together.choices.values()} == {len(tickets)}
    assert together.guarantees["guarantee-80"].questions < len(tickets)


def test_few_questions_of_a_kind_count_as_much_as_many_of_another() -> None:
    tickets, others = labelled_reads(400, articles=40, seed=7), labelled_reads(4000, seed=8, signal=0.2)
    many = fit_calibration(tickets, "new", also=others).calibration.weights["null_score_diff"]
    few = fit_calibration(tickets, "new", also=others[:400]).calibration.weights["null_score_diff"]
    assert many == pytest.approx(few, rel=0.25)
    assert many < 2 * fit_calibration(others, "new").calibration.weights["null_score_diff"] < 0


def test_the_same_scores_are_worth_less_in_texts_of_another_kind_and_the_confidence_knows() -> None:
    tickets = labelled_reads(600, articles=40, seed=7, characters_per_token=2)
    others = labelled_reads(4000, seed=8, signal=0.2, characters_per_token=5)
    fitted = fit_calibration(tickets, "new", also=others)
    assert "characters_per_token" in fitted.calibration.weights
    assert "characters_per_token" not in fit_calibration(tickets, "new").calibration.weights
    for reads, held_out in ((tickets, fitted.held_out[:600]), (others, fitted.held_out[600:])):
        assert np.mean(held_out) == pytest.approx(right(reads).mean(), abs=0.02)


def test_few_questions_beside_many_of_another_kind_stand_in_both_halves() -> None:
    tickets, others = labelled_reads(90, articles=10, seed=7), labelled_reads(2000, articles=4, seed=8)
    guarantee = fit_calibration(tickets, "new", also=others).guarantees["guarantee-80"]
    assert 36 <= guarantee.questions <= 54


def test_questions_of_one_article_are_halved_by_text_whatever_the_others_are_grouped_by() -> None:
    tickets, others = labelled_reads(90, articles=1, seed=7), labelled_reads(2000, articles=8, seed=8)
    fitted = fit_calibration(tickets, "new", also=others)
    assert fitted.grouped_by == "text"
    assert 36 <= fitted.guarantees["guarantee-80"].questions <= 54


def test_questions_of_articles_that_share_a_text_stay_together_whatever_file_they_came_from() -> None:
    reads = labelled_reads(200, articles=20)
    again = [replace(example, id=f"again {example.id}", article=f"other {example.id}") for example in examples(reads)]
    halves = halve([*examples(reads), *again])
    assert halves.grouped_by == "article"
    assert (halves.first[:200] == halves.first[200:]).all()
    assert halves.first[:200].any()
    assert not halves.first[:200].all()


def test_what_has_chosen_before_chooses_again_and_proves_nothing() -> None:
    chosen = [read for read, first in zip(MANY, halve(examples(MANY)).first, strict=True) if first]
    others = labelled_reads(1000, articles=10, seed=11, name="new")
    fitted = fit_calibration([*chosen, *others], "new", chose=SeenQuestions.of(examples(chosen)))
    assert fitted.guarantees["guarantee-80"].questions <= len(others)
    assert all(map(fitted.chose.has_question, examples(chosen)))
    assert sum(map(fitted.chose.has_question, examples(others))) < len(others)
    assert all(map(fitted.seen.has_question, examples(others)))


def test_where_every_question_has_chosen_there_is_no_guarantee_and_one_line_says_why() -> None:
    fitted = fit_calibration(MANY, "new", chose=SeenQuestions.of(examples(MANY)))
    assert "guarantee-80" not in fitted.calibration.thresholds
    assert fitted.absent["guarantee-80"].startswith("no question is left to test it on")


def test_the_halves_do_not_depend_on_what_a_model_made_of_the_questions() -> None:
    blank = [ReadQuestion(read.example, read.reading, "" if n % 3 else read.text) for n, read in enumerate(MANY)]
    read, other = (fit_calibration(reads, "new").chose for reads in (MANY, blank))
    assert read == other
    assert 0.35 < sum(map(read.has_question, examples(MANY))) / len(MANY) < 0.65


def _with_head(reads: list[ReadQuestion], *, knows: float) -> list[ReadQuestion]:
    """Gives the model a head that knows so much of which candidates are right."""
    random = np.random.default_rng(11)
    headed = []
    for read, is_right in zip(reads, right(reads), strict=True):
        logit = float(random.normal(knows * (2 * is_right - 1), 1.0))
        best = read.reading.best
        assert best is not None
        reading = replace(read.reading, best=replace(best, answerability=logit), answerability=logit)
        headed.append(replace(read, reading=reading))
    return headed


def test_an_answerability_head_that_knows_more_is_weighed() -> None:
    fitted = fit_calibration(_with_head(MANY, knows=1.0), "new")
    assert fitted.calibration.weights["answerability"] > 0
    assert len(fitted.log_losses) == 7
    assert fitted.log_losses[fitted.score] < fitted.log_losses["null_score_diff + log_probability"] - 0.01


def test_an_answerability_head_that_knows_nothing_is_left_out() -> None:
    plain, headed = fit_calibration(MANY, "new"), fit_calibration(_with_head(MANY, knows=0.0), "new")
    assert headed.score == plain.score
    assert headed.calibration == plain.calibration
    assert headed.held_out == plain.held_out


def test_questions_drawn_with_unequal_chances_prove_no_guarantee_and_count_by_their_weights() -> None:
    reads = labelled_reads(400)
    weighted = [
        replace(read, example=replace(read.example, weight=4.0 if place % 4 == 0 else 1.0))
        for place, read in enumerate(reads)
    ]
    fitted = fit_calibration(weighted, "new", wanted=ThresholdRequest((80,), (80,), (60,)))
    assert fitted.guarantees["guarantee-60"].kept is None
    assert "drawn with unequal chances" in fitted.absent["guarantee-60"]
    alike = fit_calibration(reads, "new", wanted=ThresholdRequest((80,), (80,), (60,)))
    assert fitted.calibration.bias != alike.calibration.bias
    twice = [replace(read, example=replace(read.example, weight=2.0)) for read in reads]
    assert fit_calibration(twice, "new").calibration == fit_calibration(reads, "new").calibration
