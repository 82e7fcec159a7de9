"""Rules about a ticket's own text: found out when it comes in, kept without the text, true after any restart."""

from __future__ import annotations

from typing import Any

import pytest

from spanstream.consumer.triage.playbook.load import parse_playbook
from spanstream.schemas.playbook import Playbook
from tests.support.memory.memory_triage import PLAYBOOK, TOPICS, MemoryTriage

HACKED = "We were  hacked last night. The nightly job is fine."
RULES = """routes:
  - {{route: security, because: the ticket says so, when: {{ticket: text, contains: [we were hacked, ransomware]}}}}
  - {{route: jobs, because: a job is named, when: {{all: [{{ticket: text, matches: 'nightly\\s+job'}}]}}}}
"""


def playbook() -> Playbook:
    text = PLAYBOOK.replace("routes:\n", RULES).format(version="text")
    return parse_playbook(text, "small")


def routed(stream: MemoryTriage, body: str, **fields: Any) -> str:
    stream.start(playbook())
    stream.ticket("t-1", body, **fields)
    stream.until(lambda: bool(stream.questions()))
    stream.answer_all()
    stream.until(lambda: bool(stream.triages()))
    return stream.latest("t-1").route


@pytest.mark.parametrize(
    ("body", "subject", "route"),
    [
        (HACKED, "", "security"),
        ("Help.", "Ransomware!", "security"),
        ("The NIGHTLY\njob hangs.", "", "jobs"),
        ("A workaround: we were hackedaway.", "", "defects"),
        # The words of an earlier mail are not the ticket's own.
        (
            "It is 7.4.2.\n\nOn Tue, Nov 3, 2026 Marta <m@example.org> wrote:\n> We were hacked.\n",
            "Re: Export",
            "defects",
        ),
    ],
)
def test_a_rule_may_look_at_what_no_question_asks_for(body: str, subject: str, route: str) -> None:
    assert routed(MemoryTriage(), body, subject=subject) == route


def test_the_state_holds_which_tests_held_and_not_the_text() -> None:
    stream = MemoryTriage()
    routed(stream, HACKED)
    assert len(stream.latest_state("t-1").facts.text_tests) == 2
    assert not any(b"hacked" in (record.value or b"") for record in stream.broker.records(TOPICS.triage_state)
                   if record.key and record.key.startswith(b"ticket:"))  # fmt: skip


def test_another_member_decides_the_same_when_answers_come_after_a_restart() -> None:
    stream = MemoryTriage()
    first = stream.start(playbook())
    stream.ticket("t-1", HACKED)
    stream.until(lambda: bool(stream.questions()))
    stream.die(first)
    stream.start(playbook())
    stream.answer_all()
    stream.until(lambda: bool(stream.triages()))
    assert stream.latest("t-1").route == "security"
    assert stream.latest("t-1").reason.route == "the ticket says so"


def test_a_playbook_without_such_rules_leaves_the_states_as_they_were() -> None:
    stream = MemoryTriage()
    stream.ask_about()
    (value,) = {record.value for record in stream.broker.records(TOPICS.triage_state) if record.key == b"ticket:t-1"}
    assert b"text_tests" not in (value or b"")
