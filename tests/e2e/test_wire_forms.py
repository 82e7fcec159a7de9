"""The same tickets get the same answers, whatever form they and the answers have on the wire.

`SPANSTREAM_TEST_WIRE_TICKETS` asks for more tickets than the few that every run can afford.
"""

from __future__ import annotations

import json
import os
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

import pytest

from spanstream.consumer.cli.exit_codes import TERMINATED
from spanstream.consumer.errors import Retryable
from spanstream.models.metrics.squad_files import read_squad
from spanstream.schemas.events import Answer
from spanstream.schemas.triage import Ticket
from tests.support.kafka.kafka_broker import KafkaBroker
from tests.support.kafka.program import Program, until
from tests.support.kafka.quick_settings import QUICK
from tests.support.kafka.stream import REPOSITORY
from tests.support.kafka.triage_stream import TriageStream
from tests.support.kafka.wire_forms import WIRE_FORMS, WireForm, read_answers
from tests.support.registry.registry_server import RegistryServer

TICKETS = int(os.environ.get("SPANSTREAM_TEST_WIRE_TICKETS", "20"))
SECONDS = 240 + 5.0 * TICKETS
TRAIN = REPOSITORY / "models" / "data" / "tickets" / "train"
PLAYBOOK = """
playbook: wire
version: "1"
fields:
  error: {questions: [Which error is shown?], min_confidence: 0.5}
  since: {questions: [Since when?], min_confidence: 0.5}
routes: [{route: general, because: all}]
priorities: [{priority: normal, because: all}]
"""
# Characters: of one or two windows, so that many tickets are read in a short time.
LONGEST_TEXT = 900


def real_tickets(count: int) -> list[Ticket]:
    """The first short texts of the published tickets, as tickets."""
    texts: dict[str, None] = {}
    for path in sorted(TRAIN.glob("tickets_*.json.gz")):
        texts |= {example.context: None for example in read_squad(path) if len(example.context) <= LONGEST_TEXT}
        if len(texts) >= count:
            break
    assert len(texts) >= count
    return [
        Ticket(ticket_id=f"T-{number}", subject=text.split("\n")[0][:80], body=text)
        for number, text in enumerate(list(texts)[:count])
    ]


def ready(program: Program) -> tuple[int, str]:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{program.http_port}/readyz", timeout=10) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()


def is_done(stream: TriageStream, tickets: int) -> bool:
    """Whether all tickets have a record, and all their questions an answer."""
    stream.check_programs()
    topics = stream.topics
    try:
        triage, answers, questions = (
            len(stream.read(name)) for name in (topics.triage, topics.answers, topics.questions)
        )
    except Retryable:  # the topics are new and have no leader yet
        return False
    return triage >= tickets and answers >= questions


def by_question(answers: list[Answer]) -> dict[str, Any]:
    """Answers without their times; each question has one."""
    found = {answer.question_id: answer.model_dump(mode="json", exclude={"answered_at"}) for answer in answers}
    assert len(found) == len(answers)
    return found


def answers_of(form: WireForm, kafka: KafkaBroker, folder: Path) -> dict[str, Any]:
    """Returns the answers to the tickets in a form that needs no registry."""
    stream = TriageStream(kafka.bootstrap, folder, 2, {**with_playbook(folder), **form.settings})
    try:
        stream.create_topics()
        stream.start()
        stream.start_triage()
        stream.publish(form.records(stream, real_tickets(TICKETS)))
        until(lambda: is_done(stream, TICKETS), "all answers", SECONDS, every=0.5)
        assert stream.failures() == []
        return by_question(stream.answers())
    finally:
        stream.close()


def with_playbook(folder: Path) -> dict[str, str]:
    """Returns settings of a stream that asks two questions about each ticket."""
    (folder / "playbook.yaml").write_text(PLAYBOOK, encoding="utf-8")
    return QUICK | {"TRIAGE__PLAYBOOK": str(folder / "playbook.yaml")}


@pytest.fixture(scope="module")
def in_json(kafka: KafkaBroker, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """Returns the answers to the tickets as our JSON."""
    return answers_of(WIRE_FORMS["json"], kafka, tmp_path_factory.mktemp("json"))


@pytest.mark.timeout(120 + 3 * SECONDS)
@pytest.mark.parametrize("name", ["cloudevents", "zendesk"])
def test_tickets_of_other_programs_get_the_same_answers(
    name: str, in_json: dict[str, Any], kafka: KafkaBroker, tmp_path: Path
) -> None:
    answers = answers_of(WIRE_FORMS[name], kafka, tmp_path)
    assert len(answers) == 2 * TICKETS
    assert answers == in_json


@pytest.mark.timeout(120 + 3 * SECONDS)
@pytest.mark.parametrize("name", [name for name, form in WIRE_FORMS.items() if form.needs_registry])
def test_framed_tickets_get_the_same_answers_though_the_registry_is_killed(
    name: str, in_json: dict[str, Any], kafka: KafkaBroker, own_registry: RegistryServer, tmp_path: Path
) -> None:
    form, tickets = WIRE_FORMS[name], real_tickets(TICKETS)
    settings = {**with_playbook(tmp_path), "REGISTRY__URL": own_registry.url, **form.settings}
    stream = TriageStream(kafka.bootstrap, tmp_path, 2, settings)
    try:
        created = stream.command("topics", "create", "--triage", "--register", "--partitions", "2")
        assert created.returncode == 0, created.stderr
        assert created.stdout.count(b": registered, id ") == 5
        records = form.records(stream, tickets)
        first = len(records) // 2
        programs = [stream.start(), stream.start_triage()]
        stream.publish(records[:first])
        until(lambda: is_done(stream, first), "the first answers", SECONDS, every=0.5)

        own_registry.kill()
        for program in programs:
            program.kill()
        programs = [stream.start(), stream.start_triage()]
        stream.publish(records[first:])
        for program in programs:
            until(lambda program=program: "schema registry" in ready(program)[1], "a reason in /readyz", SECONDS)  # type: ignore[misc]
        own_registry.start()
        until(lambda: is_done(stream, TICKETS), "all answers", SECONDS, every=0.5)

        answers = stream.read(stream.topics.answers)
        assert {(record.value or b"")[0] for record in answers} == {0}
        assert by_question(read_answers(stream, answers)) == in_json
        assert stream.failures() == []
        for program in programs:
            assert ready(program)[0] == 200
            assert program.stop() == TERMINATED
        printed = stream.command("answers", "--json").stdout.splitlines()
        assert {json.loads(line)["question_id"] for line in printed} == in_json.keys()
        assert stream.command("answers").stdout.count(b"\n") == len(in_json)
        doctor = json.loads(stream.command("doctor", "--json").stdout)["findings"]
        assert next(finding["level"] for finding in doctor if finding["subject"] == "schema registry") == "ok"
    finally:
        stream.close()
