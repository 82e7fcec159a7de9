"""Chooses the windows of a document that hold given places of it, such as passages that a search found."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from spanstream.models.text.tokenization import TokenizedDocument
from spanstream.models.text.windowing import Window


def covering(windows: Sequence[Window], document: TokenizedDocument, places: Sequence[tuple[int, int]]) -> list[Window]:
    """Returns one window for each place, each window once, in the document's order.

    It is the window that holds most of the place; of several that hold as much, the one with most text on both sides.

    Args:
        windows: all windows of the document.
        document: its tokens.
        places: (char_start, char_end) each, end exclusive; one without a token has no window.
    """
    chosen: set[int] = set()
    starts = np.array([window.token_start for window in windows], dtype=np.int64)
    ends = np.array([window.token_end for window in windows], dtype=np.int64)
    for char_start, char_end in places:
        first = int(np.searchsorted(document.ends, char_start, side="right"))
        end = int(np.searchsorted(document.starts, char_end, side="left"))
        held = np.minimum(ends, end) - np.maximum(starts, first)
        if first < end and len(windows) and held.max() > 0:
            around = np.minimum(first - starts, ends - end)
            chosen.add(int(np.lexsort((-around, -held))[0]))
    return [windows[number] for number in sorted(chosen)]
