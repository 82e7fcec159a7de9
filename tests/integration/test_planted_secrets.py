"""Secrets are planted in every place that takes one, and looked for in all that the program says."""

from __future__ import annotations

import json
import urllib.request
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from spanstream.consumer.cli.exit_codes import TERMINATED
from spanstream.consumer.settings import KafkaSettings
from tests.support.events.dead_letters import dead_letter
from tests.support.free_port import free_port
from tests.support.kafka.secure_broker import Right, SecureBroker
from tests.support.kafka.stream import Stream, document, question
from tests.support.redis.redis_server import RedisServer

SASL, KEY, IN_URL, IN_OPTIONS, TOKEN = (f"hunter2-{place}" for place in ("sasl", "key", "url", "options", "token"))
SECRETS = (SASL, KEY, IN_URL, IN_OPTIONS, TOKEN)
LONGEST = 240.0  # seconds; a busy machine takes a minute to start a command
COMMANDS = [
    ("run", "--once"),
    ("doctor",),
    ("doctor", "--json"),
    ("topics", "describe"),
    ("answers", "--json"),
    ("backfill",),
    ("erase", "--document-id", "nobody", "--yes"),
    ("replay", "summary"),
    ("replay", "run", "--yes", "--manifest", "manifest.jsonl"),
    ("run", "--help"),
]
OAUTH = {"security.protocol": "SASL_PLAINTEXT", "sasl.mechanism": "OAUTHBEARER"}
NO_TOKENS = "a place for tokens that is not there"
FAILING: dict[str, dict[str, str]] = {
    "a wrong password": {},
    "a login that librdkafka cannot read": {
        "KAFKA__CLIENT": json.dumps(
            OAUTH | {"enable.sasl.oauthbearer.unsecure.jwt": True, "sasl.oauthbearer.config": f"principal=me {TOKEN}=1"}
        )
    },
    NO_TOKENS: {
        "KAFKA__CLIENT": json.dumps(
            OAUTH
            | {
                "sasl.oauthbearer.method": "oidc",
                "sasl.oauthbearer.client.id": "me",
                "sasl.oauthbearer.client.secret": TOKEN,
                "sasl.oauthbearer.token.endpoint.url": f"http://127.0.0.1:1/token?secret={TOKEN}",
            }
        )
    },
    "a key that is none": {"KAFKA__CLIENT": json.dumps({"security.protocol": "SSL", "ssl.key.pem": KEY})},
    "a mechanism that there is not": {
        "KAFKA__CLIENT": json.dumps(
            {"security.protocol": "SASL_SSL", "sasl.mechanism": "NONE", "sasl.username": "me", "sasl.password": SASL}
        )
    },
    "a table with a list in it": {"KAFKA__CLIENT": json.dumps({"sasl.password": [SASL]})},
    "a table that is no JSON": {"KAFKA__CLIENT": f'{{"sasl.password": "{SASL}'},
    "an unescaped URL": {"REDIS__URL": f"redis://me:/{IN_URL}#{IN_URL}@127.0.0.1:1/0"},
    "an option that Redis' client does not take": {"REDIS__CLIENT": json.dumps({"passwort": IN_OPTIONS})},
}


@pytest.fixture
def stream(secure_kafka: SecureBroker, own_redis: RedisServer, tmp_path: Path) -> Iterator[Stream]:
    """Yields a stream whose user may do anything, and logs at debug level, librdkafka's included."""
    user = secure_kafka.user(f"u{uuid.uuid4().hex[:12]}", SASL, KEY)
    access = secure_kafka.scram(user)
    with own_redis.client() as client:
        client.acl_setuser("qa", enabled=True, passwords=[f"+{IN_URL}"], keys=["*"], categories=["+@all"])
    settings = {
        "KAFKA__BOOTSTRAP_SERVERS": access.bootstrap_servers,
        "KAFKA__CLIENT": client_of(access, user_key=(str(user.key), str(user.certificate))),
        "REDIS__URL": own_redis.url_as("qa", IN_URL),
        "REDIS__CLIENT": json.dumps({"password": IN_OPTIONS}),
        "REDIS__TIMEOUT_SECONDS": "10",
        "LOG__LEVEL": "debug",
    }
    made = Stream(secure_kafka.bootstrap, tmp_path, 1, settings)
    names = [("topic", "*"), ("group", "*"), ("transactional id", "*")]
    secure_kafka.grant(user, [Right("All", kind, name) for kind, name in names])
    made.create_topics()
    topics = made.topics
    made.publish([document(topics.documents, "d", "The export stops with error FXP-4107.")])
    letter = dead_letter(topics.dead_letters, "l", origin=topics.questions)
    made.publish([question(topics.questions, "q", "Which error?", "d"), letter])
    yield made
    made.close()


def client_of(access: KafkaSettings, user_key: tuple[str, str]) -> str:
    key, certificate = user_key
    tls = {"ssl.key.location": key, "ssl.certificate.location": certificate, "ssl.key.password": KEY}
    return json.dumps({**access.client, **tls, "debug": "security,broker,conf"})


def assert_no_secret(said: str, where: object) -> None:
    for secret in SECRETS:
        assert secret not in said, (where, said[max(0, said.index(secret) - 200) :][:400])


def test_no_output_of_any_command_holds_a_secret(stream: Stream) -> None:
    for arguments in COMMANDS:
        done = stream.command(*arguments, seconds=LONGEST)
        assert done.returncode == 0, (arguments, done.stderr[-2000:])
        assert_no_secret((done.stdout + done.stderr).decode(), arguments)
    assert_no_secret((stream.folder / "manifest.jsonl").read_text(), "the manifest")


def test_neither_metrics_nor_logs_of_a_running_consumer_hold_a_secret(stream: Stream) -> None:
    program = stream.start()
    stream.await_no_lag()
    for path in ("metrics", "readyz", "healthz"):
        with urllib.request.urlopen(f"http://127.0.0.1:{program.http_port}/{path}") as reply:
            assert_no_secret(reply.read().decode(), path)
    assert program.stop() == TERMINATED
    assert_no_secret(program.log, "the log")


@pytest.mark.parametrize("fault", FAILING)
def test_no_start_that_fails_shows_a_secret(secure_kafka: SecureBroker, tmp_path: Path, fault: str) -> None:
    user = secure_kafka.user(f"u{uuid.uuid4().hex[:12]}", "another", KEY)
    access = secure_kafka.scram(user)
    settings = {
        "KAFKA__BOOTSTRAP_SERVERS": access.bootstrap_servers,
        "KAFKA__CLIENT": json.dumps({**access.client, "sasl.password": SASL}),
        "REDIS__URL": f"redis://qa:{IN_URL}@127.0.0.1:{free_port()}/0",
        **FAILING[fault],
    }
    stream = Stream(secure_kafka.bootstrap, tmp_path, 1, settings)
    # A stream waits for its tokens, a command does not.
    first = ("topics", "describe") if fault == NO_TOKENS else ("run", "--once")
    for arguments in [first, ("doctor", "--timeout", "2")]:
        done = stream.command(*arguments, seconds=LONGEST)
        assert done.returncode == 1, (done.stdout, done.stderr)
        assert_no_secret((done.stdout + done.stderr).decode(), arguments)
