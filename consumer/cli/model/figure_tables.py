"""Prints the figures of an evaluation or a calibration as tables."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from rich.console import Console
from rich.markup import escape
from rich.table import Table

if TYPE_CHECKING:  # importing them needs the evaluate group
    from spanstream.models.calibrating.alternatives import FittedAlternatives
    from spanstream.models.calibrating.thresholds import ThresholdChoice
    from spanstream.models.evaluation.collections.recalibrating import CollectionResult
    from spanstream.models.evaluation.recalibrate import CalibrationResult
    from spanstream.models.evaluation.report import (
        ConfidenceFigures,
        EvaluationReport,
        KindFigures,
        Latency,
        SizeBucket,
        ThresholdFigures,
        VariantReport,
    )
    from spanstream.models.metrics.reliability import Interval

_CONFIDENCE = {
    "expected_calibration_error": "expected calibration error",
    "brier_score": "Brier score",
    "area_under_risk_coverage": "area under risk-coverage",
    "coverage_at_80": "coverage at 80 % accuracy",
    "coverage_at_90": "coverage at 90 % accuracy",
}


def show_report(report: EvaluationReport, console: Console) -> None:
    """Prints all tables of a report."""
    data, artifact = report.data, report.artifact
    files = escape(", ".join(file.file for file in data.files))
    unanswerable = data.questions - data.answerable
    console.print(f"[bold]{escape(artifact.name)} {escape(artifact.version)}[/], {escape(artifact.calibration)}")
    console.print(
        f"{files}: {data.questions} questions, {unanswerable} of them without an answer; {data.documents} texts of "
        f"{data.articles} articles; "
        + ("all windows read" if report.max_windows is None else f"at most {report.max_windows} windows read of a text")
        + f" ({report.windows})"
    )
    for note in report.notes:
        console.print(f"[yellow]Note:[/] {escape(note)}")
    for variant in report.variants:
        console.print(f"\n[bold]{variant.file}[/] ({variant.session}, {variant.size_bytes / 1e6:.1f} MB)")
        _show_variant(variant, console)


def _show_variant(variant: VariantReport, console: Console) -> None:
    console.print("Official SQuAD 2.0 scores in %, with 95 % intervals; declined: of the questions without an answer")
    console.print(_scores(variant))
    console.print(_answers(variant))
    raw, calibrated = variant.best["null_score_diff"], variant.best["confidence"]
    console.print(
        f"Best threshold on the raw score difference: F1 {raw.f1:.2f} ({raw.f1_threshold:.3f}), EM {raw.exact:.2f} "
        f"({raw.exact_threshold:.3f}); on the confidence: F1 {calibrated.f1:.2f}, EM {calibrated.exact:.2f}"
    )
    console.print(
        confidence_table(
            {"calibrated": variant.confidence["calibrated"], "plain softmax": variant.confidence["softmax"]}
        )
    )
    console.print(
        "By the size of the text, at the default threshold; candidates: where there is an answer, given or not"
    )
    console.print(_sizes("tokens", variant.by_tokens))
    console.print(_sizes("windows", variant.by_windows))
    if variant.by_kind:
        console.print("By kind, at the default threshold, the lowest F1 first; others: without an answer")
    for of, figures in variant.by_kind.items():
        console.print(_kinds(of, figures))
    if variant.latency is not None:
        console.print(_latency(variant.latency))


def _scores(variant: VariantReport) -> Table:
    table = _table("threshold", "EM", "F1", "EM, F1 answerable", "declined rightly")
    for name, figures in _by_threshold(variant):
        answerable = f"{_number(figures.answerable_exact)}, {_number(figures.answerable_f1)}"
        declined = _number(figures.unanswerable_declined)
        table.add_row(name, interval(figures.exact, 1), interval(figures.f1, 1), answerable, declined)
    return table


def _answers(variant: VariantReport) -> Table:
    table = _table("threshold", "confidence", "given", "right of them, %", "of all right ones, %")
    for name, figures in _by_threshold(variant):
        table.add_row(
            name,
            f"{figures.threshold:.4f}",
            str(figures.given),
            "" if figures.precision is None else interval(figures.precision, 1, 100),
            _number(None if figures.recall is None else 100 * figures.recall),
        )
    return table


def _by_threshold(variant: VariantReport) -> list[tuple[str, ThresholdFigures]]:
    return sorted(variant.thresholds.items(), key=lambda item: item[1].threshold)


def _table(*columns: str) -> Table:
    table = Table(columns[0])
    for column in columns[1:]:
        table.add_column(column, justify="right")
    return table


def show_calibration(result: CalibrationResult, console: Console) -> None:
    """Prints the figures of a calibration."""
    fitted = result.fitted
    console.print(
        f"[bold]{escape(fitted.calibration.name)}[/], {len(fitted.held_out)} questions; score: {fitted.score}"
    )
    console.print(confidence_table(result.figures))
    console.print(f"Intervals: 95 %, by text; unseen: by a fit without the question's {fitted.grouped_by}.")
    console.print(_choices(fitted.choices))
    if fitted.alternatives is None:
        console.print("[yellow]no confidence of alternatives:[/] too few of them are right")
    else:
        console.print(_ranks(fitted.alternatives))
    for name, guarantee in fitted.guarantees.items():
        if kept := guarantee.kept:
            console.print(
                f"{name}: on {guarantee.questions} questions set apart, {kept.wrong} of {kept.given} answers were "
                f"wrong: at most {100 * kept.bound:.1f} % with 95 % confidence, for questions drawn as these were"
            )
    for name, reason in fitted.absent.items():
        console.print(f"[yellow]no {name}:[/] {reason}")


def show_collection_calibration(result: CollectionResult, console: Console) -> None:
    """Prints the figures of a collection's calibration."""
    record, fitted = result.record, result.fitted
    console.print(
        f"[bold]{escape(record.calibration)}[/], over a collection of {record.texts} texts, "
        f"{record.questions} questions; score: {fitted.score}"
    )
    console.print(confidence_table(result.figures))
    console.print(f"Intervals: 95 %, by text; unseen: by a fit without the question's {fitted.grouped_by}.")
    console.print(_choices(fitted.choices))
    for name, reason in fitted.absent.items():
        console.print(f"[yellow]no {name}:[/] {reason}")


def _choices(choices: Mapping[str, ThresholdChoice]) -> Table:
    table = _table("threshold", "confidence", "given", "right of them, %", "of all right ones, %")
    for name, choice in sorted(choices.items(), key=lambda item: item[1].threshold):
        shares = (None if share is None else 100 * share for share in (choice.precision, choice.recall))
        table.add_row(name, f"{choice.threshold:.4f}", str(choice.given), *map(_number, shares))
    return table


def _ranks(fitted: FittedAlternatives) -> Table:
    table = _table("answers of rank", "number", "right, %", "confidence", "calibration error", "Brier score")
    for rank, figures in fitted.by_rank.items():
        confidences = (figures.confidence, figures.expected_calibration_error, figures.brier_score)
        shares = (interval(figure, 3) for figure in confidences)
        table.add_row(rank, str(figures.answers), interval(figures.right, 1, 100), *shares)
    among = ", ".join(f"{k}: {100 * share.value:.1f} %" for k, share in fitted.among_first.items())
    table.caption = f"answerable questions with a right answer among the first {among}"
    return table


def confidence_table(figures: dict[str, ConfidenceFigures]) -> Table:
    """Makes a table of what confidences are worth, side by side."""
    table = Table("confidence", *figures)
    for key, label in _CONFIDENCE.items():
        table.add_row(label, *(interval(getattr(column, key), 3) for column in figures.values()))
    return table


def _sizes(of: str, buckets: Sequence[SizeBucket]) -> Table:
    table = _table(of, "questions", "read", "EM", "F1", "EM, F1 candidates", "declined rightly")
    for bucket in buckets:
        table.add_row(
            bucket.of,
            str(bucket.questions),
            f"{bucket.windows_read:.1f}",
            f"{bucket.exact:.1f}",
            f"{bucket.f1:.1f}",
            f"{_number(bucket.candidate_exact)}, {_number(bucket.candidate_f1)}",
            _number(bucket.declined),
        )
    return table


def _kinds(of: str, figures: Sequence[KindFigures]) -> Table:
    table = _table(f"kind of {of}", "F1", "answerable", "right", "wrong", "missed", "others", "declined")
    for kind in figures:
        counts = (kind.answerable, kind.right, kind.wrong, kind.missed, kind.unanswerable, kind.declined)
        table.add_row(escape(kind.kind), f"{kind.f1:.1f}", *map(str, counts))
    return table


def _latency(latency: Latency) -> str:
    return (
        f"Times, one question at a time ({latency.questions} of them), {latency.threads} threads, {latency.cpu}: "
        f"a window of {latency.mean_window_tokens:.0f} tokens {latency.window.median:.1f} ms (95th percentile "
        f"{latency.window.p95:.1f}), a question with its text {latency.question.median:.1f} ms "
        f"({latency.question.p95:.1f})"
    )


def interval(figure: Interval, places: int, scale: float = 1.0) -> str:
    """Formats a figure with its interval."""
    value, low, high = (f"{scale * part:.{places}f}" for part in (figure.value, figure.low, figure.high))
    return f"{value} [dim]({low}-{high})[/]"


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.1f}"
