"""`spanstream model compare`: two models on the same questions, labelled ones or those of the stream."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console

from spanstream.consumer.broker.kafka.partition_reader import KafkaPartitionReader
from spanstream.consumer.cli.config_file import ConfigFile, open_settings
from spanstream.consumer.cli.model import options
from spanstream.consumer.cli.model.tool_groups import evaluate_tools
from spanstream.consumer.cli.time_option import time_ms
from spanstream.consumer.clock import SystemClock, iso
from spanstream.consumer.operations.answer_pairs import AnswerJoin
from spanstream.consumer.terminal.progress import show_stages
from spanstream.models.defaults import DEFAULT_MAX_WINDOWS

if TYPE_CHECKING:  # importing them needs the evaluate group
    from spanstream.models.evaluation.compare import ComparisonReport, ComparisonRequest
    from spanstream.models.evaluation.side_by_side import LiveComparisonReport

FirstArtifact = Annotated[Path | None, typer.Argument(help="Artifact folder that is compared with.", metavar="A")]
SecondArtifact = Annotated[Path | None, typer.Argument(help="Artifact folder that might take its place.", metavar="B")]
ComparedData = Annotated[
    list[Path] | None, typer.Option(help="SQuAD v2 file (.json or .json.gz) of labelled questions; repeatable.")
]
MeasureSpeed = Annotated[bool, typer.Option(help="Also measure the speed, in turns.")]
FromTopics = Annotated[
    bool, typer.Option("--topics", help="Compare what the stream and SPANSTREAM_MODEL__SHADOW_PATH have answered.")
]
AnsweredSince = Annotated[
    str | None,
    typer.Option("--since", metavar="TIME", help="With --topics: answers from 2026-01-31T12:00 (UTC) on, or of 2h."),
]


def compare(  # noqa: PLR0913, PLR0917  one option each
    first: FirstArtifact = None,
    second: SecondArtifact = None,
    data: ComparedData = None,
    topics: FromTopics = False,
    since: AnsweredSince = None,
    max_windows: options.MaxWindows = DEFAULT_MAX_WINDOWS,
    threads: options.Threads = None,
    speed: MeasureSpeed = True,
    as_json: options.AsJson = False,
    config: ConfigFile = None,
) -> None:
    """Compare two models: how often they agree, who is right where they differ, how the confidence shifts.

    Either on labelled questions, each at its own default threshold, with the scores and the speed of both; the second
    is to be taken if its F1 at its best threshold is higher, and the 95 % interval of the difference above 0. Or on the
    questions of the stream that a second model was tried on (docs/trying-models.md). A shift is the second's confidence
    minus the first's.

    Example: spanstream model compare models/artifacts/minilm-l6-qa my-model --data tickets.json

    Example: spanstream model compare --topics --since 2d --json

    Needs the evaluate group (requirements/evaluate.txt).
    """
    with evaluate_tools("comparing"):
        from spanstream.consumer.cli.model.comparison_tables import show_comparison, show_live  # noqa: PLC0415  needs scipy
        from spanstream.models.evaluation.compare import ComparisonRequest  # noqa: PLC0415  needs scipy
    if topics and (first, second, data) == (None, None, None):
        live = _live(config, time_ms("--since", since))
        text, show = live.model_dump_json(indent=2), partial(show_live, live)
    elif not topics and first and second and data and since is None:
        report = _labelled(ComparisonRequest(first, second, data, max_windows, threads, speed))
        text, show = report.model_dump_json(indent=2), partial(show_comparison, report)
    else:
        raise typer.BadParameter("give two artifacts and --data FILE, or --topics and nothing of these")
    if as_json:
        typer.echo(text)
    else:
        show(Console())


def _labelled(request: ComparisonRequest) -> ComparisonReport:
    from spanstream.models.evaluation.compare import compare as run  # noqa: PLC0415  needs scipy

    with show_stages() as begin:
        return run(request, begin=begin, say=lambda line: typer.echo(line, err=True))


def _live(config: Path | None, since_ms: int | None) -> LiveComparisonReport:
    from spanstream.models.evaluation.report import ArtifactFacts  # noqa: PLC0415  needs scipy
    from spanstream.models.evaluation.side_by_side import LiveComparisonReport, compare_answers  # noqa: PLC0415  needs scipy

    settings = open_settings(config)
    joined = AnswerJoin(settings, lambda: KafkaPartitionReader(settings.kafka), SystemClock(), since_ms).pairs()
    by_size = sorted(joined.by_models.items(), key=lambda item: -len(item[1]))
    return LiveComparisonReport(
        since=iso(since_ms),
        comparisons=tuple(
            compare_answers(ArtifactFacts(**first._asdict()), ArtifactFacts(**second._asdict()), answers)
            for (first, second), answers in by_size
        ),
        labelled=joined.labelled,
        first_alone=joined.first_alone,
        second_alone=joined.second_alone,
        notes=joined.notes,
    )
