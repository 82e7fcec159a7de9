"""Every metric of the triage stream, by name: this file is their documentation.

All names but `process_*` and the build's begin with `spanstream_triage_`.
"""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector

from spanstream.consumer.version import program_version

# From an idle stream's tenths of a second to a deadline's minutes, in seconds.
_WAITS = (0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300, 600)


class TriageMetrics:
    """The metrics of one member, in a registry of their own."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        registry = self.registry
        self.tickets = Counter(
            "spanstream_triage_tickets",
            "Ticket records by what they were: asked, repeated, updated, dead_letter, forgotten.",
            ["outcome"],
            registry=registry,
        )
        self.records = Counter(
            "spanstream_triage_records",
            "Triage records by kind: complete, timed_out, corrected; failed: none could be made.",
            ["kind"],
            registry=registry,
        )
        self.fields = Counter(
            "spanstream_triage_fields", "Fields of all records by status.", ["status"], registry=registry
        )
        self.publish_failures = Counter(
            "spanstream_triage_publish_failures", "Transactions that failed: retryable, fenced.", ["kind"],
            registry=registry,
        )  # fmt: skip
        self.rewinds = Counter(
            "spanstream_triage_rewinds",
            "Partitions whose records came again, below what was read or committed. None has a second outcome.",
            registry=registry,
        )
        self.age = Histogram(
            "spanstream_triage_age_seconds",
            "From a ticket's timestamp in Kafka to its first triage record.",
            buckets=_WAITS,
            registry=registry,
        )
        self.open = Gauge("spanstream_triage_open_tickets", "Tickets that wait for answers.", registry=registry)
        self.known = Gauge("spanstream_triage_known_tickets", "Tickets open or not yet forgotten.", registry=registry)
        self.partitions = Gauge("spanstream_triage_partitions_owned", "Ticket partitions owned.", registry=registry)
        self.lag = Gauge(
            "spanstream_triage_lag_records",
            "Records not read yet of each owned partition, as it was last fetched; what is read ahead does not count.",
            ["topic", "partition"],
            registry=registry,
        )
        build = Gauge("spanstream_build_info", "Always 1: the program's version.", ["version"], registry=registry)
        build.labels(program_version() or "unknown").set(1)
        ProcessCollector(registry=registry)

    def count(self, group: str, name: str, number: int) -> None:
        """Adds to one of the counters: `tickets`, `records` or `fields`."""
        counters = {"tickets": self.tickets, "records": self.records, "fields": self.fields}
        counters[group].labels(name).inc(number)
