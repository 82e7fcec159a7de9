"""Runs the demo's second part: three tickets through the triage stream, answered by the same consumer and model.

tickets -> embedded broker -> triage -> documents, questions -> the consumer -> answers -> triage -> records
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

from spanstream.consumer.answering.wiring import Application, build
from spanstream.consumer.broker.kafka.at_least_once import AtLeastOncePublisher
from spanstream.consumer.broker.kafka.partition_reader import KafkaPartitionReader
from spanstream.consumer.broker.reading import tail
from spanstream.consumer.demo.embedded_clients import open_embedded_clients
from spanstream.consumer.errors import Stop
from spanstream.consumer.operations.publishing import ticket_record
from spanstream.consumer.operations.samples import sample_tickets
from spanstream.consumer.settings import Settings
from spanstream.consumer.triage.playbook.load import load_playbook
from spanstream.consumer.triage.wiring import build_triage
from spanstream.schemas.codec import decode_triage
from spanstream.schemas.limits import Limits
from spanstream.schemas.triage import Triage

_PATIENCE_SECONDS = 30.0
_POLL_SECONDS = 0.1


def triage_settings(settings: Settings) -> Settings:
    """Returns the first part's settings with topics of this part's own, so that no question is read twice."""
    ours = {role: f"support.{role}" for role in ("documents", "questions", "answers", "dead_letters", "retries")}
    kafka = settings.kafka.model_copy(update={"group_id": "demo-support"})
    return settings.model_copy(update={"topics": settings.topics.model_copy(update=ours), "kafka": kafka})


def run_triage(settings: Settings, before: Application) -> list[Triage]:
    """Publishes the tickets, and lets the triage stream and a consumer run until each has its record.

    Args:
        settings: of this part; its topics exist.
        before: the consumer of the first part: its model and cache are used again.

    Raises:
        Stop: no records in time.
    """
    publisher = AtLeastOncePublisher(settings.kafka)
    publisher.publish([ticket_record(line, settings.topics.tickets, Limits()) for line in sample_tickets()], {})
    publisher.close()
    consumer = build(settings, connect=open_embedded_clients, reader=before.reader, cache=before.cache)
    triage = build_triage(settings, load_playbook(None))
    stop = threading.Event()
    with ThreadPoolExecutor(2) as pool:
        running = [pool.submit(consumer.service.run, stop), pool.submit(triage.service.run, stop)]
        try:
            records = _await_records(
                settings, len(sample_tickets()), lambda: any(service.done() for service in running)
            )
        finally:
            stop.set()
        for service in running:
            service.result()
    return records


def _await_records(settings: Settings, count: int, is_over: Callable[[], bool]) -> list[Triage]:
    """Waits for a record of each ticket."""
    reader = KafkaPartitionReader(settings.kafka)
    deadline = time.monotonic() + _PATIENCE_SECONDS
    try:
        while True:
            records = [decode_triage(record.value or b"") for record in tail(reader, settings.topics.triage)]
            by_ticket = {record.ticket_id: record for record in records}
            reader.follow({})
            if len(by_ticket) == count:
                return sorted(by_ticket.values(), key=lambda record: record.ticket_id)
            if time.monotonic() > deadline or is_over():
                raise Stop(f"only {len(by_ticket)} of {count} tickets were triaged in time")
            time.sleep(_POLL_SECONDS)
    finally:
        reader.close()
