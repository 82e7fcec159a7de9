"""`spanstream replay manifest`: what a run did, held against the topics."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated

import typer

from spanstream.consumer.broker.protocols import Partition, Record
from spanstream.consumer.broker.reading import read_records
from spanstream.consumer.cli.options import ConfigFile
from spanstream.consumer.cli.replay.options import TopicOptions
from spanstream.consumer.cli.replay.workbench import PATIENCE_SECONDS, open_replay
from spanstream.consumer.errors import Stop
from spanstream.consumer.replay.sending.manifest import RunManifest, read_manifest
from spanstream.consumer.replay.sending.verify import Discrepancy, VerificationReport, verify

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
    found = read_manifest(file)
    where = TopicOptions(config, found.run["topic"], found.run["ledger"], found.run["group"])
    with open_replay(where) as bench:

        def reading(starts: Mapping[Partition, int], ends: Mapping[Partition, int]) -> Iterator[Record]:
            return read_records(bench.reader, starts, ends, clock=bench.clock, patience_seconds=PATIENCE_SECONDS)

        report = verify(found, bench.reader, reading)
    if as_json:
        facts = {"run": found.run["run"], "ended": found.end is not None, "holds": report.holds}
        typer.echo(
            json.dumps({**facts, "records": report.found, "dead_letters": report.sources, "wrong": report.wrong})
        )
    else:
        _print(found, report)
    if not report.holds:
        raise Stop(f"{len(report.wrong):,} records are not as {file} says")


def _print(found: RunManifest, report: VerificationReport) -> None:
    run = found.run
    typer.echo(f"run {run['run']}, began {run['began_at']}: {run['topic']} ({run['selection']})")
    fixes = ", ".join(run["fixes"]) or "none"
    typer.echo(f"code {run['code'] or 'unknown'}, model {run['model'] or 'unknown'}, fixes: {fixes}")
    typer.echo(f"ended: {json.dumps(found.end) if found.end else 'no, it was killed'}")
    typer.echo(f"records: {_counted(report.found)}")
    typer.echo(f"their dead letters: {_counted(report.sources)}")
    for line in report.wrong[:_SHOWN]:
        typer.echo(f"  {line}")


def _counted(counts: Counter[Discrepancy]) -> str:
    return ", ".join(f"{count:,} {name}" for name, count in counts.most_common() if count) or "none"
