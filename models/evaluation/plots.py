"""Draws an evaluation: reliability, risk over coverage, and the scores of answerable and unanswerable questions.

    (VariantReport, ObservationTable) -> NAME-reliability, NAME-risk-coverage, NAME-score-differences as .png and .svg

The only file that imports matplotlib.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from spanstream.models.arrays import Float64Array
from spanstream.models.evaluation.observation_table import ObservationTable
from spanstream.models.evaluation.report import EvaluationReport, VariantReport
from spanstream.models.metrics.reliability import accuracies

# Okabe and Ito's colours for the colour-blind, which differ in lightness too.
_CALIBRATED, _SOFTMAX, _MARK, _FAINT = "#0072B2", "#D55E00", "#333333", "#999999"
_ANSWERABLE, _UNANSWERABLE = "#009E73", "#CC79A7"
_LABELS: Final = {"calibrated": "calibrated confidence", "softmax": "plain softmax"}
_COLOURS: Final = {"calibrated": _CALIBRATED, "softmax": _SOFTMAX}
_STYLE: Final[Any] = {
    "axes.grid": True,
    "axes.spines.right": False,
    "axes.spines.top": False,
    "axes.titlelocation": "left",
    "axes.titlesize": "medium",
    "figure.dpi": 150,
    "font.size": 9,
    "grid.alpha": 0.3,
    "legend.frameon": False,
    "svg.hashsalt": "spanstream",  # the same figures, the same file
}
# Text beside a mark, readable over bars and lines.
_NOTE: Final[dict[str, Any]] = {
    "fontsize": 7,
    "color": _MARK,
    "bbox": {"boxstyle": "square,pad=0.1", "facecolor": "white", "edgecolor": "none", "alpha": 0.75},
}
_BINS: Final = 40
# The error rate of fewer candidates than this says nothing.
_LEAST: Final = 10


def draw_plots(report: EvaluationReport, tables: tuple[ObservationTable, ...], folder: Path) -> list[Path]:
    """Draws every variant's plots into the folder; returns the files written."""
    kinds: Mapping[str, Callable[[VariantReport, ObservationTable, str], Figure]] = {
        "reliability": _reliability,
        "risk-coverage": _risk_coverage,
        "score-differences": _score_differences,
    }
    files = []
    for variant, table in zip(report.variants, tables, strict=True):
        name = f"{report.artifact.name} {report.artifact.version}, {variant.precision}"
        title = f"{name}: {report.data.questions} questions"
        for kind, plot in kinds.items():
            with mpl.rc_context(_STYLE):
                figure = plot(variant, table, title)
                for suffix in ("png", "svg"):
                    path = folder / f"{Path(variant.file).stem}-{kind}.{suffix}"
                    figure.savefig(path, metadata={"Date": None} if suffix == "svg" else None)
                    files.append(path)
    return files


def _reliability(variant: VariantReport, table: ObservationTable, title: str) -> Figure:
    figure = Figure(figsize=(5.2, 6.2), layout="constrained")
    axes, below = figure.subplots(2, 1, sharex=True, height_ratios=(4, 1))
    axes.plot([0, 1], [0, 1], color=_FAINT, linestyle=":", label="comes true exactly")
    for name, bins in variant.reliability.items():
        mean_confidence = [members.confidence for members in bins]
        accuracy = np.array([members.accuracy.value for members in bins])
        low, high = np.array([(members.accuracy.low, members.accuracy.high) for members in bins]).T
        error = variant.confidence[name].expected_calibration_error
        label = f"{_LABELS[name]}: ECE {error.value:.3f} ({error.low:.3f} to {error.high:.3f})"
        axes.errorbar(
            mean_confidence,
            accuracy,
            yerr=(accuracy - low, high - accuracy),
            color=_COLOURS[name],
            label=label,
            marker="o" if name == "calibrated" else "s",
            markersize=4,
            linewidth=1.2,
            elinewidth=0.8,
            capsize=2,
        )
    axes.set(title=f"{title}\nbins of equal mass, exact 95 % intervals", ylabel="share that is right", ylim=(0, 1))
    axes.legend(loc="upper left")
    for name, confidence in (("softmax", table.softmax), ("calibrated", table.sample.confidence)):
        below.hist(confidence, bins=_BINS, range=(0, 1), color=_COLOURS[name], alpha=0.6)
    below.set(xlabel="what the confidence says", ylabel="questions", xlim=(0, 1))
    return figure


def _risk_coverage(variant: VariantReport, table: ObservationTable, title: str) -> Figure:
    figure = Figure(figsize=(6.4, 4.4), layout="constrained")
    axes = figure.subplots()
    right = table.sample.right.astype(np.float64)
    coverage = np.arange(1, len(right) + 1) / len(right)
    for name, confidence in (("calibrated", table.sample.confidence), ("softmax", table.softmax)):
        area = variant.confidence["calibrated" if name == "calibrated" else "softmax"].area_under_risk_coverage
        label = f"{_LABELS[name]}: area {area.value:.3f} ({area.low:.3f} to {area.high:.3f})"
        risk = 100 * (1 - accuracies(confidence, right))
        axes.plot(100 * coverage[_LEAST:], risk[_LEAST:], color=_COLOURS[name], label=label)
    best = 100 * (1 - accuracies(right, right))
    axes.plot(100 * coverage, best, color=_FAINT, linestyle=":", label="as good as these candidates allow")
    shown = {name: figures.threshold for name, figures in variant.thresholds.items() if figures.given}
    for names in _join_names(shown).values():
        figures = variant.thresholds[names.split(", ")[0]]
        place = (100 * figures.given / len(right), 100 * (1 - figures.right / figures.given))
        axes.scatter(*place, color=_MARK, s=16, zorder=3)
        axes.annotate(names, place, xytext=(0, 5), textcoords="offset points", rotation=50, va="bottom", **_NOTE)
    axes.set(
        title=title,
        xlabel="questions answered, % (most confident first)",
        ylabel="of these wrong, %",
        xlim=(0, 100),
        ylim=(0, 100),
    )
    axes.legend(loc="upper right")
    return figure


def _score_differences(variant: VariantReport, table: ObservationTable, title: str) -> Figure:
    figure = Figure(figsize=(9.6, 4.0), layout="constrained")
    figure.suptitle(title, fontsize="medium", x=0.01, horizontalalignment="left")
    raw, calibrated = figure.subplots(1, 2)
    best = variant.best["null_score_diff"].f1_threshold
    difference = table.null_score_diff
    _histogram(raw, difference, table, (float(difference.min()), float(difference.max())))
    _mark(raw, {"best F1": best})
    raw.set(xlabel="null score minus span score (the higher, the likelier no answer)", ylabel="questions")
    _histogram(calibrated, table.sample.confidence, table, (0.0, 1.0))
    _mark(calibrated, {name: figures.threshold for name, figures in variant.thresholds.items()})
    calibrated.set(xlabel="calibrated confidence (an answer from the threshold on)", xlim=(0, 1))
    raw.legend(loc="upper right")
    return figure


def _histogram(axes: Axes, values: Float64Array, table: ObservationTable, bounds: tuple[float, float]) -> None:
    answerable = table.sample.has_answer
    groups = (("answerable", answerable, _ANSWERABLE), ("unanswerable", ~answerable, _UNANSWERABLE))
    for name, among, colour in groups:
        label = f"{name} ({int(among.sum())})"
        axes.hist(values[among], bins=_BINS, range=bounds, color=colour, alpha=0.55, label=label)


def _join_names(thresholds: Mapping[str, float]) -> dict[float, str]:
    """Joins the names at each threshold, so that none is drawn over another."""
    names: dict[float, str] = {}
    for name, threshold in thresholds.items():
        names[threshold] = f"{names[threshold]}, {name}" if threshold in names else name
    return names


def _mark(axes: Axes, thresholds: Mapping[str, float]) -> None:
    for threshold, names in _join_names(thresholds).items():
        axes.axvline(threshold, color=_MARK, linewidth=1, linestyle="--")
        axes.annotate(
            names,
            (threshold, 0.98),
            xycoords=("data", "axes fraction"),
            xytext=(-2, 0),
            textcoords="offset points",
            rotation=90,
            horizontalalignment="right",
            verticalalignment="top",
            **_NOTE,
        )
