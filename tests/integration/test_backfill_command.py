"""`spanstream backfill` between a real topic and a real Redis."""

from __future__ import annotations

import json
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from spanstream.consumer.broker.protocols import Outgoing
from spanstream.consumer.cache.redis_connection import RedisOptions
from spanstream.consumer.cache.redis_store import RedisStore
from spanstream.consumer.cache.token_cache import CacheCounts, TokenCache
from spanstream.models.artifact import load_artifact
from spanstream.models.text import token_codec
from spanstream.models.text.tokenization import sha256_of
from tests.support.free_port import free_port
from tests.support.kafka.kafka_broker import KafkaBroker
from tests.support.kafka.program import until
from tests.support.kafka.stream import Stream, artifact_folder
from tests.support.redis.redis_server import RedisServer

DOCUMENTS = 300


def text_of(number: int) -> str:
    return f"Ticket {number}: the export to warehouse {number * 7} stops with error FXP-{number:04}."


@pytest.fixture
def stream(kafka: KafkaBroker, redis_server: RedisServer, redis_namespace: str, tmp_path: Path) -> Iterator[Stream]:
    """Yields a documents topic with superseded and deleted documents and a bad record in it."""
    settings = {"REDIS__URL": redis_server.url, "REDIS__NAMESPACE": redis_namespace}
    made = Stream(kafka.bootstrap, tmp_path, settings=settings)
    made.create_topics()
    documents = [(f"d{number}", text_of(number)) for number in range(DOCUMENTS)]
    made.publish([record(made, name, "an older text") for name, _ in documents])
    made.publish([record(made, name, text) for name, text in documents])
    made.publish([record(made, "gone", "a text"), Outgoing(made.topics.documents, b"gone", None)])
    made.publish([Outgoing(made.topics.documents, b"bad", b"no json")])
    yield made
    made.close()


def record(stream: Stream, name: str, text: str) -> Outgoing:
    return Outgoing(stream.topics.documents, name.encode(), json.dumps({"document_id": name, "text": text}).encode())


def counts_of_a_consumer(server: RedisServer, namespace: str, texts: list[str]) -> CacheCounts:
    """Returns where a consumer that begins now finds these texts."""
    tokenizer = load_artifact(artifact_folder()).tokenizer
    store = RedisStore(server.url, RedisOptions(timeout_seconds=10, connect_timeout_seconds=10, call_seconds=20))
    cache = TokenCache(
        tokenizer.tokenize_document, token_codec, fingerprint=tokenizer.fingerprint, store=store, namespace=namespace
    )
    try:
        cache.get_many({sha256_of(text): text for text in texts})
    finally:
        store.close()
    return cache.counts


def test_afterwards_a_consumer_finds_every_document_and_a_second_run_has_nothing_to_do(
    stream: Stream, redis_server: RedisServer, redis_namespace: str
) -> None:
    first = stream.command("backfill")
    assert first.returncode == 0, first.stderr
    output = first.stdout.decode()
    assert f"{DOCUMENTS} documents, {DOCUMENTS} distinct texts: 0 already there, {DOCUMENTS} written" in output
    assert "1 bad records (undecodable 1)" in output
    counts = counts_of_a_consumer(redis_server, redis_namespace, [text_of(number) for number in range(DOCUMENTS)])
    assert (counts.hits_store, counts.misses) == (DOCUMENTS, 0)
    assert counts_of_a_consumer(redis_server, redis_namespace, ["an older text"]).misses == 1

    assert f"{DOCUMENTS} already there, 0 written" in stream.command("backfill").stdout.decode()
    assert f"0 already there, {DOCUMENTS} written" in stream.command("backfill", "--force").stdout.decode()


def test_without_redis_there_is_one_line_and_exit_code_1(stream: Stream) -> None:
    del stream.settings["REDIS__URL"]
    ended = stream.command("backfill")
    assert ended.returncode == 1
    (line,) = ended.stderr.decode().splitlines()
    assert "SPANSTREAM_REDIS__URL" in line


def test_a_redis_that_is_not_there_is_one_line_and_exit_code_1(stream: Stream) -> None:
    ended = stream.command("backfill", REDIS__URL=f"redis://:hunter2@127.0.0.1:{free_port()}/0")
    assert ended.returncode == 1
    (line,) = ended.stderr.decode().splitlines()
    assert "connection" in line
    assert "hunter2" not in line


def test_a_redis_that_fills_up_meanwhile_is_waited_for_and_then_given_up_with_how_far_it_came(
    stream: Stream, own_redis: RedisServer
) -> None:
    own_redis.flood()
    ended = stream.command("backfill", "--patience", "1", REDIS__URL=own_redis.url)
    assert ended.returncode == 1
    line = ended.stderr.decode().splitlines()[-1]
    assert "full" in line
    assert "given up after" in line
    assert "0 written" in line


def test_a_redis_that_comes_back_is_used_again(stream: Stream, own_redis: RedisServer, redis_namespace: str) -> None:
    own_redis.flood()
    program = stream.start("backfill", REDIS__URL=own_redis.url)
    with own_redis.client() as client:
        until(lambda: "errorstat_OOM" in client.info("errorstats"), "a refused write")
    own_redis.drain()
    assert program.wait() == 0
    assert f"{DOCUMENTS} written" in program.log
    assert counts_of_a_consumer(own_redis, redis_namespace, [text_of(1)]).hits_store == 1


def test_ctrl_c_ends_it_with_130_and_whatever_is_written_is_whole(
    stream: Stream, own_redis: RedisServer, redis_namespace: str
) -> None:
    own_redis.flood()
    program = stream.start("backfill", REDIS__URL=own_redis.url)
    with own_redis.client() as client:
        until(lambda: "errorstat_OOM" in client.info("errorstats"), "a refused write")
    program.send(signal.SIGINT)
    assert program.wait() == 130
    assert "interrupted after" in program.log
    own_redis.drain()
    texts = [text_of(number) for number in range(DOCUMENTS)]
    assert counts_of_a_consumer(own_redis, redis_namespace, texts).bad_entries == 0
