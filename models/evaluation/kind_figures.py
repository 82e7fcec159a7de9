"""Computes figures by kind of text and of question: which kinds the model answers worst."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from spanstream.models.evaluation.observation_table import ObservationTable
from spanstream.models.evaluation.report import KindFigures


def kind_figures(table: ObservationTable, threshold: float) -> dict[str, tuple[KindFigures, ...]]:
    """Computes the figures of each kind at a least confidence, the lowest F1 first; empty where nothing is labelled."""
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


def kinds_section(figures: Mapping[str, Sequence[KindFigures]]) -> str:
    """Renders the figures as tables in Markdown for a model's card; empty without any."""
    return "".join(f"\n{_kinds_table(name, kinds)}\n" for name, kinds in figures.items())


def _kinds_table(name: str, kinds: Sequence[KindFigures]) -> str:
    lines = [
        f"| Kind of {name} | F1 | With an answer | right | wrong | missed | Without | declined |",
        "|---|---|---|---|---|---|---|---|",
    ]
    lines += [
        f"| {kind.kind} | {kind.f1:.1f} | {kind.answerable} | {kind.right} | {kind.wrong} | {kind.missed} "
        f"| {kind.unanswerable} | {kind.declined} |"
        for kind in kinds
    ]
    return "\n".join(lines)
