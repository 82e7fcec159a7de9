"""`spanstream model evaluate`: what an artifact scores on labelled questions."""

from __future__ import annotations

from pathlib import Path

import typer
from rich.console import Console

from spanstream.consumer.cli.model import options
from spanstream.consumer.cli.model.tool_groups import evaluate_tools
from spanstream.consumer.errors import Stop
from spanstream.consumer.terminal.progress import show_stages
from spanstream.models.defaults import DEFAULT_ARTIFACT, DEFAULT_MAX_WINDOWS


def evaluate(  # noqa: PLR0913, PLR0917  one option each
    data: options.EvaluationData,
    artifact: options.ArtifactOption = DEFAULT_ARTIFACT,
    output: options.ReportFolder = None,
    variant: options.ReadVariants = None,
    threshold: options.Thresholds = None,
    max_windows: options.MaxWindows = DEFAULT_MAX_WINDOWS,
    all_windows: options.AllWindows = False,
    windows: options.Windows = None,
    threads: options.Threads = None,
    latency: options.TakeTimes = True,
    as_json: options.AsJson = False,
) -> None:
    """Measure exact match, F1, confidence and times on labelled questions, which are read as they are when serving.

    Example: spanstream model evaluate --data tickets.json --output figures

    Needs the evaluate group (requirements/evaluate.txt). About a minute for 3,000 questions of a paragraph.
    """
    with evaluate_tools("evaluating"):
        from spanstream.consumer.cli.model.figure_tables import show_report  # noqa: PLC0415  needs scikit-learn and scipy
        from spanstream.models.evaluation.evaluate import EvaluationRequest  # noqa: PLC0415  needs scikit-learn and scipy
        from spanstream.models.evaluation.evaluate import evaluate as measure  # noqa: PLC0415  needs scikit-learn and scipy
        from spanstream.models.evaluation.plots import draw_plots  # noqa: PLC0415  needs matplotlib
    request = EvaluationRequest(
        artifact,
        data,
        variants=variant or (),
        thresholds=threshold or (),
        max_windows=None if all_windows else max_windows,
        windows=windows,
        threads=threads,
        latency=latency,
    )
    if output is not None:
        _make_folder(output)  # before minutes of reading
    with show_stages() as begin:
        evaluation = measure(request, begin=begin, say=lambda line: typer.echo(line, err=True))
    text = evaluation.report.model_dump_json(indent=2)
    if as_json:
        typer.echo(text)
    else:
        show_report(evaluation.report, Console())
    if output is not None:
        (output / "report.json").write_text(text + "\n", encoding="utf-8")
        files = draw_plots(evaluation.report, evaluation.tables, output)
        typer.echo(f"wrote report.json and {len(files)} plots to {output}", err=True)


def _make_folder(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise Stop(f"{folder}: cannot be made: {error.strerror}") from error
