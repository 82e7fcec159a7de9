from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from spanstream.models.inference.packing import assemble, pack, padded_length, split_by_budget
from spanstream.models.text.windowing import Window
from tests.support.model.hand_made_windows import TEMPLATE, hand_made_document, hand_made_window

PAD = 77
WINDOWS = st.lists(
    st.builds(
        lambda tokens, question: hand_made_window(hand_made_document(range(tokens)), question_tokens=question),
        st.integers(0, 40),
        st.integers(0, 10),
    ),
    max_size=30,
)


@given(WINDOWS, st.integers(1, 400))
def test_every_window_is_packed_exactly_once(windows: list[Window], max_batch_tokens: int) -> None:
    packed = [
        window for batch in pack(windows, max_batch_tokens=max_batch_tokens, pad_id=PAD) for window in batch.windows
    ]
    assert len(packed) == len(windows)
    assert set(packed) == set(windows)


@given(WINDOWS, st.integers(1, 400))
def test_a_batch_keeps_the_budget_or_is_one_window(windows: list[Window], max_batch_tokens: int) -> None:
    for batch in pack(windows, max_batch_tokens=max_batch_tokens, pad_id=PAD):
        assert batch.input_ids.size <= max_batch_tokens or len(batch.windows) == 1


@given(WINDOWS, st.integers(1, 400))
def test_no_batch_has_room_for_the_next_batchs_first_window(windows: list[Window], max_batch_tokens: int) -> None:
    batches = pack(windows, max_batch_tokens=max_batch_tokens, pad_id=PAD)
    for batch in batches[:-1]:
        assert (len(batch.windows) + 1) * batch.input_ids.shape[1] > max_batch_tokens


def test_a_budget_of_one_token_runs_every_window_alone() -> None:
    windows = [hand_made_window(hand_made_document(range(tokens))) for tokens in (3, 3, 5)]
    assert [len(batch.windows) for batch in pack(windows, max_batch_tokens=1, pad_id=PAD)] == [1, 1, 1]


def test_a_padded_length_is_rounded_up_to_the_step_and_never_longer_than_the_model_takes() -> None:
    lengths = {
        tokens: padded_length(hand_made_window(hand_made_document(range(tokens)), question_tokens=2), 24)
        for tokens in (19, 20, 43, 44, 59)
    }
    assert lengths == {19: 24, 20: 48, 43: 48, 44: 64, 59: 64}


@given(WINDOWS, st.integers(1, 400), st.integers(1, 16))
def test_groups_keep_the_budget_at_their_padded_length(windows: list[Window], max_batch_tokens: int, step: int) -> None:
    def padded(window: Window) -> int:
        return padded_length(window, step)

    longest_first = sorted(windows, key=lambda window: window.length, reverse=True)
    groups = split_by_budget(longest_first, padded, max_batch_tokens=max_batch_tokens)
    assert [window for group in groups for window in group] == longest_first
    for group in groups:
        assert len(group) == 1 or len(group) * padded(group[0]) <= max_batch_tokens
    for group in groups[:-1]:
        assert (len(group) + 1) * padded(group[0]) > max_batch_tokens


def test_rows_can_be_padded_to_a_given_length() -> None:
    batch = assemble([hand_made_window(hand_made_document(range(3)))], pad_id=PAD, length=16)
    for array in (batch.input_ids, batch.attention_mask, batch.token_type_ids):
        assert array.shape == (1, 16)
    assert batch.input_ids[0, 8:].tolist() == [PAD] * 8
    assert not batch.attention_mask[0, 8:].any()


@settings(max_examples=50)
@given(st.lists(st.integers(0, 12), min_size=1, max_size=5))
def test_rows_hold_the_window_and_padding_behind_it(sizes: list[int]) -> None:
    windows = [hand_made_window(hand_made_document(range(size)), question_tokens=2) for size in sizes]
    batch = assemble(windows, pad_id=PAD)
    longest = max(window.length for window in windows)
    for row, window in enumerate(windows):
        padding = longest - window.length
        context = window.document.ids.tolist()
        ids = [1, 100, 101, 2, *context, 2] + [PAD] * padding
        assert batch.input_ids[row].tolist() == ids
        assert batch.attention_mask[row].tolist() == [1] * window.length + [0] * padding
        assert batch.token_type_ids[row].tolist() == [0] * 4 + [1] * (len(context) + 1) + [0] * padding
    for array in (batch.input_ids, batch.attention_mask, batch.token_type_ids):
        assert array.dtype == np.int64
        assert array.shape == (len(windows), longest)


def test_a_windows_length_counts_its_special_tokens() -> None:
    window = hand_made_window(hand_made_document(range(10)), 2, 7, question_tokens=3)
    assert window.length == 3 + 5 + TEMPLATE.special_tokens
    assert window.context_start == 5
