"""Every metric, by name: this file is their documentation. All names but `process_*` begin with `spanstream_`.

A name says its unit last, and a counter's ends in `_total`, which the client library adds. A name that is given up
stays for one version, and its help text says what to use.
"""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector

from spanstream.consumer.version import program_version

# From an idle stream's few milliseconds to a deep backlog's minutes, in seconds.
_WAITS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300)

# What an approximate search finds of the nearest: it should be near 1.
_SHARES = (0.5, 0.7, 0.8, 0.9, 0.95, 0.98, 0.99, 1)


class RecordMetrics:
    """What becomes of the records that are consumed, and how long it takes."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.outcomes = Counter(
            "spanstream_records",
            "Consumed records by what became of them: answered, no_answer, retried, dead_letter, still_open.",
            ["outcome"],
            registry=registry,
        )
        self.dead_letters = Counter(
            "spanstream_dead_letters",
            "Dead letters by reason, documents included.",
            ["reason"],
            registry=registry,
        )
        self.chunks = Counter(
            "spanstream_chunks",
            "Chunks published (one transaction each).",
            registry=registry,
        )
        self.publish_failures = Counter(
            "spanstream_publish_failures",
            "Attempts to publish a chunk that failed: retryable, fenced.",
            ["kind"],
            registry=registry,
        )
        self.rewinds = Counter(
            "spanstream_rewinds",
            "Partitions whose records came again, below what was read or committed. None has a second outcome.",
            registry=registry,
        )
        self.windows = Counter(
            "spanstream_windows",
            "Windows inferred.",
            registry=registry,
        )
        self.age = Histogram(
            "spanstream_answer_age_seconds",
            "From a question's timestamp in Kafka to the commit of its answer or dead letter.",
            registry=registry,
            buckets=_WAITS,
        )
        self.chunk_seconds = Histogram(
            "spanstream_chunk_seconds",
            "Time of a chunk by stage: prepare, infer, publish. Stages overlap.",
            ["stage"],
            registry=registry,
            buckets=_WAITS,
        )


class WorkMetrics:
    """What a consumer owns, has read and has yet to do."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.backlog = Gauge(
            "spanstream_backlog_records",
            "Records read ahead and not in a chunk.",
            registry=registry,
        )
        self.windows_pending = Gauge(
            "spanstream_windows_pending",
            "Windows prepared or being inferred now.",
            registry=registry,
        )
        self.windows_per_second = Gauge(
            "spanstream_cpu_windows_per_second",
            "Measured rate of the CPU session.",
            registry=registry,
        )
        self.work_seconds = Gauge(
            "spanstream_work_waiting_seconds",
            "Work read and not done, in seconds of this consumer at its measured rate; 0 until a rate is measured.",
            registry=registry,
        )
        self.work_seconds_before = Gauge(
            "spanstream_work_seconds_waiting",
            "Deprecated, gone with the next version: spanstream_work_waiting_seconds.",
            registry=registry,
        )
        self.lag = Gauge(
            "spanstream_lag_records",
            "Records not read yet of each owned partition, as it was last fetched; what is read ahead does not count.",
            ["topic", "partition"],
            registry=registry,
        )
        self.documents = Gauge(
            "spanstream_documents_known",
            "Documents of the owned partitions.",
            registry=registry,
        )
        self.partitions = Gauge(
            "spanstream_partitions_owned",
            "Question partitions owned.",
            registry=registry,
        )


class CacheMetrics:
    """Where tokenizations come from, and whether Redis is used."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.lookups = Counter(
            "spanstream_tokenization_lookups",
            "Texts by where their tokenization was found: memory, redis, or tokenized anew.",
            ["source"],
            registry=registry,
        )
        self.bad_entries = Counter(
            "spanstream_cache_bad_entries",
            "Entries of Redis that were damaged, foreign or forged; their texts were tokenized anew.",
            registry=registry,
        )
        self.lookups_before = Gauge(
            "spanstream_tokenizations",
            "Deprecated, gone with the next version: spanstream_tokenization_lookups_total.",
            ["source"],
            registry=registry,
        )
        self.bad_entries_before = Gauge(
            "spanstream_bad_cache_entries",
            "Deprecated, gone with the next version: spanstream_cache_bad_entries_total.",
            registry=registry,
        )
        self.store_up = Gauge(
            "spanstream_redis_up",
            "1 while Redis is used for this kind of call, 0 while it is left alone.",
            ["call"],
            registry=registry,
        )


class RetrievalMetrics:
    """Searches for questions about collections."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.searches = Counter(
            "spanstream_retrievals",
            "Searches for questions about collections: found, nothing, behind (the index), or unavailable (no answer, "
            "damaged, or refused).",
            ["outcome"],
            registry=registry,
        )
        self.seconds = Histogram(
            "spanstream_retrieval_seconds",
            "Time of one question's search in the passage index, by meaning and by words.",
            registry=registry,
            buckets=_WAITS,
        )
        self.recall = Histogram(
            "spanstream_retrieval_recall",
            "Share of the nearest passages that a search by meaning found, of a sample of the questions (OpenSearch).",
            registry=registry,
            buckets=_SHARES,
        )


class RequestMetrics:
    """Requests over HTTP."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.requests = Counter(
            "spanstream_api_requests",
            "Requests to /v1/answers by what became of them: answered, or why not (docs/http.md).",
            ["outcome"],
            registry=registry,
        )
        self.seconds = Histogram(
            "spanstream_api_request_seconds",
            "From the head of a request to /v1/answers to its answers or refusal.",
            registry=registry,
            buckets=_WAITS,
        )


class ShadowMetrics:
    """A second model that is tried beside the first."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.questions = Counter(
            "spanstream_shadow_questions",
            "Questions chosen for the second model: read, dropped (too many were waiting), or failed.",
            ["outcome"],
            registry=registry,
        )
        self.agreements = Counter(
            "spanstream_shadow_agreements",
            "Answers of the second model beside the first's: same, overlapping, one_declined, different.",
            ["agreement"],
            registry=registry,
        )
        self.build = Gauge(
            "spanstream_shadow_build_info",
            "1 while a second model is in use: its name, version and precision.",
            ["model", "model_version", "precision"],
            registry=registry,
        )


class Metrics:
    """The metrics of one consumer by what they are about, in a registry of their own."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.records = RecordMetrics(self.registry)
        self.work = WorkMetrics(self.registry)
        self.cache = CacheMetrics(self.registry)
        self.retrieval = RetrievalMetrics(self.registry)
        self.requests = RequestMetrics(self.registry)
        self.shadow = ShadowMetrics(self.registry)
        self.build = Gauge(
            "spanstream_build_info",
            "Always 1: the program's version, and the name, version and precision of its model.",
            ["version", "model", "model_version", "precision"],
            registry=self.registry,
        )
        ProcessCollector(registry=self.registry)

    def runs(self, *, model: str, model_version: str, precision: str) -> None:
        """Tells which program and which model run."""
        self.build.labels(program_version() or "unknown", model, model_version, precision).set(1)
