"""Every metric of the feedback, by name: this file is their documentation.

All names but `process_*`, the build's and those of the promises begin with `spanstream_feedback_`.
"""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Gauge, ProcessCollector

from spanstream.consumer.feedback.promise_watch import PromiseGauges
from spanstream.consumer.version import program_version


class FeedbackMetrics:
    """The metrics of one member, in a registry of their own."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        registry = self.registry
        self.records = Counter(
            "spanstream_feedback_records",
            "Feedback by what became of it: labelled, repeated, superseded, dead_letter.",
            ["outcome"],
            registry=registry,
        )
        self.labels = Counter(
            "spanstream_feedback_labels",
            "Labels made, by verdict and source.",
            ["verdict", "source"],
            registry=registry,
        )
        self.dead_letters = Counter(
            "spanstream_feedback_dead_letters", "Dead letters by reason.", ["reason"], registry=registry
        )
        self.deleted = Counter(
            "spanstream_feedback_labels_deleted",
            "Labels deleted because their document has another text, or is gone.",
            registry=registry,
        )
        self.publish_failures = Counter(
            "spanstream_feedback_publish_failures", "Transactions that failed: retryable, fenced.", ["kind"],
            registry=registry,
        )  # fmt: skip
        self.rewinds = Counter(
            "spanstream_feedback_rewinds",
            "Partitions whose records came again, below what was read or committed. None has a second outcome.",
            registry=registry,
        )
        self.known = Gauge("spanstream_feedback_known_labels", "Labels of the owned partitions.", registry=registry)
        self.partitions = Gauge("spanstream_feedback_partitions_owned", "Label partitions owned.", registry=registry)
        self.lag = Gauge(
            "spanstream_feedback_lag_records",
            "Records not read yet of each owned partition, as it was last fetched; what is read ahead does not count.",
            ["topic", "partition"],
            registry=registry,
        )
        self.promises = PromiseGauges(registry)
        build = Gauge("spanstream_build_info", "Always 1: the program's version.", ["version"], registry=registry)
        build.labels(program_version() or "unknown").set(1)
        ProcessCollector(registry=registry)
