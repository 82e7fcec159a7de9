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
