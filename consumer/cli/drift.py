"""`spanstream drift`: whether today's questions are like those that the model was calibrated on."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any

import typer
from pydantic_core import to_json
from rich.console import Console

from spanstream.consumer.cli.config_file import ConfigFile, open_settings
from spanstream.consumer.cli.event_output import write_event
from spanstream.consumer.cli.exit_codes import FAILED
from spanstream.consumer.cli.time_option import time_ms
from spanstream.models.defaults import DRIFT_LIMIT

if TYPE_CHECKING:
    from spanstream.consumer.operations.drift_report import AnswerSelection, DriftReport
    from spanstream.consumer.settings import Settings


def show_drift(  # noqa: PLR0913, PLR0917  the command's options
    last: Annotated[int, typer.Option("--last", min=1, help="How many answers are compared: the latest.")] = 1000,
    since: Annotated[
        str | None, typer.Option(metavar="TIME", help="None before this time: 2026-01-31T12:00 (UTC), or 2h ago: 2h.")
    ] = None,
    limit: Annotated[float, typer.Option(min=0.0, help="The drift (PSI less chance) that is too much.")] = DRIFT_LIMIT,
    check: Annotated[bool, typer.Option("--check", help="Exit with 1 where a figure is beyond the limit.")] = False,
    texts: Annotated[bool, typer.Option(help="Read the documents too, for the figures that need their texts.")] = True,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object instead of a table.")] = False,
    config: ConfigFile = None,
) -> None:
    """Compare the latest answers with what the model was calibrated on: which figures moved, and what to do.

    It reads the answers topic, and for the lengths of documents the documents topic (the questions topic, where
    questions bring their texts along). It needs an artifact that `spanstream model calibrate` wrote a reference for,
    and 200 answers by it. No group, no inference: it may run beside consumers.

    Example: spanstream drift --since 7d --last 5000 --check || echo "drifted"
    """
    from spanstream.consumer.operations.drift_report import AnswerSelection  # noqa: PLC0415  the model, for those who use it

    settings = open_settings(config)
    report = _report(AnswerSelection(last, time_ms("--since", since), texts), settings)
    drifted = report.drifted(limit)
    if as_json:
        write_event(to_json(_as_json(report, limit)))
    else:
        _print(report, limit)
    if check and drifted:
        raise typer.Exit(FAILED)


def _report(selection: AnswerSelection, settings: Settings) -> DriftReport:
    from spanstream.consumer.broker.kafka.partition_reader import KafkaPartitionReader  # noqa: PLC0415  for those who use it
    from spanstream.consumer.clock import SystemClock  # noqa: PLC0415  for those who use it
    from spanstream.consumer.model_source.source import model_folder  # noqa: PLC0415  for those who use it
    from spanstream.consumer.operations.drift_report import drift_report  # noqa: PLC0415  for those who use it
    from spanstream.models.artifact import load_artifact  # noqa: PLC0415  the model, for those who use it

    artifact = load_artifact(model_folder(settings.model))
    return drift_report(selection, settings, artifact, lambda: KafkaPartitionReader(settings.kafka), SystemClock())


def _as_json(report: DriftReport, limit: float) -> dict[str, Any]:
    return {
        "questions": report.questions,
        "first": report.first,
        "last": report.last,
        "other_model": report.other_model,
        "without_text": report.without_text,
        "is_enough": report.is_enough,
        "reference": {"questions": report.reference.questions, "documents": report.reference.documents},
        "limit": limit,
        "drifted": [drift.figure.name for drift in report.drifted(limit)],
        "figures": [
            asdict(drift) | {"figure": drift.figure.name, "what_moved": drift.what_moved, "advice": drift.figure.advice}
            for drift in report.figures
        ],
    }


def _print(report: DriftReport, limit: float) -> None:
    from spanstream.consumer.terminal.drift_panel import DriftPanel  # noqa: PLC0415  the model, for those who use it
    from spanstream.models.drift.comparison import LEAST_QUESTIONS  # noqa: PLC0415  the model, for those who use it

    console = Console(highlight=False, soft_wrap=True)
    of = f"{report.reference.questions:,} questions about {report.reference.documents:,} documents"
    console.print(f"{report.questions:,} answers, compared with {of}")
    if report.first and report.last:
        console.print(f"answered from {report.first:%Y-%m-%d %H:%M} to {report.last:%Y-%m-%d %H:%M} UTC")
    if report.other_model:
        console.print(f"left out: {report.other_model:,} answers by another model or calibration")
    if report.without_text:
        console.print(f"{report.without_text:,} answers without their text: it is gone, changed, or was not read")
    if not report.is_enough:
        console.print(f"too few to compare: at least {LEAST_QUESTIONS} are needed")
        return
    console.print(DriftPanel(report.figures, limit))
    drifted = report.drifted(limit)
    for drift in drifted:
        console.print(f"{drift.figure.name}: {drift.what_moved}. What to do: {drift.figure.advice}.")
    if not drifted:
        console.print(f"no figure is beyond {limit:g}: the confidence can be taken as it was calibrated")
