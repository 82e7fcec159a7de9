"""Packs windows into padded batches: windows of like length together, under a budget of padded tokens.

windows -> sorted by length -> [Batch: (windows, longest) arrays]
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np

from spanstream.models.arrays import Int32Array, Int64Array
from spanstream.models.text.windowing import Window

_Item = TypeVar("_Item")


@dataclass(frozen=True, slots=True)
class TokenArrays:
    """The arrays a session takes; every one is (rows, padded length)."""

    input_ids: Int64Array
    attention_mask: Int64Array
    token_type_ids: Int64Array


@dataclass(frozen=True, slots=True)
class Batch(TokenArrays):
    """Windows with the arrays a session takes, a row each."""

    windows: tuple[Window, ...]


def pack(windows: Sequence[Window], *, max_batch_tokens: int, pad_id: int) -> list[Batch]:
    """Packs windows into batches of at most `max_batch_tokens` padded tokens; a longer window goes alone."""
    longest_first = sorted(windows, key=lambda window: window.length, reverse=True)
    groups = split_by_budget(longest_first, padded_length, max_batch_tokens=max_batch_tokens)
    return [assemble(group, pad_id=pad_id) for group in groups]


def split_by_budget(
    longest_first: Iterable[_Item], length_of: Callable[[_Item], int], *, max_batch_tokens: int
) -> list[list[_Item]]:
    """Splits items into groups, in their order, each of at most `max_batch_tokens` padded tokens.

    Args:
        longest_first: items sorted by length, so that a group's length is its first item's and never grows.
        length_of: the tokens that an item, and its group with it, is padded to.
        max_batch_tokens: items x padded length; a longer item goes alone.
    """
    groups: list[list[_Item]] = []
    room = 0
    for item in longest_first:
        if room == 0:
            groups.append([])
            room = max(1, max_batch_tokens // length_of(item))
        groups[-1].append(item)
        room -= 1
    return groups


def padded_length(window: Window, step: int = 1) -> int:
    """Returns the window's length rounded up to a multiple of `step`, at most the length that the model takes."""
    return min(-(-window.length // step) * step, window.shape.max_length)


def assemble(windows: Sequence[Window], *, pad_id: int, length: int | None = None) -> Batch:
    """Makes one batch of these windows, in this order; at least one.

    Args:
        windows: a row each.
        pad_id: the token that fills a row up.
        length: tokens of a row; by default the longest window's.
    """
    arrays = assemble_rows([_segments(window) for window in windows], pad_id=pad_id, length=length)
    return Batch(arrays.input_ids, arrays.attention_mask, arrays.token_type_ids, tuple(windows))


def assemble_rows(
    rows: Sequence[Sequence[tuple[Int32Array, int]]], *, pad_id: int, length: int | None = None
) -> TokenArrays:
    """Makes the arrays of rows, each of segments: token ids, and the token type id of them all; at least one row."""
    shape = (len(rows), length or max(sum(len(ids) for ids, _ in row) for row in rows))
    input_ids = np.full(shape, pad_id, dtype=np.int64)
    attention_mask = np.zeros(shape, dtype=np.int64)
    token_type_ids = np.zeros(shape, dtype=np.int64)
    for number, row in enumerate(rows):
        place = 0
        for ids, type_id in row:
            input_ids[number, place : place + len(ids)] = ids
            token_type_ids[number, place : place + len(ids)] = type_id
            place += len(ids)
        attention_mask[number, :place] = 1
    return TokenArrays(input_ids, attention_mask, token_type_ids)


def _segments(window: Window) -> list[tuple[Int32Array, int]]:
    template = window.shape.template
    context = window.document.ids[window.token_start : window.token_end]
    segments = (template.prefix, window.question.ids, template.middle, context, template.suffix)
    return list(zip(segments, template.segment_types, strict=True))
