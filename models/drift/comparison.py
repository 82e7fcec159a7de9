"""Compares the figures of questions with an artifact's reference, and says what moved."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np

from spanstream.models.arrays import Float64Array, Int64Array
from spanstream.models.drift.figures import FIGURES, Figure
from spanstream.models.drift.stability import drift_index, index_by_chance, stability_index

LEAST_QUESTIONS: Final = 200
"""Fewer questions are not compared."""

Counts = Mapping[str, Int64Array | Float64Array]


@dataclass(frozen=True, slots=True)
class FigureDrift:
    """How far one figure is from its reference.

    Attributes:
        figure: which one.
        index: the population stability index less what chance explains; at least 0.
        stability_index: the population stability index itself.
        by_chance: how large it may be by chance.
        counted: documents or questions that were counted now.
        moved_up: whether the figure is larger than it was, on average over its bins.
        bin: the number of the bin whose share changed most ...
        share_before: ... its share in the reference, 0 to 1 ...
        share_now: ... and now.
    """

    figure: Figure
    index: float
    stability_index: float
    by_chance: float
    counted: int
    moved_up: bool
    bin: int
    share_before: float
    share_now: float

    @property
    def what_moved(self) -> str:
        """What it means, and the bin that shows it best."""
        says = self.figure.up if self.moved_up else self.figure.down
        place = self.figure.label(self.bin)
        return f"{says}: {place} was {self.share_before:.0%} of {self.figure.of}, now {self.share_now:.0%}"


def compare(counts: Counts, reference: Counts) -> list[FigureDrift]:
    """Compares the figures that both have counts of, in the order of `FIGURES`."""
    return [
        _compared(figure, counts[figure.name], reference[figure.name])
        for figure in FIGURES
        if counts[figure.name].sum() and figure.name in reference and reference[figure.name].sum()
    ]


def _compared(figure: Figure, counts: Int64Array | Float64Array, reference: Int64Array | Float64Array) -> FigureDrift:
    now, before = counts / counts.sum(), reference / reference.sum()
    most = int(np.argmax(np.abs(now - before)))
    return FigureDrift(
        figure=figure,
        index=drift_index(counts, reference),
        stability_index=stability_index(counts, reference),
        by_chance=index_by_chance(counts, reference),
        counted=int(counts.sum()),
        moved_up=bool(((now - before) * np.arange(figure.bins)).sum() > 0),
        bin=most,
        share_before=float(before[most]),
        share_now=float(now[most]),
    )
