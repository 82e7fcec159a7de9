"""No manifest holds a secret: a value that would put one into a ConfigMap is refused."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.support.cluster.chart import Refused, render

SECRET = "hunter2-very-secret"  # noqa: S105  made up
TRIAGE = {"enabled": True, "playbook": "look: for this"}
PLANTED: dict[str, dict[str, Any]] = {
    "a SASL password": {"kafka": {"client": {"sasl.password": SECRET}}},
    "a key's password": {"kafka": {"client": {"ssl.key.password": SECRET}}},
    "a key": {"kafka": {"client": {"ssl.key.pem": SECRET}}},
    "an OAuth secret": {"kafka": {"client": {"sasl.oauthbearer.client.secret": SECRET}}},
    "a Redis URL with a password": {"redis": {"url": f"redis://me:{SECRET}@cache:6379/0"}},
    "a Redis URL with a password among its options": {"redis": {"url": f"redis://cache:6379/0?password={SECRET}"}},
    "a Redis URL with a key's password": {"redis": {"url": f"rediss://cache:6379/0?db=1&ssl_password={SECRET}"}},
    "Redis options": {"settings": {"SPANSTREAM_REDIS__CLIENT": json.dumps({"password": SECRET})}},
    "Redis settings": {"settings": {"SPANSTREAM_REDIS": json.dumps({"client": {"password": SECRET}})}},
    "Kafka properties": {"settings": {"SPANSTREAM_KAFKA__CLIENT": json.dumps({"sasl.password": SECRET})}},
    "registry options": {"settings": {"SPANSTREAM_REGISTRY__CLIENT": json.dumps({"basic.auth.user.info": SECRET})}},
    "a registry option": {"settings": {"SPANSTREAM_REGISTRY__CLIENT__BASIC_AUTH_USER_INFO": f"me:{SECRET}"}},
    "a registry URL with a password": {"settings": {"SPANSTREAM_REGISTRY__URL": f"https://me:{SECRET}@registry:8081"}},
    "a token of the model's server": {"settings": {"SPANSTREAM_MODEL__TOKEN": SECRET}},
    "a token of the answers API": {"settings": {"SPANSTREAM_ANSWERS_API__TOKEN": SECRET}},
    "a Kafka property": {"settings": {"SPANSTREAM_KAFKA__CLIENT__SASL_PASSWORD": SECRET}},
    "Redis options of the triage pods": {
        "triage": {**TRIAGE, "settings": {"SPANSTREAM_REDIS__CLIENT": json.dumps({"password": SECRET})}}
    },
}


@pytest.mark.parametrize("place", PLANTED)
def test_a_value_that_holds_a_secret_is_refused(place: str) -> None:
    with pytest.raises(Refused) as refused:
        render(PLANTED[place])
    assert SECRET not in str(refused.value)


def test_no_manifest_holds_a_secret() -> None:
    manifests = render(
        {
            "kafka": {"sasl": {"mechanism": "SCRAM-SHA-512", "secretName": "kafka-user"}, "tls": {"enabled": True}},
            "redis": {"urlSecret": {"name": "redis-url"}},
            "triage": TRIAGE,
        }
    )
    settings = [item["data"] for item in manifests if item["kind"] == "ConfigMap"]
    assert settings
    written = json.dumps(settings).lower()
    assert "password" not in written
    assert "redis://" not in written
    assert "Secret" not in {item["kind"] for item in manifests}


FILES = {
    "SPANSTREAM_KAFKA__CLIENT__SASL_USERNAME_FILE": "/run/secrets/kafka/username",
    "SPANSTREAM_KAFKA__CLIENT__SASL_PASSWORD_FILE": "/run/secrets/kafka/password",
    "SPANSTREAM_REDIS__URL_FILE": "/run/secrets/redis/url",
    "SPANSTREAM_REDIS__CLIENT__SSL_PASSWORD_FILE": "/run/secrets/redis/key-password",
    "SPANSTREAM_REGISTRY__CLIENT__BASIC_AUTH_USER_INFO_FILE": "/run/secrets/registry/login",
    "SPANSTREAM_MODEL__TOKEN_FILE": "/run/secrets/model/token",
}


def test_secrets_may_come_from_files_which_can_change_while_pods_run() -> None:
    client = {"security.protocol": "SASL_SSL", "sasl.mechanism": "SCRAM-SHA-512"}
    manifests = render({"settings": FILES, "kafka": {"client": client}})
    (settings,) = (item["data"] for item in manifests if item["kind"] == "ConfigMap")
    assert settings.items() >= FILES.items()
    (policy,) = (item["spec"] for item in manifests if item["kind"] == "NetworkPolicy")
    assert 6379 in {port["port"] for rule in policy["egress"] for port in rule["ports"]}


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("KAFKA__CLIENT__SASL_PASSWORD", {"kafka": {"sasl": {"mechanism": "PLAIN", "secretName": "kafka"}}}),
        ("REDIS__URL", {"redis": {"urlSecret": {"name": "redis"}}}),
        ("ANSWERS_API__TOKEN", {"answersApi": {"enabled": True, "tokenSecret": {"name": "token"}}}),
    ],
)
def test_a_file_of_what_another_value_sets_is_refused(name: str, values: dict[str, Any]) -> None:
    with pytest.raises(Refused, match=f"settings.SPANSTREAM_{name}_FILE is set by"):
        render({**values, "settings": {f"SPANSTREAM_{name}_FILE": "/run/secrets/it"}})


def test_a_password_that_kafka_sasl_sets_is_refused_in_extra_env_in_either_spelling() -> None:
    sasl = {"kafka": {"sasl": {"mechanism": "PLAIN", "secretName": "kafka"}}}
    source = {"secretKeyRef": {"name": "kafka", "key": "password"}}
    for name in ("SPANSTREAM_KAFKA__CLIENT__sasl.password", "SPANSTREAM_KAFKA__CLIENT__SASL_PASSWORD"):
        with pytest.raises(Refused, match=f"extraEnv.{name} is set by kafka.client, kafka.sasl or kafka.tls"):
            render({**sasl, "extraEnv": [{"name": name, "valueFrom": source}]})


def test_the_container_that_fetches_the_model_has_the_settings_and_the_token_of_its_server_too() -> None:
    fetch = {"url": "https://models.example.com/m.tar.gz", "sha256": "0" * 64}
    manifests = render(
        {
            "existingSecret": "everything",
            "settings": {"SPANSTREAM_MODEL__TOKEN_HEADER": "PRIVATE-TOKEN"},
            "model": {"source": "fetch", "fetch": fetch},
        }
    )
    (pod,) = (item["spec"]["template"]["spec"] for item in manifests if item["kind"] == "Deployment")
    assert pod["initContainers"][0]["envFrom"] == pod["containers"][0]["envFrom"]
    assert {"secretRef": {"name": "everything"}} in pod["containers"][0]["envFrom"]


def test_a_login_in_existing_secret_may_stand_there_as_the_settings_that_it_is() -> None:
    """Two spellings of one setting in a pod would be refused by the program."""
    names = {f"{part}Key": f"SPANSTREAM_KAFKA__CLIENT__SASL_{part.upper()}" for part in ("username", "password")}
    manifests = render({"existingSecret": "everything", "kafka": {"sasl": {"mechanism": "PLAIN", **names}}})
    (pod,) = (item["spec"]["template"]["spec"] for item in manifests if item["kind"] == "Deployment")
    login = {variable["name"]: variable for variable in pod["containers"][0]["env"] if "CLIENT__" in variable["name"]}
    assert login.keys() == set(names.values())
    assert all(variable["valueFrom"]["secretKeyRef"]["key"] == name for name, variable in login.items())
