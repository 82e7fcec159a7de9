"""Prints comparisons of two models as tables."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from spanstream.consumer.cli.model.figure_tables import interval

if TYPE_CHECKING:  # importing them needs the evaluate group
    from spanstream.models.evaluation.compare import ComparisonReport, PairedFigure
    from spanstream.models.evaluation.report import ArtifactFacts
    from spanstream.models.evaluation.side_by_side import LiveComparisonReport, ModelComparison, RightFigures

_AGREEMENTS = {
    "same": "the same place, or both declined",
    "overlapping": "places that overlap",
    "one_declined": "one declined",
    "different": "other places",
}
_BAR_CELLS = 30


def show_comparison(report: ComparisonReport, console: Console) -> None:
    """Prints a comparison on labelled questions."""
    files = escape(", ".join(file.file for file in report.data.files))
    console.print(f"{files}: {report.data.questions} questions about {report.data.documents} texts")
    for note in report.notes:
        console.print(f"[yellow]Note:[/] {escape(note)}")
    first, second = report.comparison.first, report.comparison.second
    table = Table("%", _name(first), _name(second), "second minus first")
    figures = (("EM, default threshold", report.exact), ("F1, default threshold", report.f1))
    for label, figure in (*figures, ("F1, best threshold", report.best_f1)):
        table.add_row(label, *_paired(figure))
    console.print(table)
    console.print("Intervals: 95 %, by text; the difference is of the same texts.")
    _show(report.comparison, console)
    if report.speed is not None:
        speed = report.speed
        console.print(
            f"Speed: the second reads {speed.median:.2f} times as many questions a second as the first (median of "
            f"{speed.turns} pairs of turns of {speed.questions} questions, {speed.lowest:.2f} to {speed.highest:.2f})"
        )
    verdict = "take it" if report.is_better else "do not take it: it is no better, or chance may explain it"
    console.print(f"[bold]The second: {verdict}[/] (F1 at either's best threshold).")


def show_live(report: LiveComparisonReport, console: Console) -> None:
    """Prints a comparison on the questions of the stream."""
    since = f" since {report.since}" if report.since else ""
    pairs = sum(comparison.questions for comparison in report.comparisons)
    console.print(
        f"{pairs} questions that both have answered{since}, {report.labelled} of them with a label; answers without a "
        f"second one: {report.first_alone}, second ones alone: {report.second_alone}"
    )
    for note in report.notes:
        console.print(f"[yellow]Note:[/] {escape(note)}")
    for comparison in report.comparisons:
        console.print(f"\n[bold]{_name(comparison.first)}[/] and then [bold]{_name(comparison.second)}[/]")
        _show(comparison, console)


def _show(comparison: ModelComparison, console: Console) -> None:
    table = Table("the two answers", "questions", "%")
    for kind, count in comparison.agreement.counts.items():
        share = 100 * count / comparison.questions
        shown = interval(comparison.agreement.same, 1, 100) if kind == "same" else f"{share:.1f}"
        table.add_row(_AGREEMENTS[kind], str(count), shown)
    console.print(table)
    if comparison.right is not None:
        console.print(_right(comparison.right))
    shift = comparison.confidence
    table = Table("confidence changes by", "questions", "")
    most = max(shift_bin.questions for shift_bin in shift.histogram)
    for shift_bin in shift.histogram:
        cells = round(_BAR_CELLS * shift_bin.questions / most)
        table.add_row(f"{shift_bin.low:+.2f} to {shift_bin.high:+.2f}", str(shift_bin.questions), "█" * cells)
    console.print(table)
    console.print(f"On average by {shift.mean:+.3f}, in the middle by {shift.median:+.3f}.")


def _right(right: RightFigures) -> Table:
    table = Table("right", "questions", "")
    table.add_row("both", str(right.both), "")
    table.add_row("the first alone", str(right.first_only), "")
    share = "" if right.second_share is None else f"{interval(right.second_share, 1, 100)} % of these two"
    table.add_row("the second alone", str(right.second_only), f"{share}, p = {right.p_value:.3g} (exact McNemar)")
    table.add_row("neither", str(right.neither), "")
    return table


def _paired(figure: PairedFigure) -> tuple[str, str, str]:
    difference = figure.difference
    shown = f"{difference.value:+.2f} [dim]({difference.low:+.2f} to {difference.high:+.2f})[/]"
    return interval(figure.first, 1), interval(figure.second, 1), shown


def _name(facts: ArtifactFacts) -> str:
    return escape(f"{facts.name} {facts.version} ({facts.calibration})")
