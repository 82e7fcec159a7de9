"""The demo's second part: three tickets through the triage stream, answered by the same consumer and model.

tickets -> embedded broker -> triage -> documents, questions -> the consumer -> answers -> triage -> records
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from importlib import resources

from spanstream.consumer.answering.wiring import Application, build
from spanstream.consumer.broker.kafka.at_least_once import AtLeastOncePublisher
from spanstream.consumer.broker.kafka.partition_reader import KafkaPartitionReader
from spanstream.consumer.broker.reading import tail
from spanstream.consumer.errors import Stop
from spanstream.consumer.operations.publishing import ticket_record
from spanstream.consumer.settings import Settings
from spanstream.consumer.triage.playbook.load import load_playbook
from spanstream.consumer.triage.wiring import build_triage
from spanstream.schemas.codec import decode_triage
from spanstream.schemas.limits import Limits
from spanstream.schemas.triage import Triage

_PATIENCE_SECONDS = 30.0
_LOOK_SECONDS = 0.1


def sample_tickets() -> list[bytes]:
    """The ticket events, UTF-8 JSON, one each."""
    data = (resources.files("spanstream.consumer.operations.samples") / "support.jsonl").read_bytes()
    return [line for line in data.split(b"\n") if line]


def triage_settings(settings: Settings) -> Settings:
    """The first part's settings on topics of this part's own: here nobody reads the first part's questions again."""
    ours = {role: f"support.{role}" for role in ("documents", "questions", "answers", "dead_letters", "retries")}
    kafka = settings.kafka.model_copy(update={"group_id": "demo-support"})
    return settings.model_copy(update={"topics": settings.topics.model_copy(update=ours), "kafka": kafka})


def run_triage(settings: Settings, before: Application) -> list[Triage]:
    """Publish the tickets, and let the triage stream and a consumer run until each has its record.

    Args:
        settings: of this part; its topics exist.
        before: the consumer of the first part: its model and cache are used again.

    Raises:
        Stop: no records in time.
    """
    publisher = AtLeastOncePublisher(settings.kafka)
    publisher.publish([ticket_record(line, settings.topics.tickets, Limits()) for line in sample_tickets()], {})
    publisher.close()
    consumer = build(settings, reader=before.reader, cache=before.cache)
    triage = build_triage(settings, load_playbook(None))
    stop = threading.Event()
    with ThreadPoolExecutor(2) as pool:
        running = [pool.submit(consumer.service.run, stop), pool.submit(triage.service.run, stop)]
        try:
            records = _await(settings, len(sample_tickets()), lambda: any(one.done() for one in running))
        finally:
            stop.set()
        for one in running:
            one.result()
    return records


def _await(settings: Settings, count: int, is_over: Callable[[], bool]) -> list[Triage]:
    """The records, once there is one for each ticket."""
    reader = KafkaPartitionReader(settings.kafka)
    deadline = time.monotonic() + _PATIENCE_SECONDS
    try:
        while True:
            records = [decode_triage(record.value or b"") for record in tail(reader, settings.topics.triage)]
            found = {one.ticket_id: one for one in records}
            reader.follow({})
            if len(found) == count:
                return sorted(found.values(), key=lambda one: one.ticket_id)
            if time.monotonic() > deadline or is_over():
                raise Stop(f"only {len(found)} of {count} tickets were triaged in time")
            time.sleep(_LOOK_SECONDS)
    finally:
        reader.close()
