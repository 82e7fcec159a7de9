"""One run of a replay as it was asked for: what its manifest begins with, the sending, and what is said at the end."""

from __future__ import annotations

import dataclasses
import json
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import typer

from spanstream.consumer.cli.replay.options import SendingOptions
from spanstream.consumer.cli.replay.workbench import PATIENCE_SECONDS, ReplayContext
from spanstream.consumer.errors import Stop
from spanstream.consumer.replay.display.progress import show_replay
from spanstream.consumer.replay.letters.ledger import Entries
from spanstream.consumer.replay.letters.letter import sha256_of_bytes
from spanstream.consumer.replay.letters.selection import Selection
from spanstream.consumer.replay.letters.view import TopicSnapshot
from spanstream.consumer.replay.sending.manifest import ManifestWriter
from spanstream.consumer.replay.sending.pace import Pace
from spanstream.consumer.replay.sending.plan import Planner, ReplayOutcome
from spanstream.consumer.replay.sending.sender import Interrupted, ReplayCounts, ReplayRun
from spanstream.consumer.replay.sending.survey import Survey
from spanstream.models.artifact import MANIFEST

_REASONS = 8


@dataclasses.dataclass(frozen=True, slots=True)
class BatchOptions:
    """How a run goes about it; records a second, records of a transaction."""

    limit: int | None
    rate: float | None
    batch: int
    manifest: Path | None


@dataclasses.dataclass(frozen=True, slots=True)
class ReplayJob:
    """What is to be sent; `found` is what a pass that sends nothing came to."""

    bench: ReplayContext
    planner: Planner
    view: TopicSnapshot
    found: Survey
    selection: Selection
    sending: SendingOptions

    def outlook(self, verb: str) -> str:
        """What the run comes to, in one line."""
        found, topic = self.found, self.bench.topic
        if not found.selected:
            there = ", ".join(f"{reason} {count:,}" for reason, count in found.reasons.most_common(_REASONS))
            open_ones = f"{found.open:,} open dead letters in {topic}{f' ({there})' if there else ''}"
            return f"nothing to replay: of {open_ones} none is selected ({self.selection})"
        to = ", ".join(f"{count:,} to {name}" for name, count in found.destinations.most_common())
        letters = "dead letter" if found.to_send == 1 else "dead letters"
        said = f"{found.to_send:,} {letters} {verb} sent: {to}" if to else "nothing can be sent"
        parked = found.outcomes[ReplayOutcome.PARKED]
        left = "; ".join(f"{count:,} stay: {why}" for why, count in found.refusals.most_common(_REASONS))
        return f"{said}{f' ({parked:,} of them parked)' if parked else ''}{f'; {left}' if left else ''}"

    def check_destinations(self) -> None:
        """Nothing is sent while a destination is not there.

        Raises:
            Stop: one is not.
        """
        for topic, count in self.found.unreachable.items():
            problem = self.planner.destinations.problem(topic)
            hint = "leave them out (--origin), name another destination (--to), or create it"
            raise Stop(
                f"{problem}, and {count:,} of the selected dead letters would go there: {hint}; nothing was sent"
            )

    def send(self, how: BatchOptions, interrupted: Interrupted) -> dict[str, Any]:
        """Send; the totals, for a program.

        Raises:
            Stop: the manifest cannot be written, another run took over, or Kafka failed for too long.
        """
        bench, planner = self.bench, self.planner
        path = how.manifest or Path(f"replay-{planner.run}.jsonl")
        with ManifestWriter(path) as books, show_replay(self.found.to_send, bench.clock) as watcher:
            books.begin(self._facts())
            replay = ReplayRun(
                opener=bench.opener,
                publish=bench.publisher,
                ends=self.view.ends,
                selection=self.selection,
                planner=planner,
                entries=Entries(bench.ledger, bench.opener.topic_id, planner.run),
                books=books,
                pace=Pace(how.rate, bench.clock),
                clock=bench.clock,
                watch=watcher,
                interrupted=interrupted,
                batch=how.batch,
                limit=how.limit,
                patience_seconds=PATIENCE_SECONDS,
            )
            try:
                totals = self._totals(replay.run(), interrupted=interrupted())
            except Stop as error:
                books.end(
                    {"replayed": replay.tally.outcomes[ReplayOutcome.REPLAYED], "error": str(error), "ended_at": _now()}
                )
                raise
            books.end({**totals, "ended_at": _now()})
        return {"run": planner.run, "manifest": str(path), **totals}

    def report(self, totals: dict[str, Any]) -> None:
        """The totals, for a person."""
        parked = f", {totals['parked']:,} parked" if totals["parked"] else ""
        typer.echo(f"{totals['replayed']:,} replayed{parked}; manifest: {totals['manifest']}")
        for why, count in totals["refusals"].items():
            typer.echo(f"{count:,} left where they are: {why}")
        if totals["vanished"]:
            by = "retention" if self._was_cut() else "another replay"
            typer.echo(
                f"{totals['vanished']:,} of the selected dead letters were gone when their turn came: {by} took them"
            )

    def _totals(self, tally: ReplayCounts, *, interrupted: bool) -> dict[str, Any]:
        return {
            "replayed": tally.outcomes[ReplayOutcome.REPLAYED],
            "parked": tally.outcomes[ReplayOutcome.PARKED],
            "refused": tally.outcomes[ReplayOutcome.REFUSED],
            "refusals": dict(tally.refusals.most_common(_REASONS)),
            "vanished": 0 if interrupted else max(0, self.found.to_send - tally.sent),
            "interrupted": interrupted,
        }

    def _was_cut(self) -> bool:
        return self.bench.reader.begin_offsets(self.view.begins) != self.view.begins

    def _facts(self) -> dict[str, Any]:
        """What the manifest begins with."""
        bench, planner = self.bench, self.planner
        return {
            "run": planner.run,
            "began_at": _now(),
            "topic": bench.topic,
            "ledger": bench.ledger,
            "group": bench.group,
            "selection": str(self.selection),
            "max_attempts": planner.max_attempts,
            "to": planner.to,
            "fixes": list(self.sending.fixes),
            "fix_files": {str(path): sha256_of_bytes(path.read_bytes()) for path in self.sending.fix_files},
            "headers": dataclasses.asdict(planner.policy),
            "ends": {str(at.number): end for at, end in sorted(self.view.ends.items())},
            "destinations": {topic: self._destination(topic) for topic in {planner.parking, *self.found.destinations}},
            "code": _code_version(),
            "model": _model_version(bench.settings.model.path),
            "selected": self.found.selected,
            "to_send": self.found.to_send,
        }

    def _destination(self, topic: str) -> dict[str, Any]:
        """Where a destination ended before anything was sent there."""
        reader = self.bench.reader
        ends = reader.end_offsets(reader.partitions(topic))
        return {
            "ends": {str(at.number): end for at, end in sorted(ends.items())},
            "compacted": self.planner.destinations.is_compacted(topic),
        }


def _code_version() -> str | None:
    try:
        return version("spanstream")
    except PackageNotFoundError:
        return None


def _model_version(folder: Path) -> str | None:
    """As the artifact says; None where there is none, for other teams' topics need none."""
    try:
        found = json.loads((folder / MANIFEST).read_bytes())
        return f"{found['name']} {found['version']}"
    except (OSError, ValueError, KeyError):
        return None


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
