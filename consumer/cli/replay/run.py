"""`spanstream replay run`: send the selected dead letters again."""

from __future__ import annotations

import json
import sys
import threading
import uuid
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from spanstream.consumer.cli.exit_codes import INTERRUPTED
from spanstream.consumer.cli.replay.dry_run import said
from spanstream.consumer.cli.replay.job import BatchOptions, ReplayJob
from spanstream.consumer.cli.replay.options import SendingOptions, TopicOptions, selection, sending, where, with_options
from spanstream.consumer.cli.replay.workbench import open_replay
from spanstream.consumer.cli.signals import set_on_signals
from spanstream.consumer.replay.letters.selection import LetterState, Selection
from spanstream.consumer.replay.sending.destinations import check_ledger
from spanstream.consumer.replay.sending.manifest import record_line
from spanstream.consumer.replay.sending.plan import Step
from spanstream.consumer.replay.sending.survey import survey

_BATCH = 500


@with_options(where=where, selection=selection, sending=sending)
def run(  # noqa: PLR0913  one parameter an option
    *,
    where: TopicOptions,
    selection: Selection,
    sending: SendingOptions,
    limit: Annotated[int | None, typer.Option(min=1, help="Records to send at most.", show_default=False)] = None,
    max_attempts: Annotated[
        int | None,
        typer.Option(
            min=1,
            help="Park what was sent again so often; by default SPANSTREAM_REPLAY__MAX_ATTEMPTS.",
            show_default=False,
        ),
    ] = None,
    parking: Annotated[
        str | None, typer.Option(help="Topic for these; by default TOPIC.parked.", show_default=False)
    ] = None,
    rate: Annotated[float | None, typer.Option(min=0.01, help="Records a second at most.", show_default=False)] = None,
    batch: Annotated[int, typer.Option(min=1, max=10_000, help="Records of one transaction at most.")] = _BATCH,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Print what would happen to each record; send nothing.")
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    manifest: Annotated[
        Path | None, typer.Option(help="File for what the run did; by default replay-RUN.jsonl.", show_default=False)
    ] = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="The totals as one JSON object (--dry-run: a line a record).")
    ] = False,
) -> None:
    """Send the selected dead letters to where they came from, as they were, each exactly once.

    A batch is one transaction: its records and what is written down about them appear together or not at all. So the
    run may be killed at any moment, and started again. Ctrl-C finishes the batch and stops. What is not selected stays.

    Example: spanstream replay run --reason document_missing --since 2h --max-attempts 3 --yes
    """
    if selection.state is not LetterState.OPEN:
        raise typer.BadParameter("--state: only open dead letters are sent")
    name = f"{datetime.now(UTC):%Y%m%dT%H%M%SZ}-{uuid.uuid4().hex[:6]}"
    with open_replay(where) as bench:
        planner = bench.planner(sending, name, max_attempts or bench.settings.replay.max_attempts, parking)
        if not dry_run:
            check_ledger(bench.describe, bench.ledger, planner.parking, bench.topic)
        view, tell = bench.opener.open(), _teller(dry_run=dry_run, as_json=as_json)
        job = ReplayJob(
            bench, planner, view, survey(view, selection, planner, limit=limit, each=tell), selection, sending
        )
        if dry_run or not job.found.selected:
            if not as_json:
                typer.echo(job.outlook("would be"))
            elif not dry_run:
                typer.echo(json.dumps({"replayed": 0, "parked": 0, "refused": 0}))
            return
        job.check_destinations()
        if job.found.to_send and not yes:
            _ask(job.outlook("will be"))
        stop = threading.Event()
        set_on_signals(stop)
        totals = job.send(BatchOptions(limit, rate, batch, manifest), stop.is_set)
        if as_json:
            typer.echo(json.dumps(totals, ensure_ascii=False))
        else:
            job.report(totals)
    if stop.is_set():
        typer.echo("interrupted: the batch on its way was finished; run it again to go on", err=True)
        raise typer.Exit(INTERRUPTED)


def _teller(*, dry_run: bool, as_json: bool) -> Callable[[Step], None]:
    """What a pass that sends nothing says of each step: in a dry run everything."""
    if not dry_run:
        return lambda _: None
    if as_json:
        return lambda step: typer.echo(json.dumps(record_line(step), ensure_ascii=False))
    return lambda step: typer.echo(said(step))


def _ask(outlook: str) -> None:
    if not sys.stdin.isatty():
        raise typer.BadParameter(f"{outlook}; nobody can be asked here: --yes says that it is meant")
    typer.confirm(f"{outlook}. Go on?", abort=True)
