"""Keeps the metrics of the triage stream, and writes its log lines; the loop calls it and knows none of them."""

from __future__ import annotations

import structlog

from spanstream.consumer.delivery.lag import Lag
from spanstream.consumer.delivery.ownership import Ownership
from spanstream.consumer.triage.metrics import TriageMetrics
from spanstream.consumer.triage.state.state_store import StateStore
from spanstream.consumer.triage.state.transaction import TriageTransaction

_log = structlog.get_logger(__name__)


class TriageReporter:
    """Keeps one member's metrics, and writes its log lines."""

    def __init__(self, metrics: TriageMetrics, store: StateStore, lag: Lag) -> None:
        self._metrics = metrics
        self._store = store
        self._lag = lag

    def published(self, transaction: TriageTransaction) -> None:
        """Takes in that a transaction is done."""
        for (group, name), number in transaction.counts.items():
            self._metrics.count(group, name, number)
        for age_ms in transaction.ages_ms:
            self._metrics.age.observe(age_ms / 1000)
        if not transaction.is_empty:
            counts = {f"{group}_{name}": n for (group, name), n in transaction.counts.items() if group != "fields"}
            _log.info("triage_published", states=len(transaction.changes), **counts)

    def turned(self, ownership: Ownership) -> None:
        """Brings the gauges up to date."""
        self._metrics.open.set(self._store.open)
        self._metrics.known.set(self._store.known)
        self._metrics.partitions.set(len(ownership.followed))
        self._lag.update(ownership)
