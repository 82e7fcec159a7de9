"""Plans a replay and runs it: writes the manifest, sends the selected dead letters, and returns the totals."""

from __future__ import annotations

import dataclasses
import json
import uuid
from collections.abc import Callable
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from spanstream.consumer.clock import iso
from spanstream.consumer.errors import Stop
from spanstream.consumer.model_source.source import folder_of
from spanstream.consumer.replay.ledger import LedgerEntries
from spanstream.consumer.replay.letters.letter import sha256_of_bytes
from spanstream.consumer.replay.letters.selection import Selection
from spanstream.consumer.replay.manifests.manifest import ManifestWriter
from spanstream.consumer.replay.planning.destinations import check_ledger
from spanstream.consumer.replay.planning.planner import Planner, ReplayOutcome, Step
from spanstream.consumer.replay.planning.survey import Survey, take_survey
from spanstream.consumer.replay.sending.counts import ReplayCounts
from spanstream.consumer.replay.sending.rate_limiter import RateLimiter
from spanstream.consumer.replay.sending.sender import Interrupted, ReplayRun
from spanstream.consumer.replay.snapshot import TopicSnapshot
from spanstream.consumer.replay.wiring import PATIENCE_SECONDS, ReplayContext, SendingOptions
from spanstream.consumer.tracing.opening import open_tracing
from spanstream.consumer.version import program_version
from spanstream.models.artifact import MANIFEST

_REFUSALS = 8


@dataclasses.dataclass(frozen=True, slots=True)
class RunOptions:
    """How a run sends.

    Attributes:
        limit: the most records to send in all.
        max_attempts: how often a record is sent again before it is parked; None: by the settings.
        parking: the parking topic; None: by convention.
        rate: the most records a second.
        batch: the most records of a transaction.
        manifest: the manifest's file; None: `replay-RUN.jsonl`.
        dry_run: nothing is sent, so no ledger is needed.
    """

    limit: int | None
    max_attempts: int | None
    parking: str | None
    rate: float | None
    batch: int
    manifest: Path | None
    dry_run: bool


@dataclasses.dataclass(frozen=True, slots=True)
class ReplayJob:
    """A replay that is ready to be sent; `survey` counts what it will do."""

    context: ReplayContext
    planner: Planner
    snapshot: TopicSnapshot
    survey: Survey
    selection: Selection
    sending: SendingOptions
    options: RunOptions

    def check_destinations(self) -> None:
        """Checks that every destination can be written to.

        Raises:
            Stop: one cannot.
        """
        for topic, count in self.survey.unreachable.items():
            problem = self.planner.destinations.problem(topic)
            hint = "leave them out (--origin), name another destination (--to), or create it"
            raise Stop(
                f"{problem}, and {count:,} of the selected dead letters would go there: {hint}; nothing was sent"
            )

    def send(self, on_progress: Callable[[ReplayCounts], None], interrupted: Interrupted) -> dict[str, Any]:
        """Sends the selected dead letters and returns the totals for JSON.

        Raises:
            Stop: the manifest cannot be written, another run took over, or Kafka failed for too long.
        """
        context, planner, options = self.context, self.planner, self.options
        path = options.manifest or Path(f"replay-{planner.run}.jsonl")
        with closing(open_tracing(context.settings, context.group)) as tracing, ManifestWriter(path) as manifest:
            manifest.begin(self._manifest_facts())
            replay = ReplayRun(
                opener=context.opener,
                open_publisher=context.publisher,
                ends=self.snapshot.ends,
                selection=self.selection,
                planner=planner,
                entries=LedgerEntries(context.ledger, context.opener.topic_id, planner.run),
                run_log=manifest,
                rate_limiter=RateLimiter(options.rate, context.clock),
                clock=context.clock,
                on_progress=on_progress,
                interrupted=interrupted,
                batch=options.batch,
                limit=options.limit,
                patience_seconds=PATIENCE_SECONDS,
                tracing=tracing,
            )
            try:
                totals = self._totals(replay.run(), interrupted=interrupted())
            except Stop as error:
                replayed = replay.counts.outcomes[ReplayOutcome.REPLAYED]
                manifest.end({"replayed": replayed, "error": str(error), "ended_at": iso(context.clock.now_ms())})
                raise
            manifest.end({**totals, "ended_at": iso(context.clock.now_ms())})
        return {"run": planner.run, "manifest": str(path), **totals}

    def lost_to_retention(self) -> bool:
        """Returns whether retention has removed dead letters since the snapshot."""
        return self.context.reader.begin_offsets(self.snapshot.begins) != self.snapshot.begins

    def _totals(self, counts: ReplayCounts, *, interrupted: bool) -> dict[str, Any]:
        return {
            "replayed": counts.outcomes[ReplayOutcome.REPLAYED],
            "parked": counts.outcomes[ReplayOutcome.PARKED],
            "refused": counts.outcomes[ReplayOutcome.REFUSED],
            "refusals": dict(counts.refusals.most_common(_REFUSALS)),
            "vanished": 0 if interrupted else max(0, self._vanished(counts)),
            "interrupted": interrupted,
        }

    def _vanished(self, counts: ReplayCounts) -> int:
        """Returns how many of the selected dead letters were neither sent nor refused."""
        refused = counts.outcomes[ReplayOutcome.REFUSED] - self.survey.outcomes[ReplayOutcome.REFUSED]
        return self.survey.to_send - counts.sent - refused

    def _manifest_facts(self) -> dict[str, Any]:
        """Returns the first line of the manifest."""
        context, planner = self.context, self.planner
        return {
            "run": planner.run,
            "began_at": iso(context.clock.now_ms()),
            "topic": context.topic,
            "ledger": context.ledger,
            "group": context.group,
            "selection": str(self.selection),
            "max_attempts": planner.max_attempts,
            "to": planner.to,
            "over_newer": planner.superseding is None,
            "fixes": list(self.sending.fixes),
            "fix_files": {str(path): sha256_of_bytes(path.read_bytes()) for path in self.sending.fix_files},
            "headers": dataclasses.asdict(planner.policy),
            "ends": {str(partition.number): end for partition, end in sorted(self.snapshot.ends.items())},
            "destinations": {topic: self._destination(topic) for topic in {planner.parking, *self.survey.destinations}},
            "code": program_version(),
            "model": _model_version(folder_of(context.settings.model)),
            "selected": self.survey.selected,
            "to_send": self.survey.to_send,
        }

    def _destination(self, topic: str) -> dict[str, Any]:
        """Returns where a destination ended before anything was sent to it."""
        reader = self.context.reader
        ends = reader.end_offsets(reader.partitions(topic))
        return {
            "ends": {str(partition.number): end for partition, end in sorted(ends.items())},
            "compacted": self.planner.destinations.is_compacted(topic),
        }


def plan_job(
    context: ReplayContext,
    selection: Selection,
    sending: SendingOptions,
    options: RunOptions,
    on_step: Callable[[Step], None],
) -> ReplayJob:
    """Plans a run without sending anything; `on_step` gets each planned step.

    Raises:
        Stop: a fix, the destination, the ledger or the topic is missing or wrong.
        Retryable: Kafka did not answer in time.
    """
    run = f"{datetime.now(UTC):%Y%m%dT%H%M%SZ}-{uuid.uuid4().hex[:6]}"
    max_attempts = options.max_attempts or context.settings.replay.max_attempts
    planner = context.planner(sending, run, max_attempts, options.parking)
    if not options.dry_run:
        check_ledger(context.describe, context.ledger, planner.parking, context.topic)
    snapshot = context.opener.open()
    survey = take_survey(snapshot, selection, planner, limit=options.limit, on_step=on_step)
    return ReplayJob(context, planner, snapshot, survey, selection, sending, options)


def _model_version(folder: Path) -> str | None:
    """Returns the artifact's name and version; None where there is none, because other topics need no model."""
    try:
        manifest = json.loads((folder / MANIFEST).read_bytes())
        return f"{manifest['name']} {manifest['version']}"
    except (OSError, ValueError, KeyError):
        return None
