"""What is said of figures that moved, and of figures that did not."""

from __future__ import annotations

from spanstream.models.defaults import DRIFT_LIMIT
from spanstream.models.drift.comparison import FigureDrift, compare
from spanstream.models.drift.figures import FIGURES, FigureTable, QuestionRead
from tests.support.model.question_reads import UNKNOWN, drawn_reads, read_question


def compared(now: list[QuestionRead], before: list[QuestionRead]) -> dict[str, FigureDrift]:
    counts = [FigureTable.of(reads, UNKNOWN).counts() for reads in (now, before)]
    return {drift.figure.name: drift for drift in compare(*counts)}


def test_the_same_questions_have_not_moved() -> None:
    reads = drawn_reads(1, 50)
    drifts = compared(reads, reads)
    assert list(drifts) == [figure.name for figure in FIGURES]
    assert all(drift.index == drift.stability_index == 0 for drift in drifts.values())


def test_other_questions_of_the_same_kind_have_not_drifted() -> None:
    assert all(
        drift.index < DRIFT_LIMIT for drift in compared(drawn_reads(1, 60), drawn_reads(2, 60, first=100)).values()
    )


def test_longer_documents_are_told_by_their_figure_in_words() -> None:
    drifts = compared(drawn_reads(1, 60, longer=8), drawn_reads(2, 60))
    assert [name for name, drift in drifts.items() if drift.index > DRIFT_LIMIT] == ["document_tokens"]
    drift = drifts["document_tokens"]
    assert drift.moved_up
    assert drift.what_moved.startswith("longer documents: ")
    assert (drift.counted, drift.figure.of) == (60, "documents")
    assert drift.share_now != drift.share_before


def test_less_sure_answers_are_told_as_such() -> None:
    unsure = [read_question(text, confidence=0.05) for text in range(300)]
    sure = [read_question(text, confidence=0.95) for text in range(300)]
    drift = compared(unsure, sure)["confidence"]
    assert drift.index > DRIFT_LIMIT
    assert drift.what_moved in {
        "less sure answers: up to 0.1 was 0% of questions, now 100%",
        "less sure answers: above 0.9 was 100% of questions, now 0%",
    }


def test_a_figure_that_nobody_knows_now_is_left_out() -> None:
    gone = [read_question(text, tokens=None) for text in range(300)]
    assert "document_tokens" not in compared(gone, drawn_reads(1, 50))
    assert "confidence" in compared(gone, drawn_reads(1, 50))


def test_many_questions_about_a_few_documents_are_not_many_documents() -> None:
    few = [read_question(text, tokens=5000) for text in (0, 1) for _ in range(500)]
    assert compared(few, drawn_reads(1, 60))["document_tokens"].index < DRIFT_LIMIT
