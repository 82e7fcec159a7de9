"""Keeps the metrics of the feedback, and writes its log lines; the loop calls it and knows none of them."""

from __future__ import annotations

from collections import Counter

import structlog

from spanstream.consumer.delivery.lag import Lag
from spanstream.consumer.delivery.ownership import Ownership
from spanstream.consumer.feedback.known_labels import KnownLabels
from spanstream.consumer.feedback.metrics import FeedbackMetrics
from spanstream.consumer.feedback.promise_watch import PromiseWatch
from spanstream.consumer.feedback.transaction import FeedbackTransaction

_log = structlog.get_logger(__name__)


class FeedbackReporter:
    """Keeps one member's metrics, and writes its log lines."""

    def __init__(self, metrics: FeedbackMetrics, labels: KnownLabels, lag: Lag, promises: PromiseWatch) -> None:
        self._metrics = metrics
        self._labels = labels
        self._lag = lag
        self._promises = promises

    def published(self, transaction: FeedbackTransaction) -> None:
        """Takes in that a transaction is done."""
        for outcome in transaction.outcomes:
            if outcome.outcome == "deleted":
                self._metrics.deleted.inc()
            else:
                self._metrics.records.labels(outcome.outcome).inc()
            if outcome.label is not None:
                self._metrics.labels.labels(outcome.label.verdict, outcome.label.source or "").inc()
            if outcome.reason is not None:
                self._metrics.dead_letters.labels(outcome.reason).inc()
        counts = Counter(outcome.outcome for outcome in transaction.outcomes)
        if counts:
            _log.info("feedback_published", **counts)

    def turned(self, ownership: Ownership) -> None:
        """Brings the gauges up to date."""
        self._metrics.known.set(self._labels.known)
        self._metrics.partitions.set(len(ownership.followed))
        self._lag.update(ownership)
        self._promises.update()
