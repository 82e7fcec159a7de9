"""Checks batch invariance: whether a window's logits depend on the windows that share its batch."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from spanstream.models.inference.packing import assemble, pack
from spanstream.models.inference.session import Session
from spanstream.models.metrics.reading import ReadingOptions
from spanstream.models.spans.search import best_span
from spanstream.models.text.windowing import Window

_MIXED_BATCH_TOKENS: Final = 1024
_MIXED_BATCH_WINDOWS: Final = 4


@dataclass(frozen=True, slots=True)
class BatchInvariance:
    """How far the other windows of a batch change a window's logits.

    Attributes:
        same_bits: whether every window's logits had the same bits alone and in batches.
        changed_spans: the share of windows whose best span changed, 0 to 1.
    """

    same_bits: bool
    changed_spans: float


def measure_batch_invariance(session: Session, windows: Sequence[Window], options: ReadingOptions) -> BatchInvariance:
    """Runs the windows alone and in mixed batches, and compares their logits."""
    alone = {window: session.run(assemble([window], pad_id=options.pad_id)) for window in windows}
    same_bits, changed = True, 0
    # Sorted by length as when serving, and in their own order, which puts a long window beside a short one.
    batches = pack(windows, max_batch_tokens=_MIXED_BATCH_TOKENS, pad_id=options.pad_id)
    batches += [
        assemble(windows[place : place + _MIXED_BATCH_WINDOWS], pad_id=options.pad_id)
        for place in range(0, len(windows), _MIXED_BATCH_WINDOWS)
    ]
    for batch in batches:
        together = session.run(batch)
        for row, window in enumerate(batch.windows):
            tokens = slice(window.length)
            own, start, end = alone[window], together.start[row], together.end[row]
            same_bits &= np.array_equal(own.start[0], start[tokens]) and np.array_equal(own.end[0], end[tokens])
            if own.answerable is not None and together.answerable is not None:
                same_bits &= bool(own.answerable[0] == together.answerable[row])
            spans = (
                best_span(window, *logits, options.max_answer_tokens).span
                for logits in ((own.start[0], own.end[0]), (start, end))
            )
            first, second = ((span.first, span.last) if span else None for span in spans)
            changed += first != second
    return BatchInvariance(same_bits, changed / sum(len(batch.windows) for batch in batches))
