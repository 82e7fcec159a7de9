"""Keeps the metrics of an indexer, and writes its log lines; the loop calls it and knows none of them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import structlog

from spanstream.consumer.broker.protocols import Partition
from spanstream.consumer.clock import Clock, Deadline
from spanstream.consumer.indexing.batches import BatchCounts
from spanstream.consumer.indexing.metrics import IndexMetrics

_log = structlog.get_logger(__name__)

# Seconds between two lines about the same work.
_TELL_EVERY: Final = 10.0


class IndexReporter:
    """Keeps one member's metrics, and writes its log lines."""

    def __init__(self, metrics: IndexMetrics, clock: Clock) -> None:
        self._metrics = metrics
        self._clock = clock
        self._untold = BatchCounts()
        self._busy_seconds = 0.0
        self._tell = Deadline(clock, 0.0)
        self._shown: set[Partition] = set()

    def indexed(self, counts: BatchCounts, seconds: float) -> None:
        """Takes in that a batch is in the index."""
        for outcome in ("indexed", "removed", "bad", "failed"):
            self._metrics.documents.labels(outcome).inc(getattr(counts, outcome))
        for vector in ("embedded", "reused"):
            self._metrics.passages.labels(vector).inc(getattr(counts, vector))
        self._metrics.batch_seconds.observe(seconds)
        self._untold += counts
        self._busy_seconds += seconds

    def failed(self) -> None:
        """Takes in that something did not answer."""
        self._metrics.failures.inc()

    def holds(self, passages: int) -> None:
        """Takes in how many passages there are."""
        self._metrics.stored.set(passages)

    def turned(self, lag: Mapping[Partition, int], owned: int) -> None:
        """Brings the gauges up to date, and says now and then what was done."""
        self._metrics.partitions.set(owned)
        for partition in self._shown - lag.keys():
            self._metrics.lag.remove(*map(str, partition))
        for (topic, number), records in lag.items():
            self._metrics.lag.labels(topic, str(number)).set(records)
        self._shown = set(lag)
        if self._untold.documents and self._tell.has_passed:
            self._say(sum(lag.values()))

    def finish(self, lag: Mapping[Partition, int]) -> None:
        """Says what was done since the last line."""
        if self._untold.documents:
            self._say(sum(lag.values()))

    def _say(self, lag: int) -> None:
        counts, seconds = self._untold, self._busy_seconds
        _log.info(
            "documents_indexed",
            documents=counts.documents,
            removed=counts.removed,
            bad=counts.bad,
            failed=counts.failed,
            embedded=counts.embedded,
            reused=counts.reused,
            lag=lag,
            documents_per_second=round(counts.documents / seconds, 1) if seconds > 0 else None,
        )
        self._untold, self._busy_seconds = BatchCounts(), 0.0
        self._tell = Deadline(self._clock, _TELL_EVERY)
