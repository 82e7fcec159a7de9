"""`spanstream label watch`: tests with the labels whether as many answers are right as was promised."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from spanstream.consumer.cli.config_file import ConfigFile, open_settings
from spanstream.consumer.cli.label.options import FeedbackFiles, opened_sources
from spanstream.consumer.errors import Stop

if TYPE_CHECKING:
    from spanstream.models.labelling.promises import Promises
    from spanstream.models.labelling.watching import Watched

_OF_EVERY_ARTIFACT = "default"


def watch(
    right: Annotated[
        int | None,
        typer.Option(
            min=1,
            max=99,
            help="Percent of the answers given that should be right; by default of guarantee-90 and such.",
        ),
    ] = None,
    answers: Annotated[
        list[Path] | None, typer.Option("--answers", help="JSON lines of answers in place of all topics; repeatable.")
    ] = None,
    feedback: FeedbackFiles = None,
    metrics: Annotated[
        Path | None, typer.Option(metavar="FILE.prom", help="Write the figures for Prometheus' textfile collector.")
    ] = None,
    config: ConfigFile = None,
) -> None:
    """Test the confidence, and the threshold's guarantee, with the labels; as often as you like.

    Uses the uniform share of the labels (`label next`). Exit code 1 where a promise is broken: a promise that holds is
    called broken in at most 5 % of deployments, however often this is run.

    Example: spanstream label watch --right 90
    """
    from spanstream.consumer.answering.open_reader import require_threshold  # noqa: PLC0415  for those who use it
    from spanstream.consumer.operations.labelling.promises import promises_of  # noqa: PLC0415  for those who use it
    from spanstream.models.labelling.promises import allowed_share, promised_percent  # noqa: PLC0415  for those who use it

    settings = open_settings(config)
    if right is None and settings.model.threshold != _OF_EVERY_ARTIFACT:
        require_threshold(settings.model)
    percent = right if right is not None else promised_percent(settings.model.threshold)
    with opened_sources(settings, {"answers": answers, "feedback": feedback}) as sources:
        promises = promises_of(sources, allowed_share(percent))
    if metrics is not None:
        _write(metrics, promises)
    typer.echo(_line(promises.confidence, f"{promises.confidence.promised:.1f} by their confidence"))
    broken = [] if not promises.confidence.is_broken else ["the confidence is too high"]
    if promises.allowed is not None:
        typer.echo(_line(promises.allowed, f"{promises.allowed.promised:.1f} with {percent} % right"))
        broken += [f"fewer than {percent} % of the answers are right"] if promises.allowed.is_broken else []
    if broken:
        raise Stop(" and ".join(broken), hint="calibrate anew with the labels: `spanstream model calibrate --topics`")


def _write(file: Path, promises: Promises) -> None:
    from prometheus_client import CollectorRegistry, write_to_textfile  # noqa: PLC0415  for those who use it

    from spanstream.consumer.feedback.promise_watch import PromiseGauges  # noqa: PLC0415  for those who use it

    registry = CollectorRegistry()
    PromiseGauges(registry).show(promises)
    try:
        write_to_textfile(str(file), registry)
    except OSError as error:
        raise Stop(f"{file}: cannot be written: {error.strerror}") from error


def _line(watched: Watched, promised: str) -> str:
    return (
        f"{watched.wrong} of {watched.given} labelled answers are wrong (of all {100 * watched.at_least:.1f} to "
        f"{100 * watched.at_most:.1f} %); promised: at most {promised}; evidence against it {watched.evidence:.2f}, "
        "broken from 20 on"
    )
