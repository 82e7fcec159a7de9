"""The doctor: how checks are run, and what it says of the mappings, the model and the promise."""

from __future__ import annotations

import json
import sys
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from spanstream.consumer.broker.memory.broker import MemoryBroker
from spanstream.consumer.cli.program import app
from spanstream.consumer.errors import Retryable, Stop
from spanstream.consumer.operations.doctor import Check, Finding, Level, examine, promise
from spanstream.consumer.operations.doctor.checks import secrets_of
from spanstream.consumer.operations.doctor.finding import failed, ok
from spanstream.consumer.operations.doctor.mappings import ADVICE, mappings
from spanstream.consumer.operations.doctor.model import ModelChecks, threshold
from spanstream.consumer.operations.doctor.registry import registry
from spanstream.consumer.settings import (
    DeskSettings,
    KafkaSettings,
    ModelSettings,
    RedisSettings,
    Settings,
)
from spanstream.consumer.settings.answers_api import AnswersApiSettings
from spanstream.models.labelling.promises import JudgedAnswer, Promises, watch_promises
from tests.support.model.fake_reader import MANIFEST

NOW = datetime(2026, 2, 1, tzinfo=UTC)


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
