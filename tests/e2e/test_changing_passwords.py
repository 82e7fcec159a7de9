"""Passwords of Kafka and Redis change at the servers and in the pod's files, while the stream runs."""

from __future__ import annotations

import json
import signal
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from spanstream.consumer.cli.exit_codes import TERMINATED
from tests.e2e.conftest import MakeStream
from tests.support.kafka.kafka_fixtures import start_broker
from tests.support.kafka.program import until
from tests.support.kafka.quick_settings import QUICK
from tests.support.kafka.secret_mount import SecretMount
from tests.support.kafka.secure_broker import Right, SecureBroker
from tests.support.kafka.stream import Stream, StreamOutcomes, document, question
from tests.support.redis.redis_server import RedisServer

OLD, NEW = "hunter2-old", "hunter2-new"
LONGEST = 240.0  # seconds; a busy machine takes a minute to start the program
EVERYTHING = [Right("All", kind, "*") for kind in ("topic", "group", "transactional id")]


@pytest.fixture(scope="module")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SecureBroker]:
    """Yields a broker with users that the tests of this module may kill."""
    broker = start_broker(SecureBroker, tmp_path_factory.mktemp("rotated-kafka"))
    yield broker
    broker.kill()


class PasswordScene:
    """A stream whose user and Redis user have their passwords in files, and what it was asked."""

    def __init__(self, broker: SecureBroker, redis: RedisServer, streams: MakeStream, folder: Path) -> None:
        self.broker, self.redis = broker, redis
        self.user = broker.user(f"u{uuid.uuid4().hex[:8]}", OLD, "key")
        broker.grant(self.user, EVERYTHING)
        self.change_redis(OLD)
        folder.mkdir()
        self.mount = SecretMount(folder, password=OLD, url=redis.url_as("qa", OLD), key="unused")
        client = {**broker.scram(self.user).client, **json.loads(QUICK["KAFKA__CLIENT"])}
        del client["sasl.password"]
        settings = {
            "KAFKA__BOOTSTRAP_SERVERS": broker.scram_bootstrap,
            "KAFKA__CLIENT": json.dumps(client),
            "KAFKA__CLIENT__SASL_PASSWORD_FILE": str(folder / "password"),
            "KAFKA__CLIENT__SSL_KEY_PASSWORD_FILE": str(folder / "key"),
            "REDIS__URL_FILE": str(folder / "url"),
            "REDIS__TIMEOUT_SECONDS": "10",
        }
        self.stream: Stream = streams(broker.bootstrap, 1, **{**QUICK, **settings})
        self.asked = 0

    def change_redis(self, password: str) -> None:
        with self.redis.client() as client:
            rights = {"keys": ["*"], "categories": ["+@all"]}
            client.acl_setuser("qa", enabled=True, reset_passwords=True, passwords=[f"+{password}"], **rights)

    def ask(self, outcomes: StreamOutcomes) -> None:
        """Asks about a new document, and waits for the answers."""
        name = f"d-{self.asked}"
        self.stream.publish([document(self.stream.topics.documents, name, f"Export {name} stops with error FXP-4107.")])
        questions = [f"q-{self.asked + number}" for number in range(10)]
        self.asked += len(questions)
        self.stream.publish([question(self.stream.topics.questions, q, "Which error is it?", name) for q in questions])
        outcomes.await_count(self.asked, LONGEST)


@pytest.fixture
def scene(broker: SecureBroker, own_redis: RedisServer, streams: MakeStream, tmp_path: Path) -> PasswordScene:
    return PasswordScene(broker, own_redis, streams, tmp_path / "secrets")


@pytest.mark.parametrize("first", ["the broker", "the file"])
def test_a_password_that_changes_while_the_stream_runs_costs_and_repeats_no_answer(
    scene: PasswordScene, first: str
) -> None:
    program = scene.stream.start()
    with scene.stream.watch() as outcomes:
        scene.ask(outcomes)
        if first == "the broker":
            scene.broker.user(scene.user.name, NEW, "key")
            scene.broker.kill()
            scene.broker.restart()  # every client has to log in again, with a password that is old now
            until(lambda: "Authentication failed" in program.log, "a refused login", LONGEST)
        scene.mount.swap(password=NEW, url=scene.redis.url_as("qa", NEW))
        scene.change_redis(NEW)
        program.send(signal.SIGHUP)
        program.await_event("secret_changed", 2)
        if first == "the file":
            scene.broker.user(scene.user.name, NEW, "key")
            scene.broker.kill()
            scene.broker.restart()
        with scene.redis.client() as client:
            client.client_kill_filter(_type="normal", skipme=True)
            before = client.dbsize()
            scene.ask(outcomes)
            until(lambda: client.dbsize() > before, "a tokenization in Redis")
        assert sorted(outcomes.names) == sorted(f"q-{number}" for number in range(scene.asked))
    assert {event["of"] for event in program.events("secret_changed")} == {"kafka", "redis"}
    assert program.stop() == TERMINATED
    assert OLD not in program.log
    assert NEW not in program.log


def test_what_takes_a_new_start_ends_the_stream_with_one_line_and_the_next_start_goes_on(scene: PasswordScene) -> None:
    program = scene.stream.start()
    with scene.stream.watch() as outcomes:
        scene.ask(outcomes)
        scene.mount.swap(key="another")
        assert program.wait(LONGEST) == 1
        named = "SPANSTREAM_KAFKA__CLIENT__SSL_KEY_PASSWORD_FILE"
        assert program.log.splitlines()[-1] == (
            f"spanstream: {named}: changed, which takes a new start; start it again"
        )
        scene.stream.programs.clear()
        scene.stream.start()
        scene.ask(outcomes)
        assert sorted(outcomes.names) == sorted(f"q-{number}" for number in range(scene.asked))
