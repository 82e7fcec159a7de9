"""A translator that is away: tickets wait where they are, while answers and deadlines go on."""

from __future__ import annotations

import pytest

from spanstream.consumer.errors import Stop
from spanstream.consumer.formats.event_formats import EventFormats
from spanstream.consumer.settings import Settings
from spanstream.consumer.triage.playbook.load import load_playbook
from spanstream.consumer.triage.wiring import build_triage
from spanstream.schemas.limits import Limits
from tests.support.memory.memory_triage import DEADLINE, TEXT, TOPICS, MemoryTriage
from tests.support.memory.translators import Away


@pytest.fixture
def stream() -> MemoryTriage:
    return MemoryTriage()


def test_tickets_wait_for_their_translator_in_order_and_nothing_is_dead_lettered(stream: MemoryTriage) -> None:
    away = Away(names={b"t-2"})
    member = stream.start(formats=EventFormats(Limits(), tickets=[away]))
    for ticket_id in ("t-1", "t-2", "t-3"):
        stream.ticket(ticket_id, TEXT)
    stream.until(lambda: bool(stream.questions("t-1")))
    stream.until(lambda: "t-1" in stream.triages())  # by its deadline: those go on
    assert member.application.health.waiting_for == "the registry at r:1 does not answer"
    assert not stream.questions("t-2")
    away.names.clear()
    stream.until(lambda: bool(stream.questions("t-2") and stream.questions("t-3")))
    stream.answer_all()
    stream.until(lambda: set(stream.triages()) == {"t-1", "t-2", "t-3"})
    assert member.application.health.waiting_for == ""
    assert stream.broker.records(TOPICS.dead_letters) == []


def test_an_unavailable_translator_is_not_asked_all_the_time(stream: MemoryTriage) -> None:
    away = Away(calls=10**9)
    stream.start(formats=EventFormats(Limits(), tickets=[away]))
    stream.ticket("t-1", TEXT)
    began = stream.clock.now
    stream.until(lambda: stream.clock.now - began > DEADLINE)
    assert away.asked <= 2 * DEADLINE + 1


def test_a_dead_letter_whose_question_cannot_be_read_yet_is_still_an_outcome(stream: MemoryTriage) -> None:
    away = Away()
    stream.start(formats=EventFormats(Limits(), questions=[away]))
    stream.ask_about()
    away.calls = 20
    for question in stream.questions():
        stream.dead_letter(question)
    stream.until(lambda: bool(stream.triages()))
    assert away.calls == 0
    assert stream.latest("t-1").complete


def test_a_mapping_that_is_not_there_is_told_before_kafka_is_asked_for_anything() -> None:
    settings = Settings.model_validate({"mappings": {"tickets": "nothing-here"}})
    with pytest.raises(Stop, match="nothing-here: there is no such file"):
        build_triage(settings, load_playbook(None), open_clients=lambda _: pytest.fail("Kafka was asked"))
