"""Keeps the metrics, writes the log lines and ends the spans; the loop calls it and knows none of them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from typing import Protocol

import structlog

from spanstream.consumer.answering.outcomes import RecordOutcome
from spanstream.consumer.answering.planned import PreparedChunk
from spanstream.consumer.answering.work_estimate import WorkEstimate
from spanstream.consumer.broker.protocols import Partition, Record
from spanstream.consumer.cache.token_cache import CacheCounts
from spanstream.consumer.clock import Clock
from spanstream.consumer.drift.watch import DriftWatch
from spanstream.consumer.metrics import Metrics
from spanstream.consumer.tracing.tracing import OFF, Processed, Tracing

_log = structlog.get_logger(__name__)


class LiveFigures(Protocol):
    """Figures that are looked up when metrics are brought up to date."""

    @property
    def tokenizations(self) -> CacheCounts:
        """Counts of tokenizations by where they were found."""

    @property
    def cpu_windows_per_second(self) -> float | None:
        """Measured rate of the CPU session."""

    @property
    def documents_known(self) -> int:
        """Documents of the owned partitions."""


class Reporter:
    """Keeps one consumer's metrics, writes its log lines and follows its records."""

    def __init__(
        self,
        metrics: Metrics,
        figures: LiveFigures,
        clock: Clock,
        tracing: Tracing = OFF,
        watch: DriftWatch | None = None,
    ) -> None:
        self._metrics = metrics
        self._figures = figures
        self._clock = clock
        self._tracing = tracing
        self._watch = watch
        self._work = WorkEstimate()
        self._counted = CacheCounts()

    def began(self, records: Iterable[Record]) -> None:
        """Takes in that these records are being worked on from now on."""
        self._tracing.begin(records)

    def given_back(self, records: Iterable[Record]) -> None:
        """Takes in that these records are not done, and will be worked on again."""
        self._tracing.drop(records)

    def forgot(self, partitions: Collection[Partition]) -> None:
        """Takes in that another member works on the records of these partitions now."""
        self._tracing.forget(partitions)

    def prepared(self, prepared: PreparedChunk, seconds: float) -> None:
        """Takes in that a chunk was prepared, in so many seconds."""
        self._work.prepared(len(prepared.records), prepared.windows)
        self._metrics.records.chunk_seconds.labels("prepare").observe(seconds)

    def publish_failed(self, kind: str) -> None:
        """Counts a failure to publish: `retryable` or `fenced`."""
        self._metrics.records.publish_failures.labels(kind).inc()

    def committed(self, outcomes: Sequence[RecordOutcome], seconds: float) -> None:
        """Takes in a commit, of a chunk or of the documents' progress, that took so many seconds."""
        self._metrics.records.chunk_seconds.labels("publish").observe(seconds)
        for outcome in outcomes:
            if outcome.reason is not None:
                self._metrics.records.dead_letters.labels(outcome.reason).inc()
        self._tracing.end(Processed(outcome.record, outcome.outcome, outcome.reason) for outcome in outcomes)

    def published(self, prepared: PreparedChunk, outcomes: Sequence[RecordOutcome], seconds: float) -> None:
        """Takes in that a chunk is published, this long after its inference began."""
        now_ms = self._clock.now_ms()
        counts = Counter(outcome.outcome for outcome in outcomes)
        for outcome, count in counts.items():
            self._metrics.records.outcomes.labels(outcome).inc(count)
        for record in prepared.records:
            if record.timestamp_ms is not None:
                self._metrics.records.age.observe(max(0, now_ms - record.timestamp_ms) / 1000)
        if self._watch is not None:
            self._watch.take([outcome.read for outcome in outcomes if outcome.read is not None])
        self._metrics.records.chunks.inc()
        self._metrics.records.windows.inc(prepared.windows)
        self._metrics.records.chunk_seconds.labels("infer").observe(seconds)
        _log.info("chunk_published", windows=prepared.windows, seconds=round(seconds, 3), **counts)

    def turned(self, *, backlog: int, ready: int, windows_pending: int, partitions: int) -> None:
        """Brings the metrics up to date; of the backlog's records, `ready` could be prepared now."""
        rate = self._figures.cpu_windows_per_second
        metrics = self._metrics.work
        metrics.backlog.set(backlog)
        metrics.windows_pending.set(windows_pending)
        metrics.partitions.set(partitions)
        metrics.documents.set(self._figures.documents_known)
        metrics.windows_per_second.set(rate or 0)
        seconds = self._work.seconds(records_ready=ready, windows_pending=windows_pending, windows_per_second=rate)
        metrics.work_seconds.set(seconds)
        metrics.work_seconds_before.set(seconds)
        self._count_tokenizations()

    def _count_tokenizations(self) -> None:
        """Counts what the cache has counted since the last turn."""
        counts, before = self._figures.tokenizations, self._counted
        if counts == before:
            return
        self._counted = counts
        metrics = self._metrics.cache
        for source, count, counted in (
            ("memory", counts.hits_memory, before.hits_memory),
            ("redis", counts.hits_store, before.hits_store),
            ("tokenized", counts.misses, before.misses),
        ):
            metrics.lookups.labels(source).inc(count - counted)
            metrics.lookups_before.labels(source).set(count)
        metrics.bad_entries.inc(counts.bad_entries - before.bad_entries)
        metrics.bad_entries_before.set(counts.bad_entries)
