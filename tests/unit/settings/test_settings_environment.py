"""Values out of files, and names for the clients' properties that a shell can export."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from spanstream.consumer.errors import Stop
from spanstream.consumer.settings import Settings
from spanstream.consumer.settings.environment import files_in
from spanstream.consumer.settings.loading import load_settings

SECRET = "hunter2-of-a-file"  # noqa: S105  made up


@pytest.fixture(autouse=True)
def _no_settings_of_the_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in list(os.environ):
        if name.upper().startswith("SPANSTREAM_"):
            monkeypatch.delenv(name)


def load(monkeypatch: pytest.MonkeyPatch, **environment: str | Path) -> Settings:
    for name, value in environment.items():
        monkeypatch.setenv(f"SPANSTREAM_{name}", str(value))
    return load_settings()


def secret_file(folder: Path, text: str) -> Path:
    file = folder / "secret"
    file.write_text(text, encoding="utf-8")
    return file


def test_a_secret_comes_from_a_file_without_its_last_lines_end(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    settings = load(monkeypatch, REDIS__URL_FILE=secret_file(tmp_path, f"redis://:{SECRET}@cache/0\n"))
    assert settings.redis.url is not None
    assert settings.redis.url.get_secret_value() == f"redis://:{SECRET}@cache/0"


@pytest.mark.parametrize("name", ["DRAIN_SECONDS_FILE", "HTTP__STUCK_SECONDS_FILE", "CHUNK__MAX_BYTES_FILE"])
def test_every_setting_can_come_from_a_file(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, name: str) -> None:
    settings = load(monkeypatch, **{name: secret_file(tmp_path, "77")})
    assert 77 in {settings.drain_seconds, settings.http.stuck_seconds, settings.chunk.max_bytes}


@pytest.mark.parametrize("password", ["1.50", "007", "true", "null", '{"a": 1}', "with space ", "1e5"])
def test_a_clients_property_has_a_name_that_a_shell_can_export_and_its_value_stays_as_it_is_written(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, password: str
) -> None:
    client = '{"security.protocol": "SASL_SSL", "sasl.username": "of the table"}'
    file = secret_file(tmp_path, password)
    settings = load(
        monkeypatch,
        KAFKA__CLIENT__SASL_USERNAME="qa",
        KAFKA__CLIENT=client,
        KAFKA__CLIENT__SASL_PASSWORD_FILE=file,
        REDIS__CLIENT__SSL_CA_CERTS="/ca.pem",
    )
    assert settings.kafka.client == {
        "security.protocol": "SASL_SSL",
        "sasl.username": "qa",
        "sasl.password": password,
    }
    assert settings.redis.client == {"ssl_ca_certs": "/ca.pem"}


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("REDIS__URL", "REDIS__URL_FILE"),
        ("KAFKA__CLIENT__SASL_PASSWORD", "KAFKA__CLIENT__SASL_PASSWORD_FILE"),
        ("KAFKA__CLIENT__SASL_PASSWORD", "KAFKA__CLIENT__sasl.password"),
    ],
)
def test_a_setting_that_is_given_twice_is_refused_by_name(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, one: str, other: str
) -> None:
    with pytest.raises(Stop) as stop:
        load(monkeypatch, **{one: SECRET, other: str(secret_file(tmp_path, SECRET))})
    assert f"SPANSTREAM_{one}".upper() in str(stop.value)
    assert f"SPANSTREAM_{other}".upper() in str(stop.value)
    assert SECRET not in str(stop.value)


def test_a_file_that_is_not_there_or_empty_is_one_line(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    with pytest.raises(Stop, match=r"setting SPANSTREAM_REDIS__URL_FILE: .*/none cannot be read: No such file"):
        load(monkeypatch, REDIS__URL_FILE=tmp_path / "none")
    with pytest.raises(Stop, match=r"setting SPANSTREAM_REDIS__URL_FILE: .*/secret is empty"):
        load(monkeypatch, REDIS__URL_FILE=secret_file(tmp_path, "\n"))
    (tmp_path / "secret").write_bytes(b"\xff")
    with pytest.raises(Stop, match="it is no UTF-8"):
        load(monkeypatch, REDIS__URL_FILE=tmp_path / "secret")


def test_a_mistyped_name_is_refused_with_a_file_too(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    with pytest.raises(Stop, match="SPANSTREAM_REDIS__ULR"):
        load(monkeypatch, REDIS__ULR_FILE=secret_file(tmp_path, SECRET))


def test_properties_that_name_files_and_variables_of_others_are_left_alone() -> None:
    variables = {
        "SPANSTREAM_KAFKA__CLIENT__SASL_OAUTHBEARER_ASSERTION_PRIVATE_KEY_FILE": "/key.pem",
        "SPANSTREAM_LOG_FILE": "/a.log",
        "LOG__FILE": "/a.log",
        "SPANSTREAM_KAFKA__CLIENT__SSL_KEY_PASSWORD_FILE": "/password",
    }
    assert files_in(variables, Settings) == {"SPANSTREAM_KAFKA__CLIENT__SSL_KEY_PASSWORD_FILE": Path("/password")}


def test_the_registrys_client_has_its_properties_by_their_own_names(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    file = secret_file(tmp_path, f"qa:{SECRET}")
    settings = load(
        monkeypatch, REGISTRY__CLIENT__BASIC_AUTH_USER_INFO_FILE=file, REGISTRY__CLIENT__SSL_CA_LOCATION="/ca.pem"
    )
    assert settings.registry.client == {"basic.auth.user.info": f"qa:{SECRET}", "ssl.ca.location": "/ca.pem"}


@pytest.mark.parametrize("name", ["KAFKA__CLIENT", "REDIS__CLIENT", "REGISTRY__CLIENT"])
def test_a_table_that_is_not_json_is_named(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    with pytest.raises(Stop, match=f"setting SPANSTREAM_{name}: should be a JSON object"):
        load(monkeypatch, **{name: SECRET})
