"""What answers are written with is away at the start: questions wait, and /readyz says for what."""

from __future__ import annotations

import pytest

from spanstream.consumer.answering import wiring
from tests.support.memory.memory_stream import TOPICS
from tests.support.memory.turns import ask, once, two_documents
from tests.support.memory.writers import WaitingWriter


def test_questions_wait_until_answers_can_be_written(monkeypatch: pytest.MonkeyPatch) -> None:
    writer = WaitingWriter()
    monkeypatch.setattr(wiring, "open_writer", lambda *_: writer)
    stream = two_documents()
    member = stream.start()
    ask(stream, "a")
    began = stream.clock.now
    stream.until(lambda: stream.clock.now - began > 100.0)
    assert not stream.outcomes()
    assert member.health.waiting_for == "the schema registry: no answer"
    assert member.health.stuck_for is None
    writer.away = False
    stream.settle("a")
    member.turn()
    assert once(stream, "a")
    assert member.health.waiting_for == ""
    assert (stream.dead_letters(), stream.broker.records(TOPICS.retries)) == ({}, [])
