from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spanstream.models.text.retrieval import BlockIndex
from spanstream.models.text.tokenization import TokenizedQuestion
from spanstream.models.text.windowing import Window, WindowShape, windows_of
from tests.support.model.hand_made_windows import TEMPLATE, hand_made_document

SHAPE = WindowShape(103, 20, TEMPLATE)
RARE = 9_999
FILLER = [50 + place % 7 for place in range(1000)]


def _windows(ids: list[int], question_ids: list[int]) -> tuple[list[Window], BlockIndex, TokenizedQuestion]:
    document = hand_made_document(range(len(ids)), ids=ids)
    question = TokenizedQuestion("question", np.array(question_ids, dtype=np.int32))
    return windows_of(question, document, SHAPE), BlockIndex(document), question


def _with_rare_at(*places: int) -> list[int]:
    return [RARE if place in places else token for place, token in enumerate(FILLER)]


def test_the_window_that_holds_the_questions_word_is_chosen() -> None:
    for place in (5, 333, 777, 995):
        windows, index, question = _windows(_with_rare_at(place), [RARE])
        chosen = index.choose(windows, question, 2)
        assert any(window.token_start <= place < window.token_end for window in chosen)


def test_windows_are_chosen_in_the_documents_order() -> None:
    windows, index, question = _windows(_with_rare_at(40, 500, 501, 900), [RARE])
    chosen = index.choose(windows, question, 4)
    assert [window.token_start for window in chosen] == sorted(window.token_start for window in chosen)
    assert len(chosen) == 4


@settings(max_examples=25, deadline=None)
@given(
    st.lists(st.integers(1, 30), min_size=200, max_size=400),
    st.lists(st.integers(1, 40), max_size=5),
    st.integers(1, 6),
)
def test_the_same_windows_are_chosen_every_time(ids: list[int], question_ids: list[int], most: int) -> None:
    windows, index, question = _windows(ids, question_ids)
    chosen = index.choose(windows, question, most)
    assert len(chosen) == min(most, len(windows))
    assert len(set(chosen)) == len(chosen)
    assert set(chosen) <= set(windows)
    again, other_index, _ = _windows(ids, question_ids)
    positions = [window.token_start for window in chosen]
    assert [window.token_start for window in other_index.choose(again[::-1], question, most)] == positions


def test_of_windows_that_score_the_same_the_earlier_are_chosen() -> None:
    windows, index, question = _windows([7] * 1000, [7])
    chosen = index.choose(windows[::-1], question, 3)
    # The last window is no better by its shorter blocks: only what it holds of them counts.
    assert chosen == sorted(chosen, key=lambda window: window.token_start)
    assert chosen[0] is windows[0]


@pytest.mark.parametrize("question_ids", [[], [4242], [4242, 4243]])
def test_a_question_without_a_known_word_reads_from_the_beginning(question_ids: list[int]) -> None:
    windows, index, question = _windows(FILLER, question_ids)
    assert index.choose(windows, question, 3) == windows[:3]


def test_unknown_words_beside_known_ones_change_nothing() -> None:
    windows, index, question = _windows(_with_rare_at(333), [RARE])
    more = TokenizedQuestion("question", np.array([4242, RARE], dtype=np.int32))
    assert index.choose(windows, question, 2) == index.choose(windows, more, 2)


def test_one_index_serves_questions_of_every_length() -> None:
    for tokens in (1, 10, 60):
        windows, index, question = _windows(_with_rare_at(640), [RARE] * tokens)
        chosen = index.choose(windows, question, 1)
        assert chosen[0].token_start <= 640 < chosen[0].token_end


def test_an_index_says_how_many_bytes_it_holds_with_its_document() -> None:
    _, short, _ = _windows(FILLER[:200], [RARE])
    _, long, _ = _windows(FILLER, [RARE])
    assert hand_made_document(range(1000), ids=FILLER).nbytes < long.nbytes < 100_000
    assert short.nbytes < long.nbytes
