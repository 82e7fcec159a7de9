"""`spanstream model evaluate`: what an artifact scores on labelled questions."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from spanstream.consumer.cli.model.options import evaluate_tools
from spanstream.consumer.cli.model.progress import questions_read
from spanstream.consumer.errors import Stop
from spanstream.models.defaults import DEFAULT_ARTIFACT, DEFAULT_MAX_WINDOWS


def evaluate(  # noqa: PLR0913, PLR0917  one option each
    data: Annotated[
        list[Path], typer.Option(help="SQuAD v2 file (.json or .json.gz) of labelled questions; repeatable.")
    ],
    artifact: Annotated[
        Path, typer.Option(help="Artifact folder; by default the one that comes with the program.")
    ] = DEFAULT_ARTIFACT,
    output: Annotated[
        Path | None, typer.Option(help="Folder for report.json and the plots (PNG and SVG); made if need be.")
    ] = None,
    variant: Annotated[
        list[str] | None, typer.Option(help="File or precision of a variant; repeatable; default: all for the CPU.")
    ] = None,
    threshold: Annotated[
        list[str] | None,
        typer.Option(help="A threshold's name, or a confidence from 0 to 1; repeatable; default: all that are named."),
    ] = None,
    max_windows: Annotated[
        int, typer.Option(min=1, help="Windows read of one document at most; BM25 picks among more.")
    ] = DEFAULT_MAX_WINDOWS,
    all_windows: Annotated[bool, typer.Option("--all-windows", help="Read every window of every document.")] = False,
    threads: Annotated[int | None, typer.Option(min=1, help="CPU threads; by default the cgroup's quota.")] = None,
    latency: Annotated[bool, typer.Option(help="Take times too, one question after the other.")] = True,
    as_json: Annotated[bool, typer.Option("--json", help="The report as JSON on standard output.")] = False,
) -> None:
    """Exact match, F1, what the confidence is worth, and times, on labelled questions, read as they are when serving.

    Example: spanstream model evaluate --data tickets.json --output figures

    Needs the evaluate group (requirements/evaluate.txt). About a minute for 3,000 questions of a paragraph.
    """
    with evaluate_tools("evaluating"):
        from spanstream.consumer.cli.model.figures import show_report  # noqa: PLC0415  needs scikit-learn and scipy
        from spanstream.models.evaluation.evaluate import EvaluationRequest  # noqa: PLC0415  as above
        from spanstream.models.evaluation.evaluate import evaluate as measure  # noqa: PLC0415  as above
        from spanstream.models.evaluation.plots import draw_plots  # noqa: PLC0415  needs matplotlib
    request = EvaluationRequest(
        artifact,
        data,
        variants=variant or (),
        thresholds=threshold or (),
        max_windows=None if all_windows else max_windows,
        threads=threads,
        latency=latency,
    )
    if output is not None:
        _make(output)  # not after minutes of reading
    with questions_read() as begin:
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


def _make(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise Stop(f"{folder}: cannot be made: {error.strerror}") from error
