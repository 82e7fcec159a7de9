"""Keeps the metrics of the promises: tests them again when labels came or went."""

from __future__ import annotations

from typing import Final

from prometheus_client import CollectorRegistry, Gauge

from spanstream.consumer.clock import Clock
from spanstream.consumer.feedback.known_labels import KnownLabels
from spanstream.models.labelling.promises import Promises, watch_promises

# Seconds between two tests: each goes over all labels, 3 s and 120 MB for 100,000 of them on a busy machine.
_TEST_EVERY: Final = 60.0


class PromiseGauges:
    """What the labels say of each promise, in a registry."""

    def __init__(self, registry: CollectorRegistry) -> None:
        def gauge(name: str, text: str) -> Gauge:
            return Gauge(f"spanstream_promise_{name}", text, ["promise"], registry=registry)

        self._evidence = gauge("evidence", "The most that a bet against the promise was ever worth; broken from 20 on.")
        self._labels = gauge("labels", "Labelled answers that the promise was tested with.")
        self._wrong = gauge("wrong", "How many of them are wrong.")
        self._at_least = gauge("least_wrong_ratio", "Of all answers given at least this share is wrong, 0 to 1.")
        self._at_most = gauge("most_wrong_ratio", "Of all answers given at most this share is wrong, 0 to 1.")

    def show(self, promises: Promises) -> None:
        """Shows the last test."""
        for promise, watched in promises.named.items():
            self._evidence.labels(promise).set(watched.evidence)
            self._labels.labels(promise).set(watched.given)
            self._wrong.labels(promise).set(watched.wrong)
            self._at_least.labels(promise).set(watched.at_least)
            self._at_most.labels(promise).set(watched.at_most)


class PromiseWatch:
    """Tests the promises with the labels of the owned partitions.

    Args:
        gauges: show the result.
        labels: of the owned partitions.
        allowed: the share of the answers given that may be wrong, 0 to 1; None: nothing was promised.
        clock: says when to look again.
    """

    def __init__(self, gauges: PromiseGauges, labels: KnownLabels, allowed: float | None, clock: Clock) -> None:
        self._gauges, self._labels, self._allowed, self._clock = gauges, labels, allowed, clock
        self._next_test = 0.0
        self._tested: int | None = None

    def update(self) -> None:
        """Tests the promises again, if labels came or went since and the last test is long enough ago."""
        if self._tested == self._labels.changes or self._clock.monotonic() < self._next_test:
            return
        self._tested = self._labels.changes
        self._next_test = self._clock.monotonic() + _TEST_EVERY
        self._gauges.show(watch_promises(self._labels.judged(), self._allowed))
