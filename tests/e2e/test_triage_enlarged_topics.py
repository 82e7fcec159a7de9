"""All topics get more partitions while the programs run, on a real broker: tickets in the new ones are triaged too."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from confluent_kafka.admin import (  # type: ignore[attr-defined]  # the stubs do not re-export them all
    AdminClient,
    NewPartitions,
)

from spanstream.consumer.broker.kafka import TopicAdmin
from spanstream.consumer.broker.partitioner import partition_of
from spanstream.consumer.cli.exit_codes import TERMINATED
from spanstream.schemas.triage import FieldStatus, Ticket
from tests.support.kafka.kafka_broker import KafkaBroker
from tests.support.kafka.program import Program, until
from tests.support.kafka.quick_settings import QUICK
from tests.support.kafka.triage_stream import TriageStream

BEFORE, AFTER = 2, 4
# Seconds between two looks at the topics are five minutes by default.
CLIENT = {"KAFKA__CLIENT": json.dumps({"socket.timeout.ms": 4000, "topic.metadata.refresh.interval.ms": 1000})}
# Of a transaction that a busy broker ends slowly, a question may be seen long before its document.
PATIENT = {"RETRIES__MAX_ATTEMPTS": "100"}
# Two for each partition that is new, and one for each other.
NUMBERS = (0, 1, 2, 2, 3, 3)
PLAYBOOK = """
playbook: small
version: "1"
deadline_seconds: 20
fields:
  error: {questions: [What error does it show?], min_confidence: 0.1, format: {regex: '[A-Z]-[0-9]+'}}
routes: [{route: general, because: all}]
priorities: [{priority: normal, because: all}]
"""


@pytest.fixture
def stream(kafka: KafkaBroker, tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[TriageStream]:
    (tmp_path / "playbook.yaml").write_text(PLAYBOOK)
    settings = {"KAFKA__GROUP_PROTOCOL": request.param, "TRIAGE__PLAYBOOK": str(tmp_path / "playbook.yaml")}
    stream = TriageStream(kafka.bootstrap, tmp_path, BEFORE, QUICK | CLIENT | PATIENT | settings)
    stream.create_topics()
    yield stream
    stream.close()


def enlarge(stream: TriageStream) -> None:
    client = AdminClient({"bootstrap.servers": stream.bootstrap})
    there = TopicAdmin(stream.config).describe(stream.topics.model_dump().values())
    answers = client.create_partitions([NewPartitions(name, AFTER) for name in there])
    for answer in answers.values():
        answer.result(60)


def knows(program: Program, kind: str, topic: str) -> bool:
    """Whether a program's client of this kind has heard that the topic has more partitions."""
    lines = program.log.splitlines()
    return any(f"#{kind}" in line and f"Topic {topic} " in line and "count changed" in line for line in lines)


def tickets_in(numbers: tuple[int, ...]) -> list[Ticket]:
    """Tickets that land in the partitions of these numbers once there are more."""
    ids = {number: [f"T-{n}" for n in range(99) if partition_of(b"T-%d" % n, AFTER) == number] for number in numbers}
    return [
        Ticket(ticket_id=ids[number].pop(), subject="", body=f"The export {place} stops with error E-471{place}.")
        for place, number in enumerate(numbers)
    ]


@pytest.mark.parametrize("stream", ["classic", "consumer"], indirect=True)
def test_tickets_in_partitions_that_are_new_get_their_records_and_time_out_after_a_restart(
    stream: TriageStream,
) -> None:
    first = Ticket(ticket_id="first", subject="", body="The export stops with error E-1.")
    *tickets, unanswered = tickets_in(NUMBERS)
    with stream.watch_triage() as watched:
        consumer, triage = stream.start(), stream.start_triage()
        stream.publish([stream.ticket(first)])
        watched.await_complete("first")
        enlarge(stream)
        watched.reader.follow(dict.fromkeys(watched.reader.partitions(stream.topics.triage)))
        # What is asked before all know of it is answered elsewhere (docs/triage.md).
        until(lambda: knows(consumer, "producer", stream.topics.answers), "news of the answers' partitions")
        until(lambda: f"{stream.topics.tickets}[{AFTER - 1}]" in triage.log, "the new partitions of the tickets")
        stream.publish([stream.ticket(ticket) for ticket in tickets])
        for ticket in tickets:
            watched.await_complete(ticket.ticket_id)
        assert (triage.stop(), consumer.stop()) == (TERMINATED, TERMINATED)
        # All answers are read and committed. The next member knows it, and waits for none of them.
        stream.start_triage()
        stream.publish([stream.ticket(unanswered)])
        record = watched.await_revision(unanswered.ticket_id, 1)
        assert record.fields["error"].status is FieldStatus.TIMED_OUT
    assert stream.failures() == []
