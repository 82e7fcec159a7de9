"""`spanstream replay manifest`: verifies what a run did against the topics."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated

import typer

from spanstream.consumer.broker.protocols import Partition, Record
from spanstream.consumer.broker.reading import read_records
from spanstream.consumer.cli.config_file import ConfigFile, open_settings
from spanstream.consumer.errors import Stop
from spanstream.consumer.replay.manifests.manifest import RunManifest, read_manifest
from spanstream.consumer.replay.manifests.verify import Comparison, VerificationReport, verify
from spanstream.consumer.replay.wiring import PATIENCE_SECONDS, TopicNames, open_replay

_SHOWN = 10


def manifest(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="Manifest of a run (JSON lines).")],
    config: ConfigFile = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object.")] = False,
) -> None:
    """Read a manifest and verify it: every record it says was sent is at its destination once, byte for byte.

    Exit code 1 where that is not so.

    Example: spanstream replay manifest replay-20260131T120000Z-1a2b3c.jsonl
    """
    run_manifest = read_manifest(file)
    run = run_manifest.run
    names = TopicNames(run["topic"], run["ledger"], run["group"])
    with open_replay(open_settings(config), names) as context:

        def read_range(starts: Mapping[Partition, int], ends: Mapping[Partition, int]) -> Iterator[Record]:
            return read_records(context.reader, starts, ends, clock=context.clock, patience_seconds=PATIENCE_SECONDS)

        report = verify(run_manifest, context.reader, read_range)
    if as_json:
        facts = {"run": run["run"], "ended": run_manifest.end is not None, "holds": report.holds}
        counts = {"records": report.records, "dead_letters": report.dead_letters}
        typer.echo(json.dumps({**facts, **counts, "wrong": report.wrong}))
    else:
        _print(run_manifest, report)
    if not report.holds:
        raise Stop(f"{len(report.wrong):,} records are not as {file} says")


def _print(run_manifest: RunManifest, report: VerificationReport) -> None:
    run = run_manifest.run
    typer.echo(f"run {run['run']}, began {run['began_at']}: {run['topic']} ({run['selection']})")
    fixes = ", ".join(run["fixes"]) or "none"
    typer.echo(f"code {run['code'] or 'unknown'}, model {run['model'] or 'unknown'}, fixes: {fixes}")
    typer.echo(f"ended: {json.dumps(run_manifest.end) if run_manifest.end else 'no, it was killed'}")
    typer.echo(f"records: {_counted(report.records)}")
    typer.echo(f"their dead letters: {_counted(report.dead_letters)}")
    for line in report.wrong[:_SHOWN]:
        typer.echo(f"  {line}")


def _counted(counts: Counter[Comparison]) -> str:
    return ", ".join(f"{count:,} {name}" for name, count in counts.most_common() if count) or "none"
