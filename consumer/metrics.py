"""Every metric, by name: this file is their documentation. All names but `process_*` begin with `spanstream_`.

A name says its unit last, and a counter's ends in `_total`, which the client library adds. A name that is given up
stays for one version, and its help text says what to use.
"""

from __future__ import annotations

from functools import partial

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector

from spanstream.consumer.version import program_version

# From an idle stream's few milliseconds to a deep backlog's minutes, in seconds.
_WAITS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300)

# What an approximate search finds of the nearest: it should be near 1.
_SHARES = (0.5, 0.7, 0.8, 0.9, 0.95, 0.98, 0.99, 1)


class Metrics:
    """The metrics of one consumer, in a registry of their own."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        counter = partial(Counter, registry=self.registry)
        gauge = partial(Gauge, registry=self.registry)
        histogram = partial(Histogram, registry=self.registry, buckets=_WAITS)
        self.records = counter(
            "spanstream_records",
            "Consumed records by what became of them: answered, no_answer, retried, dead_letter, still_open.",
            ["outcome"],
        )
        self.dead_letters = counter(
            "spanstream_dead_letters", "Dead letters by reason, documents included.", ["reason"]
        )
        self.chunks = counter("spanstream_chunks", "Chunks published (one transaction each).")
        self.publish_failures = counter(
            "spanstream_publish_failures", "Attempts to publish a chunk that failed: retryable, fenced.", ["kind"]
        )
        self.rewinds = counter(
            "spanstream_rewinds",
            "Partitions whose records came again, below what was read or committed. None has a second outcome.",
        )
        self.windows = counter("spanstream_windows", "Windows inferred.")
        self.tokenization_lookups = counter(
            "spanstream_tokenization_lookups",
            "Texts by where their tokenization was found: memory, redis, or tokenized anew.",
            ["source"],
        )
        self.cache_bad_entries = counter(
            "spanstream_cache_bad_entries",
            "Entries of Redis that were damaged, foreign or forged; their texts were tokenized anew.",
        )
        self.age = histogram(
            "spanstream_answer_age_seconds",
            "From a question's timestamp in Kafka to the commit of its answer or dead letter.",
        )
        self.chunk_seconds = histogram(
            "spanstream_chunk_seconds", "Time of a chunk by stage: prepare, infer, publish. Stages overlap.", ["stage"]
        )
        self.tokenizations = gauge(
            "spanstream_tokenizations",
            "Deprecated, gone with the next version: spanstream_tokenization_lookups_total.",
            ["source"],
        )
        self.bad_cache_entries = gauge(
            "spanstream_bad_cache_entries",
            "Deprecated, gone with the next version: spanstream_cache_bad_entries_total.",
        )
        self.backlog = gauge("spanstream_backlog_records", "Records read ahead and not in a chunk.")
        self.windows_pending = gauge("spanstream_windows_pending", "Windows prepared or being inferred now.")
        self.windows_per_second = gauge("spanstream_cpu_windows_per_second", "Measured rate of the CPU session.")
        self.work_seconds = gauge(
            "spanstream_work_waiting_seconds",
            "Work read and not done, in seconds of this consumer at its measured rate; 0 until a rate is measured.",
        )
        self.work_seconds_before = gauge(
            "spanstream_work_seconds_waiting",
            "Deprecated, gone with the next version: spanstream_work_waiting_seconds.",
        )
        self.lag = gauge(
            "spanstream_lag_records",
            "Records not read yet of each owned partition, as it was last fetched; what is read ahead does not count.",
            ["topic", "partition"],
        )
        self.documents = gauge("spanstream_documents_known", "Documents of the owned partitions.")
        self.retrievals = counter(
            "spanstream_retrievals",
            "Searches for questions about collections: found, nothing, behind (the index), or unavailable (no answer, "
            "damaged, or refused).",
            ["outcome"],
        )
        self.retrieval_seconds = histogram(
            "spanstream_retrieval_seconds",
            "Time of one question's search in the passage index, by meaning and by words.",
        )
        self.retrieval_recall = Histogram(
            "spanstream_retrieval_recall",
            "Share of the nearest passages that a search by meaning found, of a sample of the questions (OpenSearch).",
            registry=self.registry,
            buckets=_SHARES,
        )
        self.partitions = gauge("spanstream_partitions_owned", "Question partitions owned.")
        self.store_up = gauge(
            "spanstream_redis_up", "1 while Redis is used for this kind of call, 0 while it is left alone.", ["call"]
        )
        self.api_requests = counter(
            "spanstream_api_requests",
            "Requests to /v1/answers by what became of them: answered, or why not (docs/http.md).",
            ["outcome"],
        )
        self.api_seconds = histogram(
            "spanstream_api_request_seconds", "From the head of a request to /v1/answers to its answers or refusal."
        )
        self.shadow_questions = counter(
            "spanstream_shadow_questions",
            "Questions chosen for the second model: read, dropped (too many were waiting), or failed.",
            ["outcome"],
        )
        self.shadow_agreements = counter(
            "spanstream_shadow_agreements",
            "Answers of the second model beside the first's: same, overlapping, one_declined, different.",
            ["agreement"],
        )
        self.shadow_build = gauge(
            "spanstream_shadow_build_info",
            "1 while a second model is in use: its name, version and precision.",
            ["model", "model_version", "precision"],
        )
        self.build = gauge(
            "spanstream_build_info",
            "Always 1: the program's version, and the name, version and precision of its model.",
            ["version", "model", "model_version", "precision"],
        )
        ProcessCollector(registry=self.registry)

    def runs(self, *, model: str, model_version: str, precision: str) -> None:
        """Tells which program and which model run."""
        self.build.labels(program_version() or "unknown", model, model_version, precision).set(1)
