"""The doctor on real parts that are missing, damaged or set up wrongly: one line each, which says what to do."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from spanstream.consumer.broker.kafka import TopicAdmin
from spanstream.consumer.broker.protocols import Outgoing, TopicSpec
from spanstream.consumer.cli.doctor import line_of
from spanstream.consumer.operations.doctor import Finding, Level, checks_of, examine
from spanstream.consumer.operations.doctor.checks import secrets_of
from spanstream.consumer.settings import (
    HttpSettings,
    KafkaSettings,
    ModelSettings,
    RedisSettings,
    Settings,
    TopicSettings,
)
from tests.support.free_port import free_port
from tests.support.kafka.kafka_broker import SASL_PASSWORD, SASL_USER, KafkaBroker
from tests.support.kafka.kafka_fixtures import Topics
from tests.support.kafka.program import until
from tests.support.kafka.stream import Stream, artifact_folder
from tests.support.redis.redis_server import RedisServer

SECRET = "hunter2-nobody-may-see-this"  # noqa: S105  what must not be seen
# Seconds. Nothing takes as long on a broker that is there; a machine that is busy may.
PATIENCE = 60.0
# Seconds, where silence is the expected answer.
HASTE = 2.0

Examine = Callable[..., list[Finding]]


@pytest.fixture
def stream(kafka: KafkaBroker, tmp_path: Path) -> Iterator[Stream]:
    made = Stream(kafka.bootstrap, tmp_path)
    made.create_topics()
    yield made
    made.close()


def settings_for(bootstrap: str, topics: TopicSettings | None = None, **changed: object) -> Settings:
    values: dict[str, object] = {
        "kafka": KafkaSettings(bootstrap_servers=bootstrap, group_id="doctors-patient"),
        "topics": topics or TopicSettings(),
        "model": ModelSettings(path=artifact_folder(), threads=1),
        "http": HttpSettings(port=None),
        **changed,
    }
    return Settings.model_validate(values)


def examined(settings: Settings, seconds: float = PATIENCE, **parts: Path) -> list[Finding]:
    findings = list(examine(checks_of(settings, timeout_seconds=seconds, **parts), secrets_of(settings)))
    for finding in findings:
        assert len(line_of(finding).plain.splitlines()) == 1
        assert SECRET not in line_of(finding).plain
    return findings


def wrong(findings: list[Finding]) -> dict[str, Finding]:
    """Returns what is not as it should be; each subject once, and each says what to do."""
    sick = [finding for finding in findings if finding.level in {Level.WARNING, Level.FAILED}]
    assert len({finding.subject for finding in sick}) == len(sick)
    assert all(finding.advice for finding in sick)
    return {finding.subject: finding for finding in sick}


def redis_at(url: str) -> RedisSettings:
    return RedisSettings.model_validate({"url": url, "timeout_seconds": 10.0})


def test_a_stream_as_it_should_be_has_nothing_wrong(stream: Stream, redis_server: RedisServer) -> None:
    for protocol in ("classic", "consumer"):
        kafka = KafkaSettings.model_validate({"bootstrap_servers": stream.bootstrap, "group_protocol": protocol})
        settings = settings_for(stream.bootstrap, stream.topics, kafka=kafka, redis=redis_at(redis_server.url))
        # A broker that is new to the group loads its coordinator first, and the doctor says to look again.
        until(lambda settings=settings: "group" not in wrong(examined(settings)), "the group's coordinator")  # type: ignore[misc]
        assert [finding for finding in examined(settings) if finding.level is not Level.OK] == []


def test_a_machine_with_no_kafka_and_no_redis_gets_one_line_for_each() -> None:
    nowhere = f"127.0.0.1:{free_port()}"
    settings = settings_for(nowhere, redis=redis_at(f"redis://127.0.0.1:{free_port()}/0"))
    findings = examined(settings, HASTE)
    sick = wrong(findings)
    assert sick.keys() == {"Kafka", "Redis"}
    assert (sick["Kafka"].level, sick["Redis"].level) == (Level.FAILED, Level.WARNING)
    assert "refused" in sick["Kafka"].detail
    assert "SPANSTREAM_KAFKA__BOOTSTRAP_SERVERS" in sick["Kafka"].advice
    assert "SPANSTREAM_REDIS__URL" in sick["Redis"].advice
    (skipped,) = [finding for finding in findings if finding.level is Level.SKIPPED]
    assert {"topics", "partitions", "transactions", "group"} <= set(skipped.subject.split(", "))


def test_a_damaged_artifact_is_a_failure_that_names_the_file(tmp_path: Path) -> None:
    folder = tmp_path / "artifact"
    shutil.copytree(artifact_folder(), folder)
    model = next(folder.glob("*.onnx"))
    content = bytearray(model.read_bytes())
    content[len(content) // 2] ^= 1
    model.chmod(0o644)
    model.write_bytes(content)
    findings = examined(settings_for(f"127.0.0.1:{free_port()}", model=ModelSettings(path=folder)), HASTE)
    finding = wrong(findings)["model"]
    assert finding.level is Level.FAILED
    assert str(model) in finding.detail
    assert "damaged" in finding.detail
    assert Finding(Level.SKIPPED, "threshold, self-test", "model first") in findings


def test_a_cpu_without_int8_dot_products_is_a_warning_and_the_self_test_still_decides(tmp_path: Path) -> None:
    (tmp_path / "cpuinfo").write_text("model name : Old CPU\nflags : fpu sse2 avx2\n")
    findings = examined(settings_for(f"127.0.0.1:{free_port()}"), HASTE, cpuinfo=tmp_path / "cpuinfo")
    assert wrong(findings)["int8"].level is Level.WARNING
    (self_test,) = [finding for finding in findings if finding.subject == "self-test"]
    assert self_test.level is Level.OK
    assert "int8 on cpu" in self_test.detail


def test_unequal_partitions_and_an_uncompacted_documents_topic_are_one_failure_each(
    kafka: KafkaBroker, topics: Topics
) -> None:
    names = {name: topics.make(2, prefix=name) for name in ("documents", "questions", "answers", "dead_letters")}
    asked = TopicSettings(**names, retries=topics.make(3, prefix="retries"))
    sick = wrong(examined(settings_for(kafka.bootstrap, asked)))
    assert sick.keys() == {"partitions", "compaction", "record sizes"}
    assert sick["partitions"].level is sick["compaction"].level is Level.FAILED
    assert f"{asked.retries} 3" in sick["partitions"].detail
    assert asked.documents in sick["compaction"].detail
    assert sick["record sizes"].level is Level.WARNING


def test_missing_topics_are_named(stream: Stream) -> None:
    TopicAdmin(stream.config).delete([stream.topics.answers])
    findings = examined(settings_for(stream.bootstrap, stream.topics))
    sick = wrong(findings)
    assert sick.keys() == {"topics"}
    assert stream.topics.answers in sick["topics"].detail
    left_out = "partitions, compaction, record sizes, triage, feedback, offset expiry, promise, passage index"
    assert Finding(Level.SKIPPED, left_out, "topics first") in findings


def test_a_documents_topic_that_takes_larger_records_than_the_dead_letters_is_a_warning(
    kafka: KafkaBroker, stream: Stream
) -> None:
    small = TopicSpec(f"{stream.name}.small", 1, config={"max.message.bytes": "1000000"})
    TopicAdmin(stream.config).create([small])
    names = stream.topics.model_copy(update={"dead_letters": small.name})
    sick = wrong(examined(settings_for(kafka.bootstrap, names)))
    assert sick.keys() == {"record sizes"}
    assert small.name in sick["record sizes"].detail


def test_what_waits_for_the_group_is_told(stream: Stream) -> None:
    stream.publish([Outgoing(stream.topics.questions, b"k", b"{}") for _ in range(5)])
    findings = examined(settings_for(stream.bootstrap, stream.topics))
    (group,) = [finding for finding in findings if finding.subject == "group"]
    assert group.level is Level.OK
    assert "nobody is running" in group.detail
    assert f"{stream.topics.questions} 5" in group.detail


@pytest.mark.parametrize(
    ("client", "expected_text"),
    [
        (
            {"security.protocol": "SASL_PLAINTEXT", "sasl.mechanism": "PLAIN", "sasl.username": SASL_USER},
            "Authentication",
        ),
        ({}, "SASL"),
    ],
    ids=["a wrong password", "no password"],
)
def test_a_kafka_that_refuses_the_login_points_to_the_client_properties(
    kafka: KafkaBroker, client: dict[str, str], expected_text: str
) -> None:
    passwords = {"sasl.password": SECRET} if client else {}
    access = KafkaSettings(bootstrap_servers=kafka.sasl_bootstrap, client={**client, **passwords})
    sick = wrong(examined(settings_for(kafka.sasl_bootstrap, kafka=access), HASTE))
    assert sick.keys() == {"Kafka"}
    assert expected_text in sick["Kafka"].detail
    assert "SPANSTREAM_KAFKA__CLIENT" in sick["Kafka"].advice


def test_a_user_without_rights_is_told_which_to_grant(kafka: KafkaBroker) -> None:
    client = {
        "security.protocol": "SASL_PLAINTEXT",
        "sasl.mechanism": "PLAIN",
        "sasl.username": SASL_USER,
        "sasl.password": SASL_PASSWORD,
    }
    access = KafkaSettings(bootstrap_servers=kafka.sasl_bootstrap, client=dict(client))
    sick = wrong(examined(settings_for(kafka.sasl_bootstrap, kafka=access)))
    assert sick.keys() == {"transactions", "topics", "group"}
    assert all("grant" in finding.advice for finding in sick.values())


def test_properties_that_no_client_takes_are_a_failure_without_the_password() -> None:
    client = {"sasl.password": SECRET, "security.protocol": SECRET}
    access = KafkaSettings(bootstrap_servers="127.0.0.1:1", client=dict(client))
    sick = wrong(examined(settings_for("127.0.0.1:1", kafka=access)))
    assert "security.protocol" in sick["Kafka"].detail


def spoil_password(server: RedisServer) -> str:
    with server.client() as client:
        client.acl_setuser("reader", enabled=True, passwords=["+right"], keys=["*"], categories=["+@all"])
    return server.url_as("reader", SECRET)


def flood(server: RedisServer) -> str:
    server.flood()
    return server.url


def make_replica(server: RedisServer) -> str:
    with server.client() as client:
        client.replicaof("127.0.0.1", free_port())
    return server.url


@pytest.mark.parametrize(
    ("spoil", "expected_text", "expected_advice"),
    [
        (spoil_password, "credentials", "password"),
        (flood, "full", "maxmemory"),
        (make_replica, "read_only", "primary"),
    ],
    ids=["a wrong password", "a full one", "a replica"],
)
def test_a_redis_that_cannot_be_used_is_a_warning_with_the_reason(
    own_redis: RedisServer, spoil: Callable[[RedisServer], str], expected_text: str, expected_advice: str
) -> None:
    url = spoil(own_redis)
    findings = examined(settings_for(f"127.0.0.1:{free_port()}", redis=redis_at(url)), HASTE)
    finding = wrong(findings)["Redis"]
    assert finding.level is Level.WARNING
    assert expected_text in finding.detail
    assert "everything works without it" in finding.detail
    assert expected_advice in finding.advice


def test_the_command_prints_a_line_each_and_exits_with_1_only_where_something_failed(stream: Stream) -> None:
    well = stream.command("doctor", REDIS__URL="redis://127.0.0.1:1/0")
    assert well.returncode == 0, well.stdout
    lines = well.stdout.decode().splitlines()
    assert {line.split()[0] for line in lines} == {"ok", "warning"}
    assert not well.stderr

    nowhere = f"127.0.0.1:{free_port()}"
    ill = stream.command("doctor", "--json", "--timeout", "1", KAFKA__BOOTSTRAP_SERVERS=nowhere)
    assert ill.returncode == 1
    report = json.loads(ill.stdout)
    assert report["ok"] is False
    assert [finding["subject"] for finding in report["findings"] if finding["level"] == "failed"] == ["Kafka"]
    assert not ill.stderr
