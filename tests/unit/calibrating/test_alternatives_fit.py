from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np

from spanstream.models.calibrating.alternatives import FittedAlternatives
from spanstream.models.calibrating.calibration_record import read_record, write_record
from spanstream.models.calibrating.fit import fit_calibration
from spanstream.models.evaluation.alternatives_section import alternatives_section
from spanstream.models.metrics.reading import ReadAlternative, ReadQuestion
from spanstream.models.spans.alternatives import RankedAnswer
from spanstream.models.spans.search import TokenSpan
from tests.support.model.labelled_reads import labelled_reads


def with_alternatives(reads: list[ReadQuestion], seed: int = 5) -> list[ReadQuestion]:
    """Gives each question four alternatives, which are right the likelier the closer their score is to 0."""
    random, given = np.random.default_rng(seed), []
    for read in reads:
        best, others, is_found = read.reading.best, [], read.text == "seven"
        assert best is not None
        assert best.span is not None
        for rank in range(2, 6):
            score = best.span.score - 2.0 * rank
            right = read.example.has_answer and not is_found and random.random() < 1 / (1 + np.exp(-0.5 * score))
            is_found |= right
            answer = RankedAnswer(rank, best, TokenSpan(rank, rank, score), (0, 1), ())
            others.append(ReadAlternative(answer, "Seven!" if right else "nine"))
        given.append(replace(read, alternatives=tuple(others)))
    return given


READS = with_alternatives(labelled_reads(600))


def fitted() -> FittedAlternatives:
    alternatives = fit_calibration(READS, "new").alternatives
    assert alternatives is not None
    return alternatives


def test_the_calibration_holds_weights_for_alternatives_and_is_what_it_was_for_candidates() -> None:
    calibration = fit_calibration(READS, "new").calibration
    assert calibration.alternatives == fitted().calibration
    plain = fit_calibration([replace(read, alternatives=()) for read in READS], "new").calibration
    assert plain == calibration.model_copy(update={"alternatives": None})


def test_held_out_the_confidence_of_alternatives_comes_true() -> None:
    by_rank = fitted().by_rank
    assert list(by_rank) == ["1", "2", "3", "4-5"]
    assert [figures.answers for figures in by_rank.values()] == [600, 600, 600, 1200]
    for figures in by_rank.values():
        assert figures.right.low - 0.03 < figures.confidence.value < figures.right.high + 0.03


def test_the_first_k_hold_a_right_answer_the_more_often_the_more_they_are() -> None:
    shares = [share.value for share in fitted().among_first.values()]
    answerable = [read for read in READS if read.example.has_answer]
    assert shares == sorted(shares)
    assert shares[0] == sum(read.text == "seven" for read in answerable) / len(answerable)
    assert shares[-1] > shares[0]


def test_too_few_right_alternatives_are_no_confidence_and_the_card_says_so() -> None:
    wrong = [
        replace(read, alternatives=tuple(replace(other, text="nine") for other in read.alternatives)) for read in READS
    ]
    unfitted = fit_calibration(wrong, "new")
    assert (unfitted.alternatives, unfitted.calibration.alternatives) == (None, None)
    assert "they have none" in alternatives_section(unfitted.alternatives)
    assert "| 4-5 | 1200 |" in alternatives_section(fitted())


def test_the_record_keeps_the_figures(tmp_path: Path) -> None:
    data = tmp_path / "data.json"
    data.write_text("{}", encoding="utf-8")
    write_record(tmp_path, fit_calibration(READS, "new"), [data])
    record = read_record(tmp_path)
    assert record is not None
    assert record.alternatives is not None
    assert (record.alternatives.by_rank, record.alternatives.among_first) == (fitted().by_rank, fitted().among_first)
