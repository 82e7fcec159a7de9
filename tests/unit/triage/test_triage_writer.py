"""What triage writes with is away at the start: tickets wait, and /readyz says for what."""

from __future__ import annotations

import pytest

from spanstream.consumer.triage import wiring
from tests.support.memory.memory_triage import TEXT, TOPICS, MemoryTriage
from tests.support.memory.writers import WaitingWriter


def test_tickets_wait_until_their_questions_can_be_written(monkeypatch: pytest.MonkeyPatch) -> None:
    writer = WaitingWriter()
    monkeypatch.setattr(wiring, "open_writer", lambda *_: writer)
    stream = MemoryTriage()
    member = stream.start()
    stream.ticket("t-1", TEXT)
    began = stream.clock.now
    stream.until(lambda: stream.clock.now - began > 20.0)
    assert not stream.questions("t-1")
    assert member.application.health.waiting_for == "the schema registry: no answer"
    writer.away = False
    stream.until(lambda: bool(stream.questions("t-1")))
    stream.answer_all()
    stream.until(lambda: set(stream.triages()) == {"t-1"})
    assert member.application.health.waiting_for == ""
    assert stream.broker.records(TOPICS.dead_letters) == []
