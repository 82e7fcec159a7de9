"""Every metric of the indexer, by name: this file is their documentation.

All names but `process_*` and the build's begin with `spanstream_index_`.
"""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector

from spanstream.consumer.version import program_version


class IndexMetrics:
    """The metrics of one member, in a registry of their own."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        registry = self.registry
        self.documents = Counter(
            "spanstream_index_documents",
            "Documents by what became of them: indexed, removed (deleted, or in no collection any more), bad, or "
            "failed (the encoder fails on the text).",
            ["outcome"],
            registry=registry,
        )
        self.passages = Counter(
            "spanstream_index_passages",
            "Passages written, by where their vectors came from: embedded, reused.",
            ["vector"],
            registry=registry,
        )
        self.batch_seconds = Histogram(
            "spanstream_index_batch_seconds",
            "Time of a batch, from its records to their passages in the index, without waits.",
            buckets=(0.01, 0.03, 0.1, 0.3, 1, 3, 10, 30, 100),
            registry=registry,
        )
        self.failures = Counter(
            "spanstream_index_failures",
            "Times that the index, Kafka or a schema registry did not answer; nothing is lost by it.",
            registry=registry,
        )
        self.stored = Gauge("spanstream_index_passages_stored", "Passages in the whole index.", registry=registry)
        self.partitions = Gauge("spanstream_index_partitions_owned", "Document partitions owned.", registry=registry)
        self.lag = Gauge(
            "spanstream_index_lag_records",
            "Records of each owned partition that are not in the index yet, as it was last fetched.",
            ["topic", "partition"],
            registry=registry,
        )
        self.sweeps = Counter(
            "spanstream_index_sweeps",
            "Partitions that were read again for documents that the topic no longer holds, by why: away_too_long, "
            "records_deleted, end_lost, no_mark (an index of an earlier version).",
            ["because"],
            registry=registry,
        )
        self.open_questions = Gauge(
            "spanstream_index_open_questions",
            "Declined questions that may be answered later; in the member that asks them.",
            registry=registry,
        )
        self.asked_again = Counter(
            "spanstream_index_asked_again",
            "Open questions that were asked again: a document had come.",
            registry=registry,
        )
        self.open_closed = Counter(
            "spanstream_index_open_closed",
            "Open questions that were closed without an answer: expired, surplus (too many, the oldest).",
            ["reason"],
            registry=registry,
        )
        build = Gauge("spanstream_build_info", "Always 1: the program's version.", ["version"], registry=registry)
        build.labels(program_version() or "unknown").set(1)
        ProcessCollector(registry=registry)
