"""Packs windows into padded batches: windows of like length together, under a budget of padded tokens.

windows -> sorted by length -> [Batch: (windows, longest) arrays]
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from spanstream.models.text.windowing import Window

Int64Array = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Batch:
    """Windows with the arrays a session takes; every array is (windows, longest window)."""

    windows: tuple[Window, ...]
    input_ids: Int64Array
    attention_mask: Int64Array
    token_type_ids: Int64Array


def pack(windows: Sequence[Window], *, max_batch_tokens: int, pad_id: int) -> list[Batch]:
    """Batches of at most `max_batch_tokens` padded tokens (windows x longest); a longer window goes alone."""
    batches: list[Batch] = []
    pending: list[Window] = []
    # Longest first, so that a batch's length is its first window's and never grows.
    for window in sorted(windows, key=lambda window: window.length, reverse=True):
        if pending and (len(pending) + 1) * pending[0].length > max_batch_tokens:
            batches.append(assemble(pending, pad_id=pad_id))
            pending = []
        pending.append(window)
    if pending:
        batches.append(assemble(pending, pad_id=pad_id))
    return batches


def assemble(windows: Sequence[Window], *, pad_id: int, length: int | None = None) -> Batch:
    """One batch of these windows, in this order; at least one. Padded to `length`, or to the longest window."""
    shape = (len(windows), length or max(window.length for window in windows))
    input_ids = np.full(shape, pad_id, dtype=np.int64)
    attention_mask = np.zeros(shape, dtype=np.int64)
    token_type_ids = np.zeros(shape, dtype=np.int64)
    for row, window in enumerate(windows):
        template = window.shape.template
        context = window.document.ids[window.token_start : window.token_end]
        segments = (template.prefix, window.question.ids, template.middle, context, template.suffix)
        place = 0
        for segment, type_id in zip(segments, template.segment_types, strict=True):
            input_ids[row, place : place + len(segment)] = segment
            token_type_ids[row, place : place + len(segment)] = type_id
            place += len(segment)
        attention_mask[row, :place] = 1
    return Batch(tuple(windows), input_ids, attention_mask, token_type_ids)
