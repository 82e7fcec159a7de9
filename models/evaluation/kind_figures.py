"""Figures by kind of text and of question: which kinds the model answers worst."""

from __future__ import annotations

import numpy as np

from spanstream.models.evaluation.report import KindFigures
from spanstream.models.evaluation.table import ObservationTable


def kind_figures(table: ObservationTable, threshold: float) -> dict[str, tuple[KindFigures, ...]]:
    """Figures of each kind at a least confidence, the lowest F1 first; empty where nothing is labelled."""
    labelled = sorted({name for observation in table.observations for name in observation.kinds})
    return {name: _figures_by(name, table, threshold) for name in labelled}


def _figures_by(name: str, table: ObservationTable, threshold: float) -> tuple[KindFigures, ...]:
    kinds = np.array([observation.kinds.get(name, "") for observation in table.observations])
    f1, given, answerable = table.scores_at(threshold, table.f1), table.given(threshold), table.sample.has_answer
    figures = []
    for kind in sorted(set(kinds.tolist()) - {""}):
        among = kinds == kind
        with_answer, without_answer = among & answerable, among & ~answerable
        figures.append(
            KindFigures(
                kind=kind,
                f1=100 * float(f1[among].mean()),
                answerable=int(with_answer.sum()),
                right=int((with_answer & given & table.sample.right).sum()),
                wrong=int((with_answer & given & ~table.sample.right).sum()),
                missed=int((with_answer & ~given).sum()),
                unanswerable=int(without_answer.sum()),
                declined=int((without_answer & ~given).sum()),
            )
        )
    return tuple(sorted(figures, key=lambda figure: figure.f1))
