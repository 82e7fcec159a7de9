"""The figures of questions: every value is in one bin, and a document is counted once."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from spanstream.models.drift.figures import FIGURES, Figure, FigureTable
from tests.support.model.fake_reader import TOKENIZER
from tests.support.model.question_reads import UNKNOWN, drawn_reads, read_question

BY_NAME = {figure.name: figure for figure in FIGURES}
values = st.lists(st.floats(allow_nan=True, allow_infinity=True), max_size=50)


@pytest.mark.parametrize("figure", FIGURES, ids=lambda figure: figure.name)
def test_the_bins_ascend_and_each_has_a_label(figure: Figure) -> None:
    assert list(figure.edges) == sorted(set(figure.edges))
    assert len({figure.label(number) for number in range(figure.bins)}) == figure.bins


@given(st.sampled_from(FIGURES), values)
def test_every_value_is_in_one_bin_and_what_is_no_number_in_none(figure: Figure, drawn: list[float]) -> None:
    array = np.array(drawn, dtype=np.float64)
    assert figure.counts(array).sum() == np.count_nonzero(~np.isnan(array))
    assert len(figure.counts(array)) == figure.bins


@given(st.sampled_from(FIGURES), values, values)
def test_the_counts_of_two_stretches_are_those_of_both_together(
    figure: Figure, one: list[float], other: list[float]
) -> None:
    apart = figure.counts(np.array(one, dtype=np.float64)) + figure.counts(np.array(other, dtype=np.float64))
    assert (apart == figure.counts(np.array(one + other, dtype=np.float64))).all()


def test_a_value_on_an_edge_is_in_the_bin_below_as_in_prometheus() -> None:
    figure = BY_NAME["document_tokens"]
    assert figure.counts(np.array([64.0, 64.5, 9000.0])).tolist() == [1, 1, 0, 0, 0, 0, 0, 0, 1]
    assert [figure.label(number) for number in (0, 1, 8)] == ["up to 64", "64 to 128", "above 8192"]


def test_the_figures_of_a_question_by_hand() -> None:
    read = read_question(tokens=200, unknown=5, characters_per_token=4, windows=(3, 12), characters=7)
    table = FigureTable.of([read], UNKNOWN)
    shown = {figure.name: table.column(figure.name)[0] for figure in FIGURES}
    assert shown == {
        "document_tokens": 200,
        "document_windows": 12,
        "windows_read": 0.25,
        "unknown_tokens": 0.025,
        "characters_per_token": 4.0,
        "null_score_diff": -2.0,
        "confidence": 0.8,
        "answered": 1.0,
        "answer_characters": 7,
    }


def test_what_is_not_known_of_a_question_is_not_counted() -> None:
    gone = read_question(tokens=None, null_score_diff=None, confidence=0.0, characters=None)
    counts = FigureTable.of([gone], UNKNOWN).counts()
    missing = {"document_tokens", "unknown_tokens", "characters_per_token", "null_score_diff", "answer_characters"}
    assert {name for name, counted in counts.items() if not counted.sum()} == missing


def test_a_blank_document_has_a_length_and_no_share_of_anything() -> None:
    blank = read_question(tokens=0, windows=(0, 0), null_score_diff=None, confidence=0.0, characters=None)
    table = FigureTable.of([blank], UNKNOWN)
    assert (table.column("document_tokens")[0], table.column("windows_read")[0]) == (0, 1)
    assert np.isnan(table.column("unknown_tokens")[0])


def test_a_document_is_counted_once_and_a_question_each_time() -> None:
    reads = [read_question(text, tokens=100 * (text + 1)) for text in (0, 0, 0, 1, 0)]
    counts = FigureTable.of(reads, UNKNOWN).counts()
    assert counts["document_tokens"].sum() == 2
    assert counts["confidence"].sum() == 5


def test_of_a_document_that_was_read_twice_the_latest_reading_counts() -> None:
    reads = [read_question(0, windows=(1, 1)), read_question(0, windows=(1, 10))]
    assert FigureTable.of(reads, UNKNOWN).counts()["windows_read"].tolist() == [1, 0, 0, 0, 0, 0]


def test_a_table_without_a_question_counts_nothing() -> None:
    assert all(not counts.sum() for counts in FigureTable.of([], UNKNOWN).counts().values())


def test_the_order_of_questions_changes_no_count() -> None:
    reads = drawn_reads(1, 20)
    before, after = (FigureTable.of(some, UNKNOWN).counts() for some in (reads, reads[::-1]))
    assert all((before[name] == after[name]).all() for name in before)


def test_the_tokenizer_says_which_token_is_unknown() -> None:
    assert TOKENIZER.unknown_id == TOKENIZER.token_id("[UNK]") is not None
