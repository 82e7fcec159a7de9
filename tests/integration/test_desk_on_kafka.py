"""The desk on a real broker: it follows the topics, keeps a bounded part, and sends dead letters again exactly once."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.request import Request, urlopen
from uuid import uuid4

import pytest

from spanstream.consumer.broker.kafka import AtLeastOncePublisher, KafkaPartitionReader
from spanstream.consumer.broker.protocols import Outgoing
from spanstream.consumer.broker.reading import tail
from spanstream.consumer.cli.exit_codes import TERMINATED
from spanstream.consumer.desk.opening import open_parts
from spanstream.consumer.desk.parts import DeskParts
from spanstream.consumer.operations.topics import topic_specs
from spanstream.consumer.replay.ledger import ledger_of
from spanstream.consumer.settings import DeskSettings, KafkaSettings, Settings, TopicSettings
from spanstream.schemas.codec import encode
from tests.support.desk.desk_scene import TOKEN, DeskScene, browser_of, submit
from tests.support.events.dead_letters import dead_letter, question_value
from tests.support.kafka.kafka_fixtures import Topics
from tests.support.kafka.program import PATIENCE, Program, until

ANSWERS = 100_000
ROWS = 10_000


@pytest.fixture
def settings(topics: Topics) -> Settings:
    """Returns settings with topics of the test's own, which exist."""
    name = f"desk-{uuid4().hex[:8]}"
    kinds = TopicSettings().model_dump()
    names = TopicSettings(**{kind: f"{name}.{kind}" for kind in kinds})
    topics.admin.create(topic_specs(names, partitions=3))
    kafka = KafkaSettings(bootstrap_servers=topics.bootstrap, group_id=name)
    return Settings(kafka=kafka, topics=names, desk=DeskSettings(rows=ROWS))


@pytest.fixture
def parts(settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[DeskParts]:
    monkeypatch.chdir(tmp_path)  # where the manifests go
    parts = open_parts(settings, is_writing=True)
    yield parts
    parts.close()


def publish(settings: Settings, *records: Outgoing) -> None:
    publisher = AtLeastOncePublisher(settings.kafka)
    publisher.publish(records, {})
    publisher.close()


def test_of_a_hundred_thousand_answers_the_last_are_kept_and_pages_are_served_meanwhile(settings: Settings) -> None:
    scene = DeskScene()
    document = scene.document("Since Tuesday the export stops with error FXP-4107.")
    answer = scene.answer(document, "Which error?", "FXP-4107")
    records = (
        Outgoing(
            settings.topics.answers,
            f"ticket-{number % 500}".encode(),
            encode(answer.model_copy(update={"question_id": f"q-{number}", "document_id": f"ticket-{number % 500}"})),
        )
        for number in range(ANSWERS)
    )
    publish(settings, *records)
    parts = open_parts(settings, is_writing=False)
    try:
        assert browser_of(parts).get("/").status_code == 200  # whatever it has read so far
        until(lambda: parts.follower.is_caught_up, "the desk to have read the topics")
        assert ROWS / 2 <= len(parts.view.answers) <= ROWS
        page = browser_of(parts).get("/").text
        assert page.count("<tr>") == 1 + 50
        assert f"{len(parts.view.answers):,}" in page
        newest = {row.question_id for row in parts.view.answers.all()}
        assert f"q-{ANSWERS - 1}" in newest
        assert "q-0" not in newest
    finally:
        parts.close()


def test_a_topic_that_was_deleted_and_created_anew_is_read_anew(
    settings: Settings, topics: Topics, parts: DeskParts
) -> None:
    scene, ours = DeskScene(), settings.topics
    document = scene.document("Since Tuesday the export stops with error FXP-4107.")
    publish(settings, Outgoing(ours.documents, b"ticket-1", encode(document)))
    before = scene.answer(document, "Which error?", "FXP-4107", question_id="q-before")
    publish(settings, *(Outgoing(ours.answers, b"ticket-1", encode(before)) for _ in range(3)))
    browser = browser_of(parts)
    until(lambda: "q-before" in browser.get("/").text, "the answer")
    topics.recreate(ours.answers, 3)
    after = scene.answer(document, "Since when?", "Tuesday", question_id="q-after")
    publish(settings, Outgoing(ours.answers, b"ticket-1", encode(after)))
    until(lambda: "q-before" not in browser.get("/").text, "the old topic to be forgotten", every=0.5)
    until(lambda: "q-after" in browser.get("/").text, "the answer in the new topic", every=0.5)
    page = browser.get("/").text
    assert f"created anew, while the desk ran: <bdi>{ours.answers}</bdi>" in page
    [row] = parts.view.answers.all()
    shown: Callable[[], str] = lambda: browser.get(f"/answer?place={row.place}").text  # noqa: E731  asked again
    until(lambda: 'class="q1"><bdi>Tuesday</bdi>' in shown(), "the answer in its text", every=0.5)


def test_the_lag_of_a_group_that_does_not_run_is_told(settings: Settings, parts: DeskParts) -> None:
    publish(settings, *(Outgoing(settings.topics.questions, b"d", question_value(f"q-{n}")) for n in range(5)))
    until(lambda: parts.groups.state().verdict == "stopped", "Kafka to tell of the group", every=0.5)
    state = parts.groups.state()
    assert (state.lag, state.members) == (5, 0)


def test_chosen_letters_are_sent_again_once_and_are_settled_on_the_page(settings: Settings, parts: DeskParts) -> None:
    topics = settings.topics
    letters = [
        dead_letter(topics.dead_letters, name, origin=topics.questions, value=question_value(name, priority="high"))
        for name in ("one", "two")
    ]
    publish(settings, *letters)
    until(lambda: len(parts.view.letters) == len(letters), "the dead letters")
    browser = browser_of(parts)
    [reason] = {row.reason for row in parts.view.letters.all()}
    page, choice = f"/letters?reason={reason}", {"reason": reason, "fix": "drop-field=priority"}
    plan = submit(browser, page, "/letters/plan", choice).text
    assert "2 dead letters will be sent" in plan
    [to_send] = re.findall(r'name="to_send" value="(\d+)"', plan)
    assert "2 replayed" in submit(browser, page, "/letters/run", choice | {"to_send": to_send}).text
    reader = KafkaPartitionReader(settings.kafka)
    sent = [record.value or b"" for record in tail(reader, topics.questions)]
    reader.close()
    assert sorted(b"priority" in value for value in sent) == [False, False]
    until(lambda: "No dead letters here" in browser.get("/letters").text, "the page to know that they are settled")
    assert "nothing to replay" in submit(browser, page, "/letters/plan", choice).text
    assert ledger_of(topics.dead_letters) not in parts.follower.missing
    assert list(Path.cwd().glob("replay-*.jsonl"))


def test_the_program_serves_the_pages_until_it_is_stopped(settings: Settings, tmp_path: Path) -> None:
    names = {f"SPANSTREAM_TOPICS__{kind.upper()}": name for kind, name in settings.topics.model_dump().items()}
    ours = {
        "SPANSTREAM_KAFKA__BOOTSTRAP_SERVERS": settings.kafka.bootstrap_servers,
        "SPANSTREAM_DESK__PORT": "0",
        "SPANSTREAM_DESK__TOKEN": TOKEN,
        "SPANSTREAM_LOG__FORMAT": "json",
    }
    log_file = tmp_path / "desk.log"
    with log_file.open("wb") as log:
        command = [sys.executable, "-m", "spanstream.consumer", "desk"]
        process = subprocess.Popen(command, cwd=tmp_path, env=os.environ | names | ours, stdout=log, stderr=log)
    program = Program(process, log_file)
    try:
        address = program.await_event("started")["address"]
        request = Request(address, headers={"Authorization": f"Bearer {TOKEN}"})  # noqa: S310  of this machine
        with urlopen(request, timeout=PATIENCE) as reply:  # noqa: S310  the same
            assert b"<h1>Stream</h1>" in reply.read()
    finally:
        exit_code = program.stop()
    assert exit_code == TERMINATED
    assert TOKEN not in program.log
    assert "Traceback" not in program.log
