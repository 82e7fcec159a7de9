"""Settings: every name others rely on, where values come from, and errors that give no secret away."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel

from spanstream.consumer.errors import Stop
from spanstream.consumer.settings import Settings
from spanstream.consumer.settings.loading import load_settings
from spanstream.models.defaults import DEFAULT_ARTIFACT

SECRET = "hunter2-very-secret"  # noqa: S105  made up


@pytest.fixture(autouse=True)
def _no_settings_of_the_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    import os  # noqa: PLC0415  only to clear it

    for name in list(os.environ):
        if name.upper().startswith("SPANSTREAM_"):
            monkeypatch.delenv(name)


def load(monkeypatch: pytest.MonkeyPatch, environment: Mapping[str, str], file: Path | None = None) -> Settings:
    for name, value in environment.items():
        monkeypatch.setenv(f"SPANSTREAM_{name}", value)
    return load_settings(file)


def toml(folder: Path, text: str) -> Path:
    file = folder / "spanstream.toml"
    file.write_text(text, encoding="utf-8")
    return file


def value_of(settings: Settings, name: str) -> Any:
    value: Any = settings
    for part in name.lower().split("__"):
        value = getattr(value, part)
    return value


def test_without_anything_set_the_defaults_are_those_of_the_contract() -> None:
    settings = load_settings()
    assert settings.topics.model_dump() == {
        "documents": "qa.documents",
        "questions": "qa.questions",
        "answers": "qa.answers",
        "shadow_answers": "qa.answers.shadow",
        "dead_letters": "qa.dead-letters",
        "retries": "qa.retries",
        "open_questions": "qa.open-questions",
        "tickets": "support.tickets",
        "triage": "support.triage",
        "triage_state": "support.triage-state",
        "feedback": "qa.feedback",
        "labels": "qa.labels",
    }
    assert settings.redis.url is None
    assert settings.kafka.transactions is True
    assert settings.kafka.group_protocol == "classic"
    assert settings.model.path == DEFAULT_ARTIFACT


@pytest.mark.parametrize(
    ("name", "text", "value"),
    [
        ("KAFKA__BOOTSTRAP_SERVERS", "one:9092,two:9092", "one:9092,two:9092"),
        ("KAFKA__GROUP_ID", "mine", "mine"),
        ("KAFKA__GROUP_PROTOCOL", "consumer", "consumer"),
        ("KAFKA__TRANSACTIONS", "false", False),
        ("KAFKA__CLIENT", '{"security.protocol": "SSL", "retries": 3}', {"security.protocol": "SSL", "retries": 3}),
        ("MODEL__PATH", "/models/mine", Path("/models/mine")),
        ("MODEL__THREADS", "3", 3),
        ("TOPICS__QUESTIONS", "a", "a"),
        ("TOPICS__DOCUMENTS", "b", "b"),
        ("TOPICS__ANSWERS", "c", "c"),
        ("TOPICS__DEAD_LETTERS", "d", "d"),
        ("TOPICS__RETRIES", "e", "e"),
        ("HTTP__PORT", "9000", 9000),
        ("HTTP__PORT", "null", None),
        ("REDIS__URL", "", None),
        ("REDIS__URL", "null", None),
        ("KAFKA__CLIENT", "", {}),
        ("LIMITS__RECORD_BYTES", "1000", 1000),
        ("RETRIES__DELAY_SECONDS", "0.5", 0.5),
        ("DRAIN_SECONDS", "3", 3.0),
    ],
)
def test_the_environment_sets_it(monkeypatch: pytest.MonkeyPatch, name: str, text: str, value: object) -> None:
    assert value_of(load(monkeypatch, {name: text}), name) == value


def test_redis_is_a_secret_with_its_password_inside(monkeypatch: pytest.MonkeyPatch) -> None:
    url = f"rediss://user:{SECRET}@cache:6380/1"
    settings = load(monkeypatch, {"REDIS__URL": url})
    assert settings.redis.url is not None
    assert settings.redis.url.get_secret_value() == url


def test_one_setting_of_a_group_leaves_the_others_at_their_defaults(monkeypatch: pytest.MonkeyPatch) -> None:
    settings = load(monkeypatch, {"CHUNK__MAX_QUESTIONS": "3"})
    expected = load_settings().chunk.model_dump() | {"max_questions": 3}
    assert settings.chunk.model_dump() == expected


def test_the_file_sets_it_and_the_environment_wins_setting_by_setting(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    file = toml(
        tmp_path,
        """
        drain_seconds = 7
        [kafka]
        bootstrap_servers = "file:9092"
        group_id = "of the file"
        client = { "security.protocol" = "SASL_SSL", "sasl.username" = "me" }
        [redis]
        url = "redis://file"
        [limits]
        id_chars = 100
        """,
    )
    environment = {"KAFKA__GROUP_ID": "of the environment", "LIMITS__QUESTION_CHARS": "50"}
    settings = load(monkeypatch, environment, file)
    assert settings.kafka.bootstrap_servers == "file:9092"
    assert settings.kafka.group_id == "of the environment"
    assert settings.kafka.client["sasl.username"] == "me"
    assert settings.drain_seconds == 7.0
    assert (settings.limits.id_chars, settings.limits.question_chars) == (100, 50)


@pytest.mark.parametrize(
    ("environment", "named"),
    [
        ({"HTTP__PORT": SECRET}, "SPANSTREAM_HTTP__PORT"),
        ({"KAFKA__GROUP_PROTOCOL": SECRET}, "SPANSTREAM_KAFKA__GROUP_PROTOCOL"),
        ({"KAFKA__TRANSACTIONS": SECRET}, "SPANSTREAM_KAFKA__TRANSACTIONS"),
        ({"KAFKA__GROUPID": SECRET}, "SPANSTREAM_KAFKA__GROUPID"),
        ({"KAFKA__CLIENT": f'{{"password": ["{SECRET}"]}}'}, "SPANSTREAM_KAFKA__CLIENT"),
        ({"KAFKA__CLIENT": f'{{"password": {SECRET}'}, "KAFKA"),
        ({"KAFKA": SECRET}, "KAFKA"),
        ({"MODEL__THREADS": "0"}, "SPANSTREAM_MODEL__THREADS"),
        ({"DRAIN_SECONDS": "-1"}, "SPANSTREAM_DRAIN_SECONDS"),
        ({"LIMITS__ID_CHARS": "5000"}, "id_chars must be at most 1024"),
        ({"LIMITS__ID_CHARS": SECRET}, "SPANSTREAM_LIMITS__ID_CHARS"),
        ({"CIRCUIT__MAX_SHARE": "2"}, "SPANSTREAM_CIRCUIT__MAX_SHARE"),
        ({"HTPP__PORT": SECRET}, "SPANSTREAM_HTPP__PORT: there is no such group of settings; is it SPANSTREAM_HTTP__"),
        ({"KAFAK__CLIENT__sasl.password": SECRET}, "is it SPANSTREAM_KAFKA__"),
        ({"WEATHER__PORT": SECRET}, "SPANSTREAM_WEATHER__PORT: there is no such group of settings"),
    ],
)
def test_a_wrong_value_is_one_line_that_names_the_setting_and_not_the_value(
    monkeypatch: pytest.MonkeyPatch, environment: Mapping[str, str], named: str
) -> None:
    with pytest.raises(Stop) as caught:
        load(monkeypatch, environment)
    line = str(caught.value)
    assert named.lower() in line.lower()
    assert "\n" not in line
    assert SECRET not in line


def test_what_kubernetes_sets_for_a_service_of_this_name_is_no_setting(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("PORT", "SERVICE_HOST", "HTTP_PORT_8080_TCP"):
        monkeypatch.setenv(f"SPANSTREAM_{name}", "tcp://10.0.0.1:8080")
    assert load_settings().http.port == 8080


@pytest.mark.parametrize(
    ("environment", "named"),
    [
        ({"TOPICS__DEAD_LETTERS": "qa.questions"}, ("TOPICS__QUESTIONS", "TOPICS__DEAD_LETTERS")),
        ({"TOPICS__DEAD_LETTERS": "x", "TOPICS__RETRIES": "x"}, ("TOPICS__DEAD_LETTERS", "TOPICS__RETRIES")),
        ({"TOPICS__RETRIES": "qa.questions"}, ("TOPICS__QUESTIONS", "TOPICS__RETRIES")),
        ({"TOPICS__QUESTIONS": "qa.documents"}, ("TOPICS__DOCUMENTS", "TOPICS__QUESTIONS")),
        ({"TOPICS__TRIAGE": "qa.answers"}, ("TOPICS__ANSWERS", "TOPICS__TRIAGE")),
        ({"TRIAGE__GROUP_ID": "spanstream"}, ("KAFKA__GROUP_ID", "TRIAGE__GROUP_ID")),
        ({"REPLAY__GROUP_ID": "spanstream-triage"}, ("TRIAGE__GROUP_ID", "REPLAY__GROUP_ID")),
        ({"TRIAGE__GROUP_ID": "spanstream.replay"}, ("TRIAGE__GROUP_ID", "REPLAY__GROUP_ID")),
    ],
)
def test_two_topics_or_two_groups_with_one_name_are_one_line_that_names_both_settings(
    monkeypatch: pytest.MonkeyPatch, environment: Mapping[str, str], named: tuple[str, str]
) -> None:
    with pytest.raises(Stop) as caught:
        load(monkeypatch, environment)
    line = str(caught.value)
    assert "SPANSTREAM_{} and SPANSTREAM_{}".format(*named) in line
    assert "\n" not in line


@pytest.mark.parametrize("text", [f"password = {SECRET}", f'[kafka]\nclient = "{SECRET}"', f"{SECRET} = 1", "\udcff"])
def test_a_wrong_file_is_one_line_that_names_it_or_its_setting(tmp_path: Path, text: str) -> None:
    file = tmp_path / "wrong.toml"
    file.write_bytes(text.encode(errors="surrogateescape"))
    with pytest.raises(Stop) as caught:
        load_settings(file)
    line = str(caught.value)
    assert "\n" not in line
    assert re.search("wrong.toml|SPANSTREAM_", line)


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(Stop, match=r"absent\.toml: cannot be read"):
        load_settings(tmp_path / "absent.toml")


def test_secrets_are_in_no_repr_and_no_dump(monkeypatch: pytest.MonkeyPatch) -> None:
    settings = load(
        monkeypatch,
        {
            "REDIS__URL": f"redis://:{SECRET}@cache",
            "KAFKA__CLIENT": json.dumps({"sasl.password": SECRET}),
            "REDIS__CLIENT": json.dumps({"password": SECRET}),
            "ANSWERS_API__TOKEN": SECRET,
        },
    )
    assert SECRET not in repr(settings)
    assert SECRET not in str(settings)


def test_every_setting_says_what_it_is() -> None:
    def undescribed(model: type[BaseModel], path: str) -> list[str]:
        missing = []
        for name, field in model.model_fields.items():
            inner = field.annotation
            if isinstance(inner, type) and issubclass(inner, BaseModel):
                missing += undescribed(inner, f"{path}{name}.")
            elif not field.description:
                missing.append(path + name)
        return missing

    assert undescribed(Settings, "") == []
