"""The desk on a broker that asks for rights: with those of docs/security.md all pages work; without, they say so."""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from urllib.error import HTTPError

import pytest

from spanstream.consumer.broker.protocols import Outgoing
from spanstream.consumer.cli.exit_codes import TERMINATED
from spanstream.schemas.codec import encode
from tests.support.desk.desk_browser import DeskBrowser, left_to_label
from tests.support.desk.desk_scene import TOKEN, DeskScene
from tests.support.kafka.documented_rights import LONGEST, NamedStream, documented_rights
from tests.support.kafka.program import until
from tests.support.kafka.secure_broker import Right, SecureBroker
from tests.support.kafka.stream import document

TEXT = "The nightly export stops with error FXP-4107."
RIGHTS = documented_rights()["desk"]
PUBLISHES = Right("Write", "topic", "qa.feedback")
OpenDesk = Callable[[Sequence[Right]], DeskBrowser]


@pytest.fixture
def stream(secure_kafka: SecureBroker, tmp_path: Path) -> Iterator[NamedStream]:
    stream = NamedStream(secure_kafka.bootstrap, tmp_path, 1, {})
    stream.create_topics()
    scene = DeskScene()
    answer = encode(scene.answer(scene.document(TEXT, document_id="d1"), "Which error?", "FXP-4107"))
    [asked] = scene.broker.records("qa.questions")
    stream.publish(
        [
            document(stream.topics.documents, "d1", TEXT),
            Outgoing(stream.topics.questions, b"d1", asked.value),
            Outgoing(stream.topics.answers, b"d1", answer),
            Outgoing(f"{stream.topics.dead_letters}.ledger", b"[]", b"{}"),  # it is created with the first replay
        ]
    )
    yield stream
    stream.close()


@pytest.fixture
def open_desk(secure_kafka: SecureBroker, stream: NamedStream) -> Iterator[OpenDesk]:
    """Serves a desk by a user with some rights; its end is a clean one."""

    def open_it(rights: Sequence[Right]) -> DeskBrowser:
        user = secure_kafka.user(f"u{uuid.uuid4().hex[:12]}", "a-password", "a-key-password")
        secure_kafka.grant(user, [stream.right(right) for right in rights])
        kafka = secure_kafka.scram(user)
        stream.settings |= {
            "KAFKA__BOOTSTRAP_SERVERS": kafka.bootstrap_servers,
            "KAFKA__CLIENT": json.dumps(kafka.client),
        }
        desk = stream.start("desk", "--write", DESK__PORT="0", DESK__TOKEN=TOKEN)
        browser = DeskBrowser(desk.await_event("started")["address"])
        browser.log_in(TOKEN)
        return browser

    yield open_it
    for program in stream.programs:
        assert program.stop() == TERMINATED
        assert "Traceback" not in program.log


def text_of(browser: DeskBrowser, path: str = "/") -> str:
    text: str = browser.open(path).text_content()
    return text


def test_with_exactly_the_documented_rights_every_page_works_and_a_label_is_given(
    stream: NamedStream, open_desk: OpenDesk
) -> None:
    browser = open_desk(RIGHTS)
    until(lambda: left_to_label(browser.open("/label")) == 1, "the answer to label", LONGEST)
    group = stream.named("spanstream")
    until(lambda: f"of {group}" in text_of(browser), "what Kafka says of the group", LONGEST)
    for path in ("/", "/letters", "/triage", "/label", "/quality", "/document?id=d1"):
        assert "grant this user" not in text_of(browser, path), path
    browser.label(browser.open("/label"), lambda _, __: "FXP-4107")
    until(lambda: len(stream.read(stream.topics.feedback)) == 1, "the feedback", LONGEST)


def test_who_may_see_nothing_is_told_on_the_first_page_what_to_grant(stream: NamedStream, open_desk: OpenDesk) -> None:
    browser = open_desk([])
    reads = [stream.named(right.name) for right in RIGHTS if right.operation == "Read"]
    wanted = {f"on the topic {name}" for name in reads if not name.endswith("ledger")}  # read once there are letters
    until(lambda: all(one in text_of(browser) for one in wanted), "every topic by name", LONGEST)
    until(lambda: "grant this user Describe on the" in text_of(browser), "what the group needs", LONGEST)


def test_who_may_only_read_is_told_so_when_a_label_is_given(stream: NamedStream, open_desk: OpenDesk) -> None:
    browser = open_desk([right for right in RIGHTS if right != PUBLISHES])
    until(lambda: left_to_label(browser.open("/label")) == 1, "the answer to label", LONGEST)
    with pytest.raises(HTTPError) as refused:
        browser.label(browser.open("/label"), lambda _, __: "FXP-4107")
    assert f"on the topic {stream.topics.feedback}" in refused.value.read().decode()
    assert stream.read(stream.topics.feedback) == []
