"""Plans all batches of a training before its first step, so that a restart goes on with the very next one.

    [file: [question: [window]]] -> each epoch: draw, sort by length, cut into batches, shuffle them

A batch holds windows of like length, so that little of it is padding, under a budget of padded tokens. Lengths are
rounded up to a multiple of `LENGTH_STEP`, and every batch of a length has the same number of rows: a CPU compiles its
kernels once for each shape and keeps them, so few shapes train faster.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from spanstream.models.inference import packing
from spanstream.models.training.sources import times_read
from spanstream.models.training.windows import TrainingWindow

TrainingBatch = tuple[TrainingWindow, ...]

# Tokens. Measured: 5 % of the tokens of tickets_it3 are padding then, 8 % of those of squad2, whose texts are shorter.
LENGTH_STEP: Final = 32


@dataclass(frozen=True, slots=True)
class FileWindows:
    """The windows of each of a file's questions, and how often an epoch reads them."""

    questions: Sequence[Sequence[TrainingWindow]]
    weight: float


def plan_batches(files: Sequence[FileWindows], *, epochs: int, max_batch_tokens: int, seed: int) -> list[TrainingBatch]:
    """Returns the batches of all epochs, in the order in which they are learned from.

    Args:
        files: what to read.
        epochs: how often.
        max_batch_tokens: padded tokens of a batch (windows x padded length); a longer window goes alone.
        seed: decides everything that is drawn.
    """
    random = np.random.default_rng(seed)
    batches: list[TrainingBatch] = []
    for _ in range(epochs):
        drawn = [window for file in files for window in _draw(file, random)]
        cut = _cut([drawn[place] for place in random.permutation(len(drawn))], max_batch_tokens)
        batches += [cut[place] for place in random.permutation(len(cut))]
    return batches


def padded_length(batch: TrainingBatch) -> int:
    """Returns the tokens to which a batch's windows are padded: at most the longest window that the model takes."""
    return max(_padded_length(labelled) for labelled in batch)


def _padded_length(labelled: TrainingWindow) -> int:
    return packing.padded_length(labelled.window, LENGTH_STEP)


def no_answer_weight(batches: Sequence[TrainingBatch], share: float | None) -> float:
    """Returns the weight of a window without an answer with which such windows make up `share` of the loss.

    A window with an answer has weight 1. `share` None gives all windows weight 1; so does data of one kind only.
    """
    with_answer = sum(window.has_answer for batch in batches for window in batch)
    without = sum(len(batch) for batch in batches) - with_answer
    if share is None or not with_answer or not without:
        return 1.0
    return share / (1 - share) * with_answer / without


def _draw(file: FileWindows, random: np.random.Generator) -> list[TrainingWindow]:
    times = times_read(len(file.questions), file.weight, random)
    return [
        window
        for question, count in zip(file.questions, times, strict=True)
        for _ in range(count)
        for window in question
    ]


def _cut(windows: Sequence[TrainingWindow], max_batch_tokens: int) -> list[TrainingBatch]:
    # The sort is stable: windows of one length stay shuffled.
    longest_first = sorted(windows, key=lambda labelled: labelled.window.length, reverse=True)
    groups = packing.split_by_budget(longest_first, _padded_length, max_batch_tokens=max_batch_tokens)
    return [tuple(group) for group in groups]
