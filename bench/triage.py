"""`make bench-triage`: tickets/s, and the time from a ticket to its record, with the consumer at half and at full load.

    capacity: all tickets at once, a consumer and a triage member as processes, on a real broker -> tickets/s
    half, full: tickets at half of that rate and at all of it -> time from a ticket's timestamp to its record's

Each rate is measured in the same run as the capacity that it is a share of. Needs Java and Maven for the broker, or
SPANSTREAM_KAFKA__BOOTSTRAP_SERVERS of one that runs.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import time
import urllib.request
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
from rich.console import Console
from rich.table import Table

from bench.workload import broker
from spanstream.consumer.broker.kafka.at_least_once import AtLeastOncePublisher
from spanstream.consumer.broker.kafka.partition_reader import KafkaPartitionReader
from spanstream.consumer.broker.kafka.topic_admin import TopicAdmin
from spanstream.consumer.broker.reading import tail
from spanstream.consumer.operations.publishing import ticket_record
from spanstream.consumer.operations.topics import topic_specs, triage_topic_specs
from spanstream.consumer.settings import HttpSettings, KafkaSettings, Settings, TopicSettings, TriageSettings
from spanstream.consumer.triage.playbook.load import load_playbook
from spanstream.models.inference.cpu import cpu_name
from spanstream.schemas.codec import decode_triage, encode
from spanstream.schemas.limits import Limits
from spanstream.schemas.triage import Ticket
from tests.support.free_port import free_port
from tests.support.kafka.triage_stream import small_tickets

_PARTITIONS = 4
_WARM_UP = 8
_PATIENCE_SECONDS = 300.0


@dataclass(frozen=True, slots=True)
class LoadRun:
    """One run: tickets a second from the first record to the last, and seconds from each ticket to its record."""

    name: str
    offered: float | None
    tickets_per_second: float
    seconds: list[float]


def main() -> None:
    """Runs the benchmark and prints its table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--tickets", type=int, default=120, help="tickets of each run (default 120)")
    parser.add_argument("--seed", type=int, default=1, help="of the tickets' texts")
    arguments = parser.parse_args()
    with broker() as bootstrap_servers:
        with _running(bootstrap_servers) as (settings, metrics):
            _publish_all(settings, small_tickets(_WARM_UP, 0), "warm", None)
            capacity = _publish_all(settings, small_tickets(arguments.tickets, arguments.seed), "capacity", None)
            runs = [
                _publish_all(
                    settings,
                    small_tickets(arguments.tickets, arguments.seed + number),
                    name,
                    share * capacity.tickets_per_second,
                )
                for number, (name, share) in enumerate((("half load", 0.5), ("full load", 1.0)), start=1)
            ]
            cache = _cache_counts(metrics)
        _print([capacity, *runs], cache)


@contextmanager
def _running(bootstrap_servers: str) -> Iterator[tuple[Settings, int]]:
    """Runs a consumer and a triage member as processes; yields settings and the port of the consumer's metrics."""
    name = f"bench-{uuid.uuid4().hex[:8]}"
    topics = TopicSettings(**{role: f"{name}.{role}" for role in TopicSettings.model_fields})
    settings = Settings.model_construct(
        kafka=KafkaSettings(bootstrap_servers=bootstrap_servers, group_id=name),
        topics=topics,
        triage=TriageSettings(group_id=f"{name}.triage", max_open_tickets=1_000_000),
        http=HttpSettings(port=None),
    )
    specs = [
        *topic_specs(topics, partitions=_PARTITIONS, replication_factor=1),
        *triage_topic_specs(topics, partitions=_PARTITIONS, replication_factor=1),
    ]
    TopicAdmin(settings.kafka).create(specs)
    port = free_port()
    environment = {
        **os.environ,
        "SPANSTREAM_KAFKA__BOOTSTRAP_SERVERS": bootstrap_servers,
        "SPANSTREAM_KAFKA__GROUP_ID": name,
        "SPANSTREAM_TRIAGE__GROUP_ID": settings.triage.group_id,
        "SPANSTREAM_TRIAGE__MAX_OPEN_TICKETS": str(settings.triage.max_open_tickets),
        "SPANSTREAM_HTTP__PORT": str(port),
        "SPANSTREAM_LOG__LEVEL": "error",
        **{f"SPANSTREAM_TOPICS__{role.upper()}": topic for role, topic in topics.model_dump().items()},
    }
    without_http = {**environment, "SPANSTREAM_HTTP__PORT": "null"}
    processes = [
        subprocess.Popen([sys.executable, "-m", "spanstream.consumer", "run"], env=environment),
        subprocess.Popen([sys.executable, "-m", "spanstream.consumer", "triage", "run"], env=without_http),
    ]
    try:
        yield settings, port
    finally:
        for process in processes:
            process.terminate()
        for process in processes:
            process.wait()


def _publish_all(settings: Settings, tickets: list[Ticket], name: str, rate: float | None) -> LoadRun:
    """Publishes at a rate (None: all at once), waits for the records, and measures."""
    named = {f"{name}-{ticket.ticket_id}": ticket for ticket in tickets}
    records = [
        ticket_record(encode(ticket.model_copy(update={"ticket_id": ticket_id})), settings.topics.tickets, Limits())
        for ticket_id, ticket in named.items()
    ]
    publisher = AtLeastOncePublisher(settings.kafka)
    began = time.time()
    if rate is None:
        publisher.publish(records, {})
    else:
        for number, record in enumerate(records):
            time.sleep(max(0.0, began + number / rate - time.time()))
            publisher.publish([record], {})
    publisher.close()
    measured = _await(settings, set(named))
    times = sorted(time_seconds for _, time_seconds in measured.values())
    return LoadRun(name, rate, (len(times) - 1) / (times[-1] - times[0]), [age for age, _ in measured.values()])


def _await(settings: Settings, wanted: set[str]) -> dict[str, tuple[float, float]]:
    """Returns, for each ticket, the seconds from its timestamp to its record's, and the time of the record."""
    reader = KafkaPartitionReader(settings.kafka)
    deadline = time.monotonic() + _PATIENCE_SECONDS
    try:
        while True:
            triaged: dict[str, tuple[float, float]] = {}
            for record in tail(reader, settings.topics.triage):
                triage = decode_triage(record.value or b"")
                written = (record.timestamp_ms or 0) / 1000
                if triage.ticket_id in wanted and triage.times.received_at is not None:
                    triaged[triage.ticket_id] = (written - triage.times.received_at.timestamp(), written)
            reader.follow({})
            if len(triaged) == len(wanted):
                return triaged
            if time.monotonic() > deadline:
                raise SystemExit(f"only {len(triaged)} of {len(wanted)} tickets were triaged in time")
            time.sleep(0.5)
    finally:
        reader.close()


def _cache_counts(port: int) -> dict[str, float]:
    """Returns the consumer's counts of tokenizations, by where they were found."""
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=5) as answer:
        lines = answer.read().decode().splitlines()
    sources = ("memory", "redis", "tokenized")
    wanted = {f'spanstream_tokenization_lookups_total{{source="{source}"}}': source for source in sources}
    return {wanted[name]: float(value) for name, _, value in (line.rpartition(" ") for line in lines) if name in wanted}


def _print(runs: list[LoadRun], cache: dict[str, float]) -> None:
    playbook = load_playbook(None)
    questions = sum(len(field.questions) for field in playbook.fields.values())
    title = f"{len(runs[0].seconds)} tickets a run, {questions} questions each, on {cpu_name()}"
    table = Table(title=title, title_justify="left")
    for heading in ("run", "offered/s", "tickets/s", "median s", "95th", "99th"):
        table.add_column(heading, justify="left" if heading == "run" else "right")
    for run in runs:
        median, late, latest = np.percentile(run.seconds, [50, 95, 99])
        offered = "all at once" if run.offered is None else f"{run.offered:.1f}"
        table.add_row(
            run.name, offered, f"{run.tickets_per_second:.1f}", f"{median:.2f}", f"{late:.2f}", f"{latest:.2f}"
        )
    console = Console(width=100)
    console.print(table)
    asked = sum(cache.values()) or 1.0
    counts = ", ".join(f"{source} {count:.0f}" for source, count in cache.items())
    console.print(
        f"tokenizations by chunk and text: {counts}; cache hit rate {1 - cache.get('tokenized', 0) / asked:.1%}"
    )


if __name__ == "__main__":
    main()
