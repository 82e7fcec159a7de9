"""Batches of a training: every question as often as was said, little padding, and the same again after a restart."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spanstream.models.metrics.squad_files import Example
from spanstream.models.text.windowing import WindowShape
from spanstream.models.training.batches import (
    LENGTH_STEP,
    FileWindows,
    TrainingBatch,
    no_answer_weight,
    padded_length,
    plan_batches,
)
from spanstream.models.training.windows import TrainingWindow, training_windows
from tests.support.model.trained_tokenizers import trained

TOKENIZER = trained("wordpiece-uncased")
SHAPE = WindowShape(384, 128, TOKENIZER.template)


def file_of(
    lengths: list[int], weight: float = 1.0, *, answerable: bool = False, shape: WindowShape = SHAPE
) -> FileWindows:
    """Makes a file of questions about texts of so many words."""
    answer = (("train",), (0,)) if answerable else ((), ())
    examples = [Example(f"q{place}", "a", "train " * words, "when?", *answer) for place, words in enumerate(lengths)]
    return FileWindows(list(training_windows(Path("f"), examples, TOKENIZER, shape)), weight)


def read(batches: list[TrainingBatch]) -> Counter[int]:
    """Counts how often each window is learned from."""
    return Counter(id(labelled) for batch in batches for labelled in batch)


def windows(*files: FileWindows) -> list[TrainingWindow]:
    return [window for file in files for question in file.questions for window in question]


@given(st.lists(st.integers(1, 300), min_size=1, max_size=40), st.integers(1, 3), st.integers(100, 3000))
def test_every_window_is_read_once_an_epoch_and_no_batch_passes_the_budget(
    lengths: list[int], epochs: int, budget: int
) -> None:
    file = file_of(lengths)
    batches = plan_batches([file], epochs=epochs, max_batch_tokens=budget, seed=1)
    assert read(batches) == {id(window): epochs for window in windows(file)}
    for batch in batches:
        assert len(batch) == 1 or len(batch) * padded_length(batch) <= budget


@given(
    st.lists(st.integers(1, 300), min_size=1, max_size=60),
    st.integers(100, 3000),
    st.sampled_from([384, 100, 64, 33]),
)
def test_an_epoch_has_few_shapes_however_its_windows_are_distributed(
    lengths: list[int], budget: int, max_length: int
) -> None:
    file = file_of(lengths, shape=WindowShape(max_length, 8, TOKENIZER.template))
    batches = plan_batches([file], epochs=1, max_batch_tokens=budget, seed=1)
    shapes = {(len(batch), padded_length(batch)) for batch in batches}
    assert len(shapes) <= -(-max_length // LENGTH_STEP) + 1
    for batch in batches:
        longest = max(labelled.window.length for labelled in batch)
        assert longest <= padded_length(batch) <= min(longest + LENGTH_STEP - 1, max_length)
        assert padded_length(batch) % LENGTH_STEP == 0 or padded_length(batch) == max_length


@given(st.integers(1, 60), st.sampled_from([0.25, 0.5, 1.0, 1.5, 2.0, 3.25]))
def test_a_weight_is_how_often_a_file_is_read(count: int, weight: float) -> None:
    file = file_of([5] * count, weight)
    times = read(plan_batches([file], epochs=1, max_batch_tokens=500, seed=1))
    assert abs(times.total() - weight * count) <= 0.5
    assert set(times.values()) <= {int(weight), int(weight) + 1}


def test_epochs_differ_and_a_restart_sees_the_same_batches_in_the_same_order() -> None:
    file = file_of([10, 20, 30, 40] * 20)
    first, again = (plan_batches([file], epochs=2, max_batch_tokens=200, seed=3) for _ in range(2))
    assert [list(map(id, batch)) for batch in first] == [list(map(id, batch)) for batch in again]
    half = len(first) // 2
    assert [list(map(id, batch)) for batch in first[:half]] != [list(map(id, batch)) for batch in first[half:]]
    reseeded = plan_batches([file], epochs=2, max_batch_tokens=200, seed=4)
    assert [list(map(id, batch)) for batch in first] != [list(map(id, batch)) for batch in reseeded]


def test_windows_of_like_length_stand_together() -> None:
    file = file_of([10] * 30 + [200] * 30)
    for batch in plan_batches([file], epochs=1, max_batch_tokens=2000, seed=1):
        lengths = [labelled.window.length for labelled in batch]
        assert max(lengths) - min(lengths) in {0, 190}
        assert sum(lengths) >= 0.6 * len(lengths) * max(lengths)


@given(st.integers(1, 30), st.integers(1, 30), st.floats(0.05, 0.95))
def test_the_share_of_the_loss_is_the_one_asked_for(answerable: int, unanswerable: int, share: float) -> None:
    files = [file_of([5] * answerable, answerable=True), file_of([5] * unanswerable)]
    weight = no_answer_weight(plan_batches(files, epochs=1, max_batch_tokens=500, seed=1), share)
    assert unanswerable * weight / (unanswerable * weight + answerable) == pytest.approx(share)


def test_without_a_wish_or_with_one_kind_only_every_window_counts_the_same() -> None:
    mixed = plan_batches([file_of([5], answerable=True), file_of([5])], epochs=1, max_batch_tokens=500, seed=1)
    one_kind = plan_batches([file_of([5])], epochs=1, max_batch_tokens=500, seed=1)
    assert no_answer_weight(mixed, None) == no_answer_weight(one_kind, 0.5) == 1.0
