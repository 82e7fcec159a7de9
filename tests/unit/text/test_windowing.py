from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from spanstream.models.errors import QuestionTooLong
from spanstream.models.text.windowing import WindowShape, windows_of
from tests.support.model.fast_windows import WindowRow, fast_windows, our_windows
from tests.support.model.texts import TEXTS
from tests.support.model.trained_tokenizers import KINDS, fast, trained

SHAPES = ((16, 3), (24, 0), (40, 12), (384, 128))
QUESTION = "What error code is shown?"
LONG = "The train leaves at 10:42 from platform 7; naïve café owners in Zürich pay 95€. " * 3


def _without_forgotten_trims(rows: list[WindowRow], context: str) -> list[list[tuple[int, int] | None]]:
    """Returns the rows' offsets without white space at a window's first token; None where it is nothing else.

    With `add_prefix_space` the library takes a window's first token for the text's, and leaves its white space on.
    """
    return [[_trimmed(row.offsets[0], context), *row.offsets[1:]] for row in rows if row.offsets]


def _trimmed(offset: tuple[int, int], context: str) -> tuple[int, int] | None:
    text = context[slice(*offset)]
    start = offset[1] - len(text.lstrip())
    return (start, offset[1]) if text.strip() else None


def _assert_like_the_library(kind: str, question: str, context: str, max_length: int, stride: int) -> None:
    try:
        expected = fast_windows(fast(kind), question, context, max_length=max_length, stride=stride)
    except BaseException:  # noqa: BLE001  the library panics where windows would not advance: no Exception
        with pytest.raises(QuestionTooLong):
            our_windows(trained(kind), question, context, max_length=max_length, stride=stride)
        return
    actual = our_windows(trained(kind), question, context, max_length=max_length, stride=stride)
    if kind == "byte-level-prefix-space":
        assert _without_forgotten_trims(actual, context) == _without_forgotten_trims(expected, context)
        actual, expected = ([replace(row, offsets=[]) for row in rows] for rows in (actual, expected))
    assert actual == expected


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(("max_length", "stride"), SHAPES)
def test_windows_are_those_of_the_library(kind: str, max_length: int, stride: int) -> None:
    _assert_like_the_library(kind, QUESTION, LONG, max_length, stride)


@pytest.mark.parametrize("kind", KINDS)
@settings(max_examples=60, deadline=None)
@given(question=TEXTS, context=TEXTS, shape=st.sampled_from(SHAPES))
@example(question="", context="", shape=(16, 3))
def test_windows_are_those_of_the_library_whatever_the_text(
    kind: str, question: str, context: str, shape: tuple[int, int]
) -> None:
    _assert_like_the_library(kind, question, context, *shape)


@pytest.mark.parametrize("kind", KINDS)
def test_a_question_is_too_long_exactly_where_the_library_gives_up(kind: str) -> None:
    for words in range(1, 40):
        for context in ("", "The train.", LONG):
            _assert_like_the_library(kind, "train " * words, context, 32, 8)


def test_a_long_question_about_a_short_document_is_read() -> None:
    tokenizer = trained("wordpiece-uncased")
    question, document = tokenizer.tokenize_question("the train " * 10), tokenizer.tokenize_document("at 10")
    room = len(question.ids) + document.size + tokenizer.template.special_tokens
    assert len(windows_of(question, document, WindowShape(room, 20, tokenizer.template))) == 1
    with pytest.raises(QuestionTooLong, match="40 tokens"):
        windows_of(question, document, WindowShape(room - 1, 20, tokenizer.template))


def test_every_token_is_in_a_window_and_neighbours_share_the_stride() -> None:
    tokenizer = trained("wordpiece-uncased")
    document = tokenizer.tokenize_document(LONG)
    windows = windows_of(tokenizer.tokenize_question(QUESTION), document, WindowShape(40, 12, tokenizer.template))
    assert len(windows) > 3
    assert windows[0].token_start == 0
    assert windows[-1].token_end == document.size
    for window, following in pairwise(windows):
        assert window.token_end - following.token_start == 12
        assert window.length == 40


def test_windows_are_equal_only_to_themselves() -> None:
    tokenizer = trained("wordpiece-uncased")
    question, document = tokenizer.tokenize_question("Who?"), tokenizer.tokenize_document("The train.")
    shape = WindowShape(40, 12, tokenizer.template)
    window, twin = (windows_of(question, document, shape)[0] for _ in range(2))
    assert window != twin
    assert len({window, twin}) == 2
