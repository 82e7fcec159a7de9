"""`spanstream replay run`: sends the selected dead letters again."""

from __future__ import annotations

import json
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import typer

from spanstream.consumer.cli.config_file import ConfigFile, open_settings
from spanstream.consumer.cli.replay import shared_options
from spanstream.consumer.cli.signals import set_on_signals
from spanstream.consumer.replay.display.progress import show_replay
from spanstream.consumer.replay.display.steps import step_lines
from spanstream.consumer.replay.display.totals import survey_line, total_lines
from spanstream.consumer.replay.letters.letter import LetterState
from spanstream.consumer.replay.letters.selection import Selection
from spanstream.consumer.replay.manifests.manifest import record_line
from spanstream.consumer.replay.planning.planner import Step
from spanstream.consumer.replay.sending.job import ReplayJob, RunOptions, plan_job
from spanstream.consumer.replay.wiring import SendingOptions, TopicNames, open_replay

_BATCH = 500

Limit = Annotated[int | None, typer.Option(min=1, help="Records to send at most.", show_default=False)]
MaxAttempts = Annotated[
    int | None,
    typer.Option(
        min=1, help="Park what was sent again so often; by default SPANSTREAM_REPLAY__MAX_ATTEMPTS.", show_default=False
    ),
]
ParkingTopic = Annotated[str | None, typer.Option(help="Topic for these; by default TOPIC.parked.", show_default=False)]
Rate = Annotated[float | None, typer.Option(min=0.01, help="Records a second at most.", show_default=False)]
Batch = Annotated[int, typer.Option(min=1, max=10_000, help="Records of one transaction at most.")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Print what would happen to each record; send nothing.")]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")]
ManifestFile = Annotated[
    Path | None, typer.Option(help="File for what the run did; by default replay-RUN.jsonl.", show_default=False)
]
AsJson = Annotated[bool, typer.Option("--json", help="The totals as one JSON object (--dry-run: a line a record).")]


def run(  # noqa: PLR0913  one parameter an option
    *,
    limit: Limit = None,
    max_attempts: MaxAttempts = None,
    parking: ParkingTopic = None,
    rate: Rate = None,
    batch: Batch = _BATCH,
    dry_run: DryRun = False,
    yes: Yes = False,
    manifest: ManifestFile = None,
    as_json: AsJson = False,
    config: ConfigFile = None,
    topic: shared_options.DeadLetterTopic = None,
    ledger: shared_options.LedgerTopic = None,
    group: shared_options.ReplayGroup = None,
    reason: shared_options.ReasonPatterns = None,
    origin: shared_options.OriginTopics = None,
    origin_partition: shared_options.OriginPartition = None,
    origin_offset: shared_options.OriginOffsets = None,
    since: shared_options.Since = None,
    until: shared_options.Until = None,
    key: shared_options.RecordKeys = None,
    attempts: shared_options.Attempts = None,
    header: shared_options.HeaderPatterns = None,
    detail: shared_options.DetailText = None,
    state: shared_options.State = shared_options.OPEN,
    fix: shared_options.FixNames = None,
    fix_file: shared_options.FixFiles = None,
    to: shared_options.Destination = None,
    by_key: shared_options.ByKey = False,
    over_newer: shared_options.OverNewer = False,
    keep_header: shared_options.KeepHeaders = None,
    drop_header: shared_options.DropHeaders = None,
    rename_header: shared_options.RenameHeaders = None,
) -> None:
    """Send the selected dead letters to where they came from, as they were, each exactly once.

    A batch is one transaction: its records and what is written down about them appear together or not at all. So the
    run may be killed at any moment, and started again. Ctrl-C finishes the batch and stops. What is not selected stays.

    Example: spanstream replay run --reason document_missing --since 2h --max-attempts 3 --yes
    """
    selection = shared_options.parse_selection(
        reason, origin, origin_partition, origin_offset, since, until, key, attempts, header, detail, state
    )
    sending = shared_options.parse_sending(
        fix, fix_file, to, keep_header, drop_header, rename_header, by_key=by_key, over_newer=over_newer
    )
    options = RunOptions(limit, max_attempts, parking, rate, batch, manifest, dry_run)
    _replay(config, TopicNames(topic, ledger, group), selection, sending, options, yes=yes, as_json=as_json)


def _replay(  # noqa: PLR0913  what the options come to
    config: Path | None,
    names: TopicNames,
    selection: Selection,
    sending: SendingOptions,
    options: RunOptions,
    *,
    yes: bool,
    as_json: bool,
) -> None:
    """Plans the replay and runs it; only open dead letters can be selected."""
    if selection.state is not LetterState.OPEN:
        raise typer.BadParameter("--state: only open dead letters are sent")
    with open_replay(open_settings(config), names) as context:
        job = plan_job(context, selection, sending, options, _step_printer(dry_run=options.dry_run, as_json=as_json))
        _run(job, yes=yes, as_json=as_json)


def _run(job: ReplayJob, *, yes: bool, as_json: bool) -> None:
    """Sends after a confirmation, and prints what was done."""
    if job.options.dry_run or not job.survey.selected:
        if not as_json:
            typer.echo(_outlook(job, "would be"))
        elif not job.options.dry_run:
            typer.echo(json.dumps({"replayed": 0, "parked": 0, "refused": 0}))
        return
    job.check_destinations()
    if job.survey.to_send and not yes:
        _confirm(_outlook(job, "will be"))
    interrupted = threading.Event()
    received = set_on_signals(interrupted)
    with show_replay(job.survey.to_send, job.context.clock) as on_progress:
        totals = job.send(on_progress, interrupted.is_set)
    if as_json:
        typer.echo(json.dumps(totals, ensure_ascii=False))
    else:
        lost = bool(totals["vanished"]) and job.lost_to_retention()
        for line in total_lines(totals, lost_to_retention=lost):
            typer.echo(line)
    if interrupted.is_set():
        typer.echo("interrupted: the batch on its way was finished; run it again to go on", err=True)
        raise typer.Exit(received.exit_code)


def _step_printer(*, dry_run: bool, as_json: bool) -> Callable[[Step], None]:
    """Returns what prints each planned step; only a dry run prints them."""
    if not dry_run:
        return lambda _: None
    if as_json:
        return lambda step: typer.echo(json.dumps(record_line(step), ensure_ascii=False))
    return lambda step: typer.echo(step_lines(step))


def _outlook(job: ReplayJob, verb: str) -> str:
    return survey_line(job.survey, verb=verb, topic=job.context.topic, selection=str(job.selection))


def _confirm(outlook: str) -> None:
    if not sys.stdin.isatty():
        raise typer.BadParameter(f"{outlook}; nobody can be asked here: --yes says that it is meant")
    typer.confirm(f"{outlook}. Go on?", abort=True)
