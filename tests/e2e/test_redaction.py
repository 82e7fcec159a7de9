"""The ready-made redaction hook in the program as it is run: `publish`, and `triage run` on tickets of a helpdesk."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from spanstream.consumer.cli.exit_codes import TERMINATED
from spanstream.schemas.triage import Ticket
from tests.support.kafka.kafka_broker import KafkaBroker
from tests.support.kafka.quick_settings import QUICK
from tests.support.kafka.triage_stream import TriageStream

HOOK = {"REDACTION__HOOK": "spanstream.consumer.pii.patterns:redact"}
HTML = "<html><body><p>Error FXP-4107, says ann&#64;example.com.<br>Call +49 30 901820.</p></body></html>"


@pytest.fixture
def stream(kafka: KafkaBroker, tmp_path: Path) -> Iterator[TriageStream]:
    stream = TriageStream(kafka.bootstrap, tmp_path, 1, QUICK | HOOK)
    stream.create_topics()
    yield stream
    stream.close()


def test_what_publish_and_the_ticket_stream_write_is_redacted_and_answered_in_the_redacted_text(
    stream: TriageStream,
) -> None:
    line = json.dumps({"document_id": "d", "text": "Card 4111 1111 1111 1111 of ann@example.com."}).encode()
    done = stream.command("publish", "documents", "-", stdin=line)
    assert done.returncode == 0, done.stderr
    ticket = Ticket(ticket_id="T", subject="Mail of ann@example.com", body=HTML)
    with stream.watch_triage() as triages:
        stream.start()
        program = stream.start_triage()
        stream.publish([stream.ticket(ticket)])
        triages.await_complete("T")
        (triage,) = triages.by_ticket["T"]
        assert program.stop() == TERMINATED
    texts = stream.documents()
    text = texts.pop(triage.document.document_id)
    assert texts == {"d": "Card [CARD] of [EMAIL]."}
    assert text.split("\n", 1)[0] == "Mail of [EMAIL]"
    assert "Error FXP-4107, says [EMAIL]." in text
    assert "[PHONE]" in text
    for field in triage.fields.values():
        if field.candidate is not None:
            assert text[field.candidate.char_start : field.candidate.char_end] == field.candidate.text
    for topic in (stream.topics.documents, stream.topics.triage, stream.topics.triage_state, stream.topics.answers):
        assert not [record for record in stream.read(topic) if b"ann@example.com" in (record.value or b"")]


def test_a_hook_that_is_not_there_stops_the_program_with_one_line(stream: TriageStream) -> None:
    done = stream.command("triage", "run", REDACTION__HOOK="nowhere:redact")
    assert done.returncode == 1
    assert (
        done.stderr.decode().splitlines()[-1].startswith("spanstream: SPANSTREAM_REDACTION__HOOK=nowhere:redact cannot")
    )
