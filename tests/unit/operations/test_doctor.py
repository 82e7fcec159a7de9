"""The doctor: how checks are run, and what it says of the machine, the model and Redis."""

from __future__ import annotations

import json
import socket
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from spanstream.consumer.broker.memory.broker import MemoryBroker
from spanstream.consumer.cache.byte_store import ByteStore, StoreFailure, StoreUnavailable
from spanstream.consumer.cache.memory_store import MemoryStore
from spanstream.consumer.cli.program import app
from spanstream.consumer.errors import Retryable, Stop
from spanstream.consumer.operations.doctor import Check, Finding, Level, examine, extras, machine, promise, store
from spanstream.consumer.operations.doctor.checks import secrets_of
from spanstream.consumer.operations.doctor.extras import answers_api, desk, traces
from spanstream.consumer.operations.doctor.finding import failed, ok
from spanstream.consumer.operations.doctor.mappings import ADVICE, mappings
from spanstream.consumer.operations.doctor.model import ModelChecks, threshold
from spanstream.consumer.operations.doctor.registry import registry
from spanstream.consumer.settings import (
    DeskSettings,
    HttpSettings,
    KafkaSettings,
    ModelSettings,
    RedisSettings,
    Settings,
)
from spanstream.consumer.settings.answers_api import AnswersApiSettings
from spanstream.models.labelling.promises import JudgedAnswer, Promises, watch_promises
from tests.support.model.fake_reader import MANIFEST

NOW = datetime(2026, 2, 1, tzinfo=UTC)
INTEL = "model name\t: Example CPU\nflags\t\t: fpu sse2 avx2 avx512f {}\n"


def raising(error: Exception) -> Callable[[], Finding]:
    def look() -> Finding:
        raise error

    return look


# The mappings


def test_the_mappings_that_are_used_are_told_and_a_wrong_one_fails(tmp_path: Path) -> None:
    wrong = tmp_path / "wrong.yaml"
    wrong.write_text("mapping: m\ntickets: {ticket_id: 'a(', subject: b, body: c}\n")
    assert mappings(Settings()).detail.startswith("none")
    assert mappings(Settings(mappings={"tickets": "zendesk"})).detail == "tickets by zendesk"
    check = Check("mappings", lambda: mappings(Settings(mappings={"tickets": str(wrong)})), ADVICE)
    (finding,) = examine([check])
    assert (finding.level, finding.advice) == (Level.FAILED, ADVICE)
    assert finding.detail.startswith(f"{wrong}:2:11: tickets.ticket_id: no JMESPath")


def test_what_is_wrong_with_the_registry_is_told_of_the_registry_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "spanstream.consumer.formats.registry.registry", None)
    monkeypatch.setitem(sys.modules, "spanstream.consumer.formats.registry.decoders", None)
    settings = Settings.model_validate({"registry": {"url": "http://registry:8081"}, "mappings": {"tickets": "jira"}})
    checks = [Check(name, partial(look, settings), "") for name, look in (("m", mappings), ("r", registry))]
    assert [finding.level for finding in examine(checks)] == [Level.OK, Level.FAILED]


# How checks are run


def test_what_stands_on_a_failed_check_is_one_line_together() -> None:
    checks = [
        Check("ground", raising(Stop("it is gone")), "dig"),
        Check("house", lambda: ok("house", ""), "", depends_on="ground"),
        Check("roof", lambda: ok("roof", ""), "", depends_on="house"),
        Check("garden", lambda: ok("garden", ""), ""),
    ]
    assert list(examine(checks)) == [
        failed("ground", "it is gone", "dig"),
        ok("garden", ""),
        Finding(Level.SKIPPED, "house, roof", "ground first"),
    ]


def test_what_did_not_answer_once_is_not_asked_again() -> None:
    checks = [
        Check("Kafka", lambda: ok("Kafka", ""), ""),
        Check("topics", raising(Retryable("no answer")), "listen", depends_on="Kafka"),
        Check("group", lambda: ok("group", ""), "", depends_on="Kafka"),
    ]
    findings = list(examine(checks))
    assert findings[1:] == [failed("topics", "no answer", "listen"), Finding(Level.SKIPPED, "group", "topics first")]


def test_a_refusal_of_one_thing_leaves_the_others_to_be_looked_at() -> None:
    checks = [
        Check("Kafka", lambda: ok("Kafka", ""), ""),
        Check("topics", raising(Stop("refused", hint="grant Read")), "", depends_on="Kafka"),
        Check("group", lambda: ok("group", ""), "", depends_on="Kafka"),
    ]
    findings = list(examine(checks))
    assert findings[1:] == [failed("topics", "refused", "grant Read"), ok("group", "")]


def test_a_check_that_hangs_is_left_behind() -> None:
    never = threading.Event()
    hangs = Check("Redis", lambda: ok("Redis", str(never.wait())), "correct it", seconds=0.05)
    assert list(examine([hangs])) == [failed("Redis", "no answer in 0.05 s", "correct it")]
    never.set()


def test_a_check_with_a_time_limit_gives_its_finding_and_its_errors() -> None:
    fine = Check("one", lambda: ok("one", "fine"), "", seconds=30)
    wrong = Check("two", raising(Stop("wrong")), "mend it", seconds=30)
    assert list(examine([fine, wrong])) == [ok("one", "fine"), failed("two", "wrong", "mend it")]


def test_secrets_are_blotted_out_whoever_repeats_them() -> None:
    settings = Settings(
        redis=RedisSettings.model_validate(
            {"url": "redis://me:hunter%32@host/0", "client": {"ssl_password": "key-pw"}}
        ),
        kafka=KafkaSettings(client={"sasl.password": "swordfish", "sasl.username": "me"}),
        model=ModelSettings.model_validate({"token": "for-the-hub"}),
        answers_api=AnswersApiSettings.model_validate({"token": "for-clients"}),
        desk=DeskSettings.model_validate({"token": "for-people"}),
    )
    said = "hunter2, hunter%32, key-pw, swordfish, for-the-hub, for-clients and for-people"
    text = f"redis://me:hunter%32@host/0 said {said} to me"
    (finding,) = examine([Check("all", lambda: ok("all", text), "")], secrets_of(settings))
    assert finding.detail == "*** said ***, ***, ***, ***, ***, *** and *** to me"


@pytest.mark.parametrize("url", ["redis://:[hunter2@host", "redis://user:hunter2"])
def test_a_url_that_is_none_is_a_secret_as_a_whole(url: str) -> None:
    assert url in secrets_of(Settings(redis=RedisSettings.model_validate({"url": url})))


# The machine


@pytest.mark.parametrize("flag", ["avx512_vnni", "avx_vnni"])
def test_a_cpu_with_int8_dot_products_is_fine(tmp_path: Path, flag: str) -> None:
    (tmp_path / "cpuinfo").write_text(INTEL.format(flag))
    assert machine.int8(tmp_path / "cpuinfo").level is Level.OK


def test_a_cpu_without_int8_dot_products_is_a_warning_that_says_int8_stays_right(tmp_path: Path) -> None:
    (tmp_path / "cpuinfo").write_text(INTEL.format(""))
    finding = machine.int8(tmp_path / "cpuinfo")
    assert finding.level is Level.WARNING
    assert "Example CPU" in finding.detail
    assert "runs right, but slower" in finding.detail
    assert finding.advice


def test_a_machine_that_does_not_describe_its_cpu_is_no_fault(tmp_path: Path) -> None:
    assert machine.int8(tmp_path / "nothing").level is Level.OK


def test_more_threads_than_cpus_are_a_warning() -> None:
    assert machine.cpus(2, None).level is Level.OK
    assert machine.cpus(2, 2).level is Level.OK
    finding = machine.cpus(2, 8)
    assert finding.level is Level.WARNING
    assert "SPANSTREAM_MODEL__THREADS" in finding.advice


def test_a_taken_port_is_a_warning_for_it_may_be_the_running_consumers() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        finding = machine.http_port(HttpSettings(host="127.0.0.1", port=port))
    assert finding.level is Level.WARNING
    assert "SPANSTREAM_HTTP__PORT" in finding.advice
    assert machine.http_port(HttpSettings(host="127.0.0.1", port=port)).level is Level.OK


def test_an_address_that_is_not_this_machines_is_a_failure() -> None:
    assert machine.http_port(HttpSettings(host="192.0.2.1", port=1234)).level is Level.FAILED


def test_an_ipv6_address_is_tried_as_one() -> None:
    finding = machine.http_port(HttpSettings(host="2001:db8::1", port=1234))
    assert "cannot listen on [2001:db8::1]:1234" in finding.detail
    assert "family" not in finding.detail


@pytest.mark.parametrize("port", [None, 0])
def test_no_port_and_any_port_are_always_free(port: int | None) -> None:
    assert machine.http_port(HttpSettings(port=port)).level is Level.OK


# What is an extra: the answers API and the traces


def looked_at(look: Callable[[Settings], Finding], **settings: Any) -> Finding:
    (finding,) = examine([Check("it", partial(look, Settings.model_validate(settings)), "mend it")])
    return finding


def test_an_answers_api_that_could_be_opened_is_fine_and_so_is_none() -> None:
    assert "none" in looked_at(answers_api).detail
    assert looked_at(answers_api, answers_api={"port": 0}).level is Level.OK
    with socket.create_server(("127.0.0.1", 0)) as taken:
        finding = looked_at(answers_api, answers_api={"port": taken.getsockname()[1]})
    assert (finding.level, "SPANSTREAM_ANSWERS_API__PORT" in finding.advice) == (Level.WARNING, True)


def test_an_answers_api_that_others_could_reach_without_a_token_fails_and_so_does_one_without_its_extra(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    finding = looked_at(answers_api, answers_api={"port": 0, "host": "0.0.0.0"})  # noqa: S104  that is what is tested
    assert (finding.level, "SPANSTREAM_ANSWERS_API__TOKEN" in finding.advice) == (Level.FAILED, True)
    monkeypatch.setitem(sys.modules, "spanstream.consumer.asking.api.server", None)
    finding = looked_at(answers_api, answers_api={"port": 0})
    assert finding.level is Level.FAILED
    assert "spanstream[http]" in finding.detail


def test_a_desk_that_could_be_served_is_fine_and_so_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    assert looked_at(desk, desk={"port": 0}).level is Level.OK
    with socket.create_server(("127.0.0.1", 0)) as taken:
        finding = looked_at(desk, desk={"port": taken.getsockname()[1]})
    assert (finding.level, "if `spanstream desk` is running here" in finding.advice) == (Level.WARNING, True)
    monkeypatch.setattr(extras, "find_spec", lambda _: None)
    assert looked_at(desk, desk={"host": "0.0.0.0"}).detail.startswith("not installed")  # noqa: S104  that is what is tested


def test_a_desk_that_others_could_reach_without_a_token_fails() -> None:
    everywhere = {"port": 0, "host": "0.0.0.0"}  # noqa: S104  that is what is tested
    finding = looked_at(desk, desk=everywhere | {"token": " "})
    assert (finding.level, "SPANSTREAM_DESK__TOKEN" in finding.advice) == (Level.FAILED, True)
    assert looked_at(desk, desk=everywhere | {"token": "for people"}).level is Level.OK


def test_traces_are_fine_where_they_could_be_sent_or_are_off(monkeypatch: pytest.MonkeyPatch) -> None:
    assert "off" in looked_at(traces).detail
    assert looked_at(traces, traces={"enabled": True}).level is Level.OK
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc")
    assert looked_at(traces, traces={"enabled": True}).level is Level.FAILED


# The model


def test_a_second_model_is_looked_at_beside_the_first_under_names_of_its_own(tmp_path: Path) -> None:
    model = ModelSettings(shadow_path=tmp_path / "absent")
    assert model.shadow is not None
    both = [*ModelChecks(ModelSettings()).checks()[:1], *ModelChecks(model.shadow, "shadow ").checks()]
    findings = list(examine(both))
    assert [(finding.subject, finding.level) for finding in findings][:2] == [
        ("model", Level.OK),
        ("shadow model", Level.FAILED),
    ]
    assert str(tmp_path / "absent") in findings[1].detail


def test_a_missing_artifact_is_named_and_the_self_test_waits(tmp_path: Path) -> None:
    findings = list(examine(ModelChecks(ModelSettings(path=tmp_path)).checks()))
    assert [finding.level for finding in findings] == [Level.FAILED, Level.SKIPPED]
    assert str(tmp_path / "manifest.json") in findings[0].detail
    assert "SPANSTREAM_MODEL__PATH" in findings[0].advice


@pytest.mark.parametrize("wanted", ["default", "sure", 0.3, "0.3"])
def test_a_threshold_is_a_name_of_the_artifact_or_a_number(wanted: float | str) -> None:
    assert threshold(wanted, MANIFEST).level is Level.OK


@pytest.mark.parametrize("wanted", ["unheard-of", "1.5", "nan"])
def test_another_threshold_is_a_failure_that_names_those_there_are(wanted: str) -> None:
    finding = threshold(wanted, MANIFEST)
    assert finding.level is Level.FAILED
    assert "default, sure" in finding.advice


# Redis


class FailingStore(MemoryStore):
    """Fails at one of its operations."""

    def __init__(self, operation: str, reason: StoreFailure) -> None:
        super().__init__()
        self._operation, self._reason = operation, reason
        self.closed = False

    def _do(self, operation: str) -> None:
        if operation == self._operation:
            raise StoreUnavailable(self._reason, f"Redis at host: {self._reason}")

    def ping(self, key: str) -> None:
        assert key.startswith("space:"), "its user may have no right to other keys"
        self._do("ping")

    def set_many(self, items: Mapping[str, bytes]) -> None:
        self._do("set")
        super().set_many(items)

    def get_many(self, keys: Sequence[str]) -> dict[str, bytes]:
        self._do("get")
        return {} if self._operation == "forget" else super().get_many(keys)

    def close(self) -> None:
        self.closed = True


def test_no_redis_is_fine() -> None:
    finding = store.redis(lambda: None, "space")
    assert finding.level is Level.OK
    assert "not configured" in finding.detail


def test_a_redis_that_takes_and_gives_is_fine() -> None:
    assert store.redis(MemoryStore, "space").level is Level.OK


@pytest.mark.parametrize("reason", list(StoreFailure))
@pytest.mark.parametrize("operation", ["ping", "set", "get", "forget"])
def test_a_redis_that_does_not_work_is_a_warning_that_says_what_to_do(operation: str, reason: StoreFailure) -> None:
    away = FailingStore(operation, reason)
    finding = store.redis(lambda: away, "space")
    assert finding.level is Level.WARNING
    assert finding.advice
    assert away.closed


def test_a_redis_url_that_is_none_is_a_failure_for_the_consumer_does_not_start_with_it() -> None:
    def open_store() -> ByteStore:
        raise Stop("the Redis URL cannot be read")

    (finding,) = examine([Check("Redis", lambda: store.redis(open_store, "space"), "correct it")])
    assert finding.level is Level.FAILED


# The command


def test_a_wrong_setting_is_one_line_and_nothing_else_is_looked_at(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SPANSTREAM_HTTP__PORT", "hunter2")
    ended = CliRunner().invoke(app, ["doctor"])
    assert ended.exit_code == 1
    lines = ended.stdout.splitlines()
    assert [line.split()[0] for line in lines] == ["failed", "skipped"]
    assert "SPANSTREAM_HTTP__PORT" in lines[0]
    assert "->" in lines[0]
    assert "hunter2" not in ended.output


def test_two_topics_with_one_name_fail_before_anything_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SPANSTREAM_TOPICS__DEAD_LETTERS", "qa.questions")
    ended = CliRunner().invoke(app, ["doctor"])
    assert ended.exit_code == 1
    assert "SPANSTREAM_TOPICS__QUESTIONS and SPANSTREAM_TOPICS__DEAD_LETTERS" in ended.stdout.splitlines()[0]


def test_programs_get_one_json_object(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SPANSTREAM_HTTP__PORT", "hunter2")
    ended = CliRunner().invoke(app, ["doctor", "--json"])
    assert ended.exit_code == 1
    report = json.loads(ended.stdout)
    assert report["ok"] is False
    assert [finding["level"] for finding in report["findings"]] == ["failed", "skipped"]
    assert set(report["findings"][0]) == {"level", "subject", "detail", "advice"}


# The promise


def promises(wrong: int, given: int, allowed: float | None = None) -> Promises:
    """Returns what labels say of which so many are wrong, evenly spread."""
    times = [NOW + timedelta(seconds=number) for number in range(given)]
    is_wrong = [(number + 1) * wrong // given > number * wrong // given for number in range(given)]
    judged = [
        JudgedAnswer(f"q-{number}", NOW, "c", 0.6, "random", times[number], is_wrong[number]) for number in range(given)
    ]
    return watch_promises(judged, allowed)


def test_labels_that_break_a_promise_are_a_warning_that_says_which() -> None:
    assert promise.judge(promises(10, 30)).level is Level.OK
    assert promise.judge(promises(10, 30)).detail.startswith("10 of 30 labelled answers are wrong; evidence ")
    threshold, both = promise.judge(promises(12, 30, 0.1)), promise.judge(promises(30, 30, 0.1))
    assert threshold.level is both.level is Level.WARNING
    assert threshold.detail == "12 of 30 labelled answers are wrong: the threshold does not hold what it guarantees"
    assert "the confidence is too high and the threshold" in both.detail
    assert "model calibrate --topics" in both.advice


def test_labels_that_are_not_there_or_take_too_long_are_no_failure() -> None:
    class Silent(MemoryBroker):
        def reader(self) -> Any:
            time.sleep(5)

    assert promise.promise(Settings(), MemoryBroker().reader, 5).level is Level.OK
    assert "not watched" in promise.promise(Settings(), MemoryBroker().reader, 5).detail
    late = promise.promise(Settings(), Silent().reader, 0.01)
    assert late.level is Level.WARNING
    assert "label watch" in late.advice
