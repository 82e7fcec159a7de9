"""`spanstream model calibrate`: confidence and thresholds fitted to labelled questions of one's own."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from spanstream.consumer.cli.model.options import evaluate_tools
from spanstream.consumer.terminal.progress import show_stages
from spanstream.models.defaults import DEFAULT_ARTIFACT, DEFAULT_MAX_WINDOWS


def calibrate(  # noqa: PLR0913, PLR0917  one option each
    data: Annotated[
        list[Path], typer.Option(help="SQuAD v2 file of labelled questions like those to come; repeatable.")
    ],
    artifact: Annotated[
        Path, typer.Option(help="Artifact folder; by default the bundled artifact.")
    ] = DEFAULT_ARTIFACT,
    output: Annotated[
        Path | None, typer.Option(help="Artifact folder to write; by default the artifact's own, replaced at the end.")
    ] = None,
    name: Annotated[
        str | None, typer.Option(help="The calibration's name, echoed in every answer; by default of model and data.")
    ] = None,
    precision: Annotated[
        list[int], typer.Option(min=1, max=99, help="Percent of the answers given that should be right; repeatable.")
    ] = [80, 90],  # noqa: B006  typer copies it
    recall: Annotated[
        list[int], typer.Option(min=1, max=99, help="Percent of the right candidates that should be given; repeatable.")
    ] = [80, 90],  # noqa: B006  as above
    guarantee: Annotated[
        list[int],
        typer.Option(min=1, max=99, help="Percent right among the answers given, with 95 % confidence; repeatable."),
    ] = [80, 90],  # noqa: B006  as above
    max_windows: Annotated[
        int, typer.Option(min=1, help="Windows read of one document at most; BM25 picks among more.")
    ] = DEFAULT_MAX_WINDOWS,
    threads: Annotated[int | None, typer.Option(min=1, help="CPU threads; by default the cgroup's quota.")] = None,
) -> None:
    """Fit the confidence and its named thresholds to labelled questions of yours; from about 200 on it is worth it.

    Example: spanstream model calibrate --data tickets.json --output my-artifact, then
    SPANSTREAM_MODEL__PATH=my-artifact SPANSTREAM_MODEL__THRESHOLD=guarantee-90 spanstream run

    Needs the evaluate group (requirements/evaluate.txt). About a minute for 3,000 questions of a paragraph.
    """
    with evaluate_tools("calibrating"):
        from spanstream.consumer.cli.model.figures import show_calibration  # noqa: PLC0415  needs scikit-learn and scipy
        from spanstream.models.calibrating.thresholds import ThresholdRequest  # noqa: PLC0415  as above
        from spanstream.models.evaluation.recalibrate import CalibrationRequest, recalibrate  # noqa: PLC0415  as above
    if output is None and artifact.resolve() == DEFAULT_ARTIFACT.resolve():
        raise typer.BadParameter(
            "say where to write to: the program's own artifact is not replaced", param_hint="--output"
        )
    target = output or artifact
    wanted = ThresholdRequest(tuple(precision), tuple(recall), tuple(guarantee))
    request = CalibrationRequest(
        artifact, data, target, name=name, wanted=wanted, max_windows=max_windows, threads=threads
    )
    with show_stages() as begin:
        result = recalibrate(request, begin=begin, say=lambda line: typer.echo(line, err=True))
    show_calibration(result, Console())
    typer.echo(f"wrote {target}")
