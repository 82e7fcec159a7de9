"""A Redis user with exactly the rights of docs/security.md, over TLS; without one of them the stream goes on."""

from __future__ import annotations

import json
import shutil
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.kafka.kafka_broker import KafkaBroker
from tests.support.kafka.stream import Stream, document, question
from tests.support.redis.redis_server import RedisServer
from tests.support.redis.tcp_servers import self_signed, tls_front

USER = "qa"
PASSWORD = "redis-user-secret"  # noqa: S105  of a server that lives as long as the test
KEYS = "~spanstream:tokens:*"
COMMANDS = ["+mget", "+set", "+select"]
LONGEST = 240.0  # seconds; a busy machine takes a minute to start a command
MISSING = {
    "+mget": "this user may not MGET",
    "+set": "this user may not SET",
    "+select": "this user may not SELECT",
    KEYS: "this user may not use these keys",
}


@pytest.fixture
def stream(kafka: KafkaBroker, own_redis: RedisServer, tmp_path: Path) -> Iterator[Stream]:
    """Yields a stream whose Redis is database 1, behind TLS, with one question to answer."""
    openssl = shutil.which("openssl")
    if openssl is None:
        pytest.skip("openssl is not on PATH")
    certificate = self_signed(tmp_path, openssl)
    with tls_front(own_redis.port, certificate) as port:
        settings = {
            "REDIS__URL": f"rediss://{USER}:{PASSWORD}@127.0.0.1:{port}/1",
            "REDIS__CLIENT": json.dumps({"ssl_ca_certs": str(certificate.certificate)}),
            "REDIS__TIMEOUT_SECONDS": "10",
            "REDIS__BREAKER_FAILURES": "1",
        }
        made = Stream(kafka.bootstrap, tmp_path, 1, settings)
        made.create_topics()
        text = f"The nightly export stops with error FXP-{uuid.uuid4().hex[:4]} since Tuesday."
        made.publish([document(made.topics.documents, "d", text)])
        made.publish([question(made.topics.questions, "q", "Which error does the export stop with?", "d")])
        yield made
        made.close()


def allow(server: RedisServer, *rules: str) -> None:
    with server.client() as client:
        client.execute_command("ACL", "SETUSER", USER, "reset", "on", f">{PASSWORD}", "resetchannels", "-@all", *rules)


def test_with_exactly_the_documented_rights_and_tls_redis_is_used(stream: Stream, own_redis: RedisServer) -> None:
    allow(own_redis, KEYS, *COMMANDS)
    done = stream.command("run", "--once", seconds=LONGEST)
    assert done.returncode == 0, done.stderr
    assert b"redis_left_alone" not in done.stderr
    assert b"ok       Redis: takes and gives values" in stream.command("doctor", seconds=LONGEST).stdout
    filled = stream.command("backfill", seconds=LONGEST)
    assert b"1 already there" in filled.stdout, (filled.stdout, filled.stderr)


@pytest.mark.parametrize("missing", MISSING)
def test_without_a_right_the_stream_goes_on_and_the_log_names_it(
    stream: Stream, own_redis: RedisServer, missing: str
) -> None:
    allow(own_redis, *(rule for rule in (KEYS, *COMMANDS) if rule != missing))
    done = stream.command("run", "--once", seconds=LONGEST)
    assert done.returncode == 0, done.stderr
    assert len(stream.answers()) == 1
    lines = [line for line in done.stderr.decode().splitlines() if "redis_left_alone" in line]
    assert any(MISSING[missing] in line for line in lines), done.stderr
    (line,) = [
        line for line in stream.command("doctor", seconds=LONGEST).stdout.decode().splitlines() if " Redis: " in line
    ]
    assert line.startswith("warning")
    assert MISSING[missing] in line
    stopped = stream.command("backfill", seconds=LONGEST)
    assert stopped.returncode == 1
    (line,) = [line for line in stopped.stderr.decode().splitlines() if not line.startswith("{")]
    assert MISSING[missing] in line
    assert PASSWORD not in done.stderr.decode() + stopped.stderr.decode()


@pytest.mark.parametrize("missing", ["+scan", "+del"])
def test_erase_needs_two_rights_more_and_names_the_one_it_lacks(
    stream: Stream, own_redis: RedisServer, missing: str
) -> None:
    allow(own_redis, KEYS, *COMMANDS)
    assert stream.command("run", "--once", seconds=LONGEST).returncode == 0
    erase = ("erase", "--document-id", "d", "--yes")
    more = {"+scan", "+del"} - {missing}
    allow(own_redis, KEYS, *COMMANDS, *more)
    stopped = stream.command(*erase, seconds=LONGEST)
    assert stopped.returncode == 1
    assert f"this user may not {missing[1:].upper()}" in stopped.stderr.decode()
    allow(own_redis, KEYS, *COMMANDS, "+scan", "+del")
    done = stream.command(*erase, seconds=LONGEST)
    assert done.returncode == 0, done.stderr
    assert b"1 key in Redis" in done.stderr
    assert b"0 keys in Redis" in stream.command(*erase, seconds=LONGEST).stderr
