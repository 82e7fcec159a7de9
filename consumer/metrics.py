"""Every metric, by name: this file is their documentation. All names begin with `spanstream_`."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

# From an idle stream's few milliseconds to a deep backlog's minutes, in seconds.
_WAITS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300)


class Metrics:
    """The metrics of one consumer, in a registry of their own."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        registry = self.registry
        self.records = Counter(
            "spanstream_records",
            "Consumed records by what became of them: answered, no_answer, retried, dead_letter.",
            ["outcome"],
            registry=registry,
        )
        self.dead_letters = Counter(
            "spanstream_dead_letters", "Dead letters by reason, documents included.", ["reason"], registry=registry
        )
        self.chunks = Counter("spanstream_chunks", "Chunks published (one transaction each).", registry=registry)
        self.publish_failures = Counter(
            "spanstream_publish_failures", "Attempts to publish a chunk that failed: retryable, fenced.", ["kind"],
            registry=registry,
        )  # fmt: skip
        self.windows = Counter("spanstream_windows", "Windows inferred.", registry=registry)
        self.age = Histogram(
            "spanstream_answer_age_seconds",
            "From a question's timestamp in Kafka to the commit of its answer or dead letter.",
            buckets=_WAITS,
            registry=registry,
        )
        self.chunk_seconds = Histogram(
            "spanstream_chunk_seconds",
            "Time of a chunk by stage: prepare, infer, publish. Stages overlap.",
            ["stage"],
            buckets=_WAITS,
            registry=registry,
        )
        self.tokenizations = Gauge(
            "spanstream_tokenizations",
            "Texts by where their tokenization was found since start: memory, redis, or tokenized anew.",
            ["source"],
            registry=registry,
        )
        self.backlog = Gauge("spanstream_backlog_records", "Records read ahead and not in a chunk.", registry=registry)
        self.windows_pending = Gauge(
            "spanstream_windows_pending", "Windows prepared or being inferred now.", registry=registry
        )
        self.windows_per_second = Gauge(
            "spanstream_cpu_windows_per_second", "Measured rate of the CPU session.", registry=registry
        )
        self.work_seconds = Gauge(
            "spanstream_work_seconds_waiting",
            "Work read and not done, in seconds of this consumer at its measured rate; 0 until a rate is measured.",
            registry=registry,
        )
        self.documents = Gauge("spanstream_documents_known", "Documents of the owned partitions.", registry=registry)
        self.partitions = Gauge("spanstream_partitions_owned", "Question partitions owned.", registry=registry)
        self.store_up = Gauge(
            "spanstream_redis_up", "1 while Redis is used for this kind of call, 0 while it is left alone.", ["call"],
            registry=registry,
        )  # fmt: skip
