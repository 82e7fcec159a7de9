"""Every ticket comes out with exactly one record, whatever is killed meanwhile.

`SPANSTREAM_TEST_TRIAGE_TICKETS` asks for more tickets than the few that every run can afford.
"""

from __future__ import annotations

import os
import random
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from spanstream.consumer.cli.exit_codes import TERMINATED
from spanstream.schemas.dead_letters import Reason, from_headers
from spanstream.schemas.triage import FieldStatus
from tests.support.kafka.kafka_broker import KafkaBroker
from tests.support.kafka.program import Program
from tests.support.kafka.quick_settings import QUICK, QUICK_CLASSIC
from tests.support.kafka.stream import named
from tests.support.kafka.triage_stream import TriageRecords, TriageStream, small_tickets

SEED = 20261124
TICKETS = int(os.environ.get("SPANSTREAM_TEST_TRIAGE_TICKETS", "30"))
SECONDS = 120 + TICKETS / 2
KILLS = 4 + TICKETS // 200
BAD = {"bad-json": b"{", "bad-key": b'{"ticket_id": "x", "subject": "", "body": ""}', "bad-field": b'{"body": 7}'}


@pytest.fixture
def stream(kafka: KafkaBroker, tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[TriageStream]:
    protocol = request.param
    settings = QUICK | (QUICK_CLASSIC if protocol == "classic" else {}) | {"KAFKA__GROUP_PROTOCOL": protocol}
    stream = TriageStream(kafka.bootstrap, tmp_path, 4, settings | {"CHUNK__MAX_QUESTIONS": "64"})
    stream.create_topics()
    yield stream
    stream.close()


def run_through_chaos(stream: TriageStream, watched: TriageRecords) -> int:
    """Two consumers and two triage members; any of them is killed and replaced when the seed says so."""
    draw = random.Random(SEED)  # noqa: S311  no secret
    starts = [stream.start, stream.start, stream.start_triage, stream.start_triage]
    members: list[Program] = [start() for start in starts]
    stream.publish([stream.ticket(ticket) for ticket in small_tickets(TICKETS, SEED)])
    stream.publish([named(name, stream.topics.tickets, name, value) for name, value in BAD.items()])
    for moment in sorted(draw.sample(range(1, TICKETS * 4 // 5), KILLS)):
        watched.await_tickets(moment, SECONDS)
        time.sleep(draw.uniform(0, 0.3))  # anywhere in a transaction's life
        place = draw.randrange(len(members))
        members[place].kill()
        members[place] = starts[place]()
    return KILLS


@pytest.mark.parametrize("stream", ["classic", "consumer"], indirect=True)
@pytest.mark.timeout(600 + 2 * SECONDS)
def test_killed_consumers_and_killed_triage_members_lose_and_repeat_no_ticket(stream: TriageStream) -> None:
    with stream.watch_triage() as watched:
        began = time.monotonic()
        kills = run_through_chaos(stream, watched)
        watched.await_tickets(TICKETS, SECONDS)
        print(f"{TICKETS} tickets, {kills} kills, {time.monotonic() - began:.0f} s")  # noqa: T201  figures, for people
        for program in stream.programs:
            if program.is_running:
                program.await_event("started")  # one that was started last may not listen to signals yet
                assert program.stop() == TERMINATED
        watched.poll()
    expected = {ticket.ticket_id: ticket for ticket in small_tickets(TICKETS, SEED)}
    assert watched.by_ticket.keys() == expected.keys()
    documents = stream.documents()
    for records in watched.by_ticket.values():
        # Nothing was late: exactly one record, and every field accounted for.
        assert [record.revision for record in records] == [1]
        (record,) = records
        assert record.complete
        assert FieldStatus.TIMED_OUT not in {result.status for result in record.fields.values()}
        text = documents[record.document.document_id]
        for result in record.fields.values():
            for span in (result.answer, result.candidate):
                assert span is None or text[span.char_start : span.char_end] == span.text
    dead_letters = stream.read(stream.topics.dead_letters)
    letters = [from_headers(record.headers) for record in dead_letters]
    # With the places: of a letter that is there twice they tell whether it was published twice, or its ticket was.
    places = [
        (str(record.partition), record.offset, letter) for record, letter in zip(dead_letters, letters, strict=True)
    ]
    assert sorted(letter.reason for letter in letters) == [
        Reason.INVALID_EVENT,
        Reason.INVALID_EVENT,
        Reason.UNDECODABLE,
    ], places
