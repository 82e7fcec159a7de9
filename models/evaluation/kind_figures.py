"""Computes figures by kind of text and of question: which kinds the model answers worst."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from spanstream.models.calibrating.thresholds import LabelledSample
from spanstream.models.evaluation.report import KindFigures


def kind_figures(
    kinds: Sequence[Mapping[str, str]], sample: LabelledSample, threshold: float
) -> dict[str, tuple[KindFigures, ...]]:
    """Computes the figures of each kind, the lowest F1 first; empty where nothing is labelled.

    Args:
        kinds: of each question, by the name of the labelling (`text`, `question`).
        sample: the questions, with confidences.
        threshold: the least confidence of an answer.
    """
    labellings = sorted({name for labels in kinds for name in labels})
    return {name: _figures_by(name, kinds, sample, threshold) for name in labellings}


def _figures_by(
    name: str, labels: Sequence[Mapping[str, str]], sample: LabelledSample, threshold: float
) -> tuple[KindFigures, ...]:
    kinds = np.array([question.get(name, "") for question in labels])
    given, answerable = sample.candidate & (sample.confidence >= threshold), sample.has_answer
    f1 = np.where(given, sample.f1, ~answerable)
    figures = []
    for kind in sorted(set(kinds.tolist()) - {""}):
        among = kinds == kind
        with_answer, without_answer = among & answerable, among & ~answerable
        figures.append(
            KindFigures(
                kind=kind,
                f1=100 * float(f1[among].mean()),
                answerable=int(with_answer.sum()),
                right=int((with_answer & given & sample.right).sum()),
                wrong=int((with_answer & given & ~sample.right).sum()),
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
