from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from spanstream.models.inference.packing import assemble, pack
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
