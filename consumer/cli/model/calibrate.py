"""`spanstream model calibrate`: confidence and thresholds fitted to labelled questions of one's own."""

from __future__ import annotations

import typer
from rich.console import Console

from spanstream.consumer.cli.model import options
from spanstream.consumer.cli.model.tool_groups import evaluate_tools
from spanstream.consumer.terminal.progress import show_stages
from spanstream.models.defaults import DEFAULT_ARTIFACT, DEFAULT_MAX_WINDOWS

# typer copies a default list.
_PERCENTS = [80, 90]


def calibrate(  # noqa: PLR0913, PLR0917  one option each
    data: options.CalibrationData,
    artifact: options.ArtifactOption = DEFAULT_ARTIFACT,
    output: options.CalibratedFolder = None,
    name: options.CalibrationName = None,
    precision: options.Precisions = _PERCENTS,
    recall: options.Recalls = _PERCENTS,
    guarantee: options.Guarantees = _PERCENTS,
    max_windows: options.MaxWindows = DEFAULT_MAX_WINDOWS,
    windows: options.Windows = None,
    threads: options.Threads = None,
) -> None:
    """Fit the confidence and its named thresholds to labelled questions of yours; from about 200 on it is worth it.

    Example: spanstream model calibrate --data tickets.json --output my-artifact, then
    SPANSTREAM_MODEL__PATH=my-artifact SPANSTREAM_MODEL__THRESHOLD=precision-90 spanstream run

    Needs the evaluate group (requirements/evaluate.txt). About a minute for 3,000 questions of a paragraph.
    """
    with evaluate_tools("calibrating"):
        from spanstream.consumer.cli.model.figure_tables import show_calibration  # noqa: PLC0415  needs scikit-learn and scipy
        from spanstream.models.calibrating.thresholds import ThresholdRequest  # noqa: PLC0415  needs scikit-learn and scipy
        from spanstream.models.evaluation.recalibrate import CalibrationRequest, recalibrate  # noqa: PLC0415  needs scikit-learn and scipy
    if output is None and artifact.resolve() == DEFAULT_ARTIFACT.resolve():
        raise typer.BadParameter(
            "say where to write to: the program's own artifact is not replaced", param_hint="--output"
        )
    target = output or artifact
    wanted = ThresholdRequest(tuple(precision), tuple(recall), tuple(guarantee))
    request = CalibrationRequest(
        artifact,
        data,
        target,
        name=name,
        wanted=wanted,
        max_windows=max_windows,
        windows=windows,
        threads=threads,
    )
    with show_stages() as begin:
        result = recalibrate(request, begin=begin, say=lambda line: typer.echo(line, err=True))
    show_calibration(result, Console())
    typer.echo(f"wrote {target}")
