"""Tells metrics and log what happened; the loop calls it and knows neither."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Protocol

import structlog

from spanstream.consumer.answering.outcomes import RecordOutcome
from spanstream.consumer.answering.prepare import PreparedChunk
from spanstream.consumer.answering.work import WorkWaiting
from spanstream.consumer.broker.protocols import Outgoing
from spanstream.consumer.cache.token_cache import Counts
from spanstream.consumer.clock import Clock
from spanstream.consumer.metrics import Metrics
from spanstream.schemas.dead_letters import DLQ_REASON

_log = structlog.get_logger(__name__)


class Observed(Protocol):
    """Figures that are looked up when metrics are brought up to date."""

    @property
    def tokenizations(self) -> Counts:
        """Where tokenizations were found."""

    @property
    def cpu_windows_per_second(self) -> float | None:
        """Measured rate of the CPU session."""

    @property
    def documents_known(self) -> int:
        """Documents of the owned partitions."""


class Reporter:
    """One consumer's metrics and log lines."""

    def __init__(self, metrics: Metrics, observed: Observed, clock: Clock) -> None:
        self._metrics = metrics
        self._observed = observed
        self._clock = clock
        self._work = WorkWaiting()

    def prepared(self, prepared: PreparedChunk, seconds: float) -> None:
        """A chunk is on its way."""
        self._work.prepared(len(prepared.records), prepared.windows)
        self._metrics.chunk_seconds.labels("prepare").observe(seconds)

    def publish_failed(self, kind: str) -> None:
        """An attempt failed: `retryable` or `fenced`."""
        self._metrics.publish_failures.labels(kind).inc()

    def committed(self, outgoing: Sequence[Outgoing], seconds: float) -> None:
        """An attempt is committed, chunk or documents' progress."""
        self._metrics.chunk_seconds.labels("publish").observe(seconds)
        for record in outgoing:
            for name, value in record.headers:
                if name == DLQ_REASON and value is not None:
                    self._metrics.dead_letters.labels(value.decode()).inc()

    def published(self, prepared: PreparedChunk, settled: Sequence[RecordOutcome], seconds: float) -> None:
        """A chunk is done, this long after its inference began."""
        now_ms = self._clock.now_ms()
        outcomes = Counter(one.outcome for one in settled)
        for outcome, count in outcomes.items():
            self._metrics.records.labels(outcome).inc(count)
        for record in prepared.records:
            if record.timestamp_ms is not None:
                self._metrics.age.observe(max(0, now_ms - record.timestamp_ms) / 1000)
        self._metrics.chunks.inc()
        self._metrics.windows.inc(prepared.windows)
        self._metrics.chunk_seconds.labels("infer").observe(seconds)
        _log.info("chunk_published", windows=prepared.windows, seconds=round(seconds, 3), **outcomes)

    def turned(self, *, backlog: int, ready: int, windows_pending: int, partitions: int) -> None:
        """The loop went round; of the backlog's records, `ready` could be prepared now."""
        rate = self._observed.cpu_windows_per_second
        self._metrics.backlog.set(backlog)
        self._metrics.windows_pending.set(windows_pending)
        self._metrics.partitions.set(partitions)
        self._metrics.documents.set(self._observed.documents_known)
        self._metrics.windows_per_second.set(rate or 0)
        self._metrics.work_seconds.set(
            self._work.seconds(records_ready=ready, windows_pending=windows_pending, windows_per_second=rate)
        )
        counts = self._observed.tokenizations
        for source, count in (
            ("memory", counts.hits_memory),
            ("redis", counts.hits_store),
            ("tokenized", counts.misses),
        ):
            self._metrics.tokenizations.labels(source).set(count)
