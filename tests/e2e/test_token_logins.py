"""The program logs in by token, on a broker that ends every session after a few seconds."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from spanstream.consumer.cli.exit_codes import TERMINATED
from tests.e2e.conftest import MakeStream
from tests.support.kafka.program import Program, until
from tests.support.kafka.quick_settings import QUICK
from tests.support.kafka.stream import Stream, document, question
from tests.support.kafka.token_broker import TokenBroker
from tests.support.kafka.token_server import ACCESS_KEY, CLIENT_SECRET, SECRET_KEY
from tests.support.kafka.triage_stream import TriageStream

MANY = 25  # logins: each of the program's few connections makes one a session
LONGEST = 240.0  # seconds; a busy machine takes a minute to start the program


@pytest.fixture(params=["oidc", "msk-iam"])
def stream(
    request: pytest.FixtureRequest, token_kafka: TokenBroker, streams: MakeStream, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Stream]:
    """Yields a stream whose program logs in by token, while the server of its tokens is down."""
    quick = json.loads(QUICK["KAFKA__CLIENT"])
    monkeypatch.setenv("AWS_CONTAINER_CREDENTIALS_FULL_URI", f"{token_kafka.tokens.url}/credentials")
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    if request.param == "oidc":
        client = quick | token_kafka.oidc_client
        settings = {"KAFKA__BOOTSTRAP_SERVERS": token_kafka.oidc_bootstrap}
    else:
        client = quick | {"security.protocol": "SASL_PLAINTEXT"}
        settings = {
            "KAFKA__BOOTSTRAP_SERVERS": token_kafka.msk_bootstrap,
            "KAFKA__LOGIN": "msk-iam",
            "KAFKA__LOGIN_REGION": "eu-central-1",
        }
    token_kafka.tokens.is_down = True
    yield streams(token_kafka.bootstrap, 1, **{**QUICK, **settings, "KAFKA__CLIENT": json.dumps(client)})
    token_kafka.tokens.is_down = False


def test_a_token_server_that_is_down_is_waited_for_and_sessions_that_end_cost_no_answer(
    token_kafka: TokenBroker, stream: Stream
) -> None:
    program = stream.start()
    until(lambda: tells_of_tokens(program), "a line about the token", LONGEST)
    with pytest.raises(urllib.error.HTTPError, match="503"):
        urllib.request.urlopen(f"http://127.0.0.1:{program.http_port}/readyz")
    assert program.is_running
    token_kafka.tokens.is_down = False

    with stream.watch() as outcomes:
        stream.publish(
            [document(stream.topics.documents, "d-1", "The export stops with error FXP-4107 since Tuesday.")]
        )
        asked, before = 0, logins(token_kafka)
        while logins(token_kafka) < before + MANY:
            question_of_this_round = f"q-{asked}"
            stream.publish([question(stream.topics.questions, question_of_this_round, "Which error is it?", "d-1")])
            asked += 1
            outcomes.await_count(asked, LONGEST)
        assert sorted(outcomes.names) == sorted(f"q-{number}" for number in range(asked))
    assert program.stop() == TERMINATED
    for secret in (CLIENT_SECRET, SECRET_KEY, ACCESS_KEY):
        assert secret not in program.log


def test_a_command_says_in_one_line_that_there_is_no_token(stream: Stream) -> None:
    done = stream.command("topics", "describe", seconds=LONGEST)

    lines = done.stderr.decode().splitlines()
    assert done.returncode == 1
    assert lines[-1].startswith("spanstream: no answer from Kafka at "), lines


def logins(broker: TokenBroker) -> int:
    """Counts the tokens that were given out by the OAuth server, and those that MSK's stand-in took."""
    return broker.tokens.given.get("/token", 0) + len(broker.msk_logins)


def tells_of_tokens(program: Program) -> bool:
    return "Failed to retrieve OIDC token" in program.log or bool(program.events("kafka_token_unavailable"))


def test_a_triage_member_waits_for_its_token_too(token_kafka: TokenBroker, tmp_path: Path) -> None:
    settings = {
        "KAFKA__BOOTSTRAP_SERVERS": token_kafka.oidc_bootstrap,
        "KAFKA__CLIENT": json.dumps(token_kafka.oidc_client),
    }
    stream = TriageStream(token_kafka.bootstrap, tmp_path, 1, settings)
    stream.create_topics()
    token_kafka.tokens.is_down = True
    try:
        program = stream.start_triage()
        program.await_event("partition_counts_unknown")
        program.await_event("started")
        token_kafka.tokens.is_down = False
        program.await_event("partitions_assigned")
        assert program.stop() == TERMINATED
    finally:
        token_kafka.tokens.is_down = False
        stream.close()
