from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from spanstream.models.errors import QuestionTooLong
from spanstream.models.text.sentence_windows import SentenceMap
from spanstream.models.text.sentences import boundaries_of
from spanstream.models.text.tokenization import TokenizedDocument
from spanstream.models.text.windowing import Window, WindowShape, windows_of
from tests.support.model.texts import TEXTS
from tests.support.model.trained_tokenizers import KINDS, trained

QUESTION = "What error code is shown?"
SENTENCES = "The train leaves at 10:42. It is late again. Nobody in Zürich knows why it is so! "
TRACE = "java.io.IOException: reset\n" + "".join(f"    at com.example.Job{n}.run(Job.java:{n})\n" for n in range(4))
PARTS = st.one_of(
    st.sampled_from(["The train leaves at 10:42. ", "It is late again.\n", "- one\n", "\n\n", TRACE, "word " * 30]),
    TEXTS,
)
LONG_TEXTS = st.lists(PARTS, min_size=4, max_size=25).map("".join)


def _windows(
    text: str, *, kind: str = "wordpiece-uncased", max_length: int = 64, stride: int = 16, longest: int = 8
) -> tuple[TokenizedDocument, list[Window], int]:
    """Returns the tokens, the windows and how many tokens of the document a window has room for."""
    tokenizer = trained(kind)
    document, question = tokenizer.tokenize_document(text), tokenizer.tokenize_question(QUESTION)
    shape = WindowShape(max_length, stride, tokenizer.template)
    windows = SentenceMap(document, text).windows(question, document, shape, longest)
    return document, windows, shape.room(question, document)


def _sentences(document: TokenizedDocument, text: str) -> list[int]:
    return SentenceMap(document, text).sentences.tolist()  # type: ignore[no-any-return]  # numbers


def _text_of(window: Window, text: str) -> str:
    starts, ends = window.document.starts, window.document.ends
    return text[starts[window.token_start] : ends[window.token_end - 1]]


def test_windows_begin_and_end_with_whole_sentences() -> None:
    text = SENTENCES * 12
    _, windows, _ = _windows(text)
    assert len(windows) > 5
    for window in windows:
        read = _text_of(window, text)
        assert read.endswith((".", "!"))
        assert read.startswith(("The train", "It is", "Nobody"))


def test_a_window_is_as_full_as_whole_sentences_make_it() -> None:
    text = SENTENCES * 12
    document, windows, room = _windows(text)
    ends = {window.token_end for window in windows}
    sentences = [*_sentences(document, text), document.size]
    for window in windows[:-1]:
        following = next(place for place in sentences if place > window.token_end)
        assert following - window.token_start > room
    assert ends <= set(sentences)


def test_neighbours_share_the_whole_sentences_that_fit_into_the_stride() -> None:
    text = "Go on. Who? " * 60
    document, windows, _ = _windows(text)
    starts = [0, *_sentences(document, text)]
    assert len(windows) > 5
    for window, following in pairwise(windows):
        assert following.token_start == min(start for start in starts if start >= window.token_end - 16)


def test_a_sentence_longer_than_the_stride_is_shared_as_a_whole() -> None:
    text = ("The " + "train " * 6 + "leaves. ") * 8
    document, windows, _ = _windows(text)
    sentences = _sentences(document, text)
    assert sentences[0] > 16
    for window, following in pairwise(windows):
        assert window.token_end in sentences
        assert following.token_start == max({0, *sentences} & set(range(window.token_end)))


def test_a_stack_trace_that_fits_into_a_window_is_in_one_as_a_whole() -> None:
    trace = "java.io.IOException: reset\n    at com.example.Job.run(Job.java:1)\n    at com.example.Main(Main.java:2)\n"
    for sentences in range(12):
        text = SENTENCES * 2 + "It is late again. " * sentences + "\n" + trace + SENTENCES * 3
        _, windows, _ = _windows(text, max_length=100, stride=16)
        assert len(windows) > 1
        assert any(trace.strip() in _text_of(window, text) for window in windows)


def test_a_stack_trace_that_does_not_fit_is_parted_at_its_lines() -> None:
    text = "java.io.IOException: reset\n" + "    at com.example.Job.run(Job.java:1)\n" * 30
    document, windows, _ = _windows(text)
    lines = {0, document.size, *SentenceMap(document, text).lines.tolist()}
    assert len(windows) > 3
    assert all({window.token_start, window.token_end} <= lines for window in windows)


def test_a_sentence_without_end_is_cut_as_sliding_windows_are() -> None:
    text = "train " * 300
    document, windows, _ = _windows(text)
    tokenizer = trained("wordpiece-uncased")
    sliding = windows_of(tokenizer.tokenize_question(QUESTION), document, WindowShape(64, 16, tokenizer.template))
    assert [(one.token_start, one.token_end) for one in windows] == [
        (one.token_start, one.token_end) for one in sliding
    ]


def test_a_question_that_leaves_no_room_is_too_long() -> None:
    with pytest.raises(QuestionTooLong):
        _windows(SENTENCES * 12, max_length=20, stride=16)


def test_the_bytes_that_are_kept_grow_with_the_sentences() -> None:
    tokenizer = trained("wordpiece-uncased")
    document, text = tokenizer.tokenize_document(SENTENCES * 50), SENTENCES * 50
    assert SentenceMap(document, text).nbytes > document.nbytes + 4 * 150 - 8


@pytest.mark.parametrize("kind", KINDS)
@settings(max_examples=25, deadline=None)
@given(text=LONG_TEXTS, stride=st.integers(0, 30), longest=st.integers(1, 30))
def test_whatever_the_text_windows_cover_it_in_order_within_the_budget(
    kind: str, text: str, stride: int, longest: int
) -> None:
    document, windows, room = _windows(text, kind=kind, stride=stride, longest=longest)
    assert (windows[0].token_start, windows[-1].token_end) == (0, document.size)
    for window in windows:
        assert window.length <= window.shape.max_length
        assert window.token_end - window.token_start <= room
    for window, following in pairwise(windows):
        assert window.token_start < following.token_start <= window.token_end < following.token_end
    _, again, _ = _windows(text, kind=kind, stride=stride, longest=longest)
    assert [(one.token_start, one.token_end) for one in windows] == [(one.token_start, one.token_end) for one in again]


@pytest.mark.parametrize("kind", KINDS)
@settings(max_examples=25, deadline=None)
@given(text=LONG_TEXTS, longest=st.integers(1, 16))
def test_every_answer_of_up_to_the_longest_lies_whole_in_some_window(kind: str, text: str, longest: int) -> None:
    document, windows, _ = _windows(text, kind=kind, longest=longest)
    firsts = np.arange(document.size)
    held = np.zeros(document.size, dtype=bool)
    for window in windows:
        held |= (window.token_start <= firsts) & (np.minimum(firsts + longest, document.size) <= window.token_end)
    assert held.all()


@pytest.mark.parametrize("kind", KINDS)
@settings(max_examples=25, deadline=None)
@given(text=LONG_TEXTS)
@example(text="The train leaves at 10:42. https://example.com/a/b?c=d&e=%2000\r- one\nThe train leaves at 10:42. ")
def test_whatever_the_text_windows_are_cut_between_words_where_there_is_a_sentence_to_cut_at(
    kind: str, text: str
) -> None:
    document, windows, room = _windows(text, kind=kind)
    sentences = SentenceMap(document, text)
    places = [0, *sorted({*sentences.sentences.tolist(), *sentences.lines.tolist()}), document.size]
    assert all(document.words[place] != document.words[place - 1] for place in places[1:-1])
    # Neighbours share 8 tokens at least: with room for the longest sentence beside them there is a place to begin at.
    if max(np.diff(places), default=0) + 8 <= room // 2:
        assert {one.token_start for one in windows} | {one.token_end for one in windows} <= set(places)


@settings(max_examples=25, deadline=None)
@given(LONG_TEXTS)
def test_a_boundary_of_the_text_is_the_first_token_behind_it(text: str) -> None:
    document = trained("wordpiece-uncased").tokenize_document(text)
    for token in _sentences(document, text):
        between = range(document.starts[token - 1] + 1, document.starts[token] + 1)
        assert set(boundaries_of(text).sentences) & set(between)
