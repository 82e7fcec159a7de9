"""`POST /v1/answers` in the chart: off unless asked for, a token out of a Secret, and open to those who are named."""

from __future__ import annotations

from typing import Any

import pytest

from tests.support.cluster.chart import RELEASE, Refused, kinds, only, pod_specs, render

NAME = f"{RELEASE}-spanstream"
ON: dict[str, Any] = {"enabled": True, "tokenSecret": {"name": "clients"}}
TRIAGE: dict[str, Any] = {"enabled": True, "playbook": "look: for this"}


def test_it_is_off_unless_it_is_asked_for() -> None:
    manifests = render()
    assert ("Service", f"{NAME}-answers") not in kinds(manifests)
    (container,) = pod_specs(manifests)[NAME]["containers"]
    assert [port["name"] for port in container["ports"]] == ["http"]
    assert "ANSWERS_API" not in str(manifests)
    assert len(only(manifests, "NetworkPolicy")["spec"]["ingress"]) == 1


def test_the_consumers_alone_serve_it_with_the_token_of_the_secret() -> None:
    manifests = render({"answersApi": ON, "gpu": {"enabled": True}, "triage": TRIAGE, "scaling": {"mode": "keda"}})
    pods = {name: spec["containers"][0] for name, spec in pod_specs(manifests).items()}
    consumer = pods.pop(NAME)
    assert {"name": "answers", "containerPort": 8081, "protocol": "TCP"} in consumer["ports"]
    env = {variable["name"]: variable for variable in consumer["env"]}
    assert env["SPANSTREAM_ANSWERS_API__PORT"]["value"] == "8081"
    assert env["SPANSTREAM_ANSWERS_API__HOST"]["value"] == "0.0.0.0"  # noqa: S104  inside of the pod
    secret = {"secretKeyRef": {"name": "clients", "key": "token"}}
    assert env["SPANSTREAM_ANSWERS_API__TOKEN"] == {"name": "SPANSTREAM_ANSWERS_API__TOKEN", "valueFrom": secret}
    assert "ANSWERS_API" not in str(pods)
    service = only(manifests, "Service", f"{NAME}-answers")["spec"]
    assert service["ports"] == [{"name": "answers", "port": 8081, "targetPort": "answers", "protocol": "TCP"}]
    assert service["selector"]["app.kubernetes.io/component"] == "consumer"


def test_static_members_serve_it_too() -> None:
    manifests = render({"answersApi": ON, "kafka": {"staticMembership": True}})
    names = {variable["name"] for variable in pod_specs(manifests)[NAME]["containers"][0]["env"]}
    assert {"SPANSTREAM_ANSWERS_API__TOKEN", "SPANSTREAM_KAFKA__GROUP_INSTANCE_ID"} <= names


def test_only_those_who_are_named_reach_it() -> None:
    peer = {"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "helpdesk"}}}
    rules = only(render({"answersApi": ON | {"ingressFrom": [peer]}}), "NetworkPolicy")["spec"]["ingress"]
    by_port = {rule["ports"][0]["port"]: rule["from"] for rule in rules}
    assert by_port["answers"] == [peer]
    assert peer not in by_port["http"]
    closed = only(render({"answersApi": ON}), "NetworkPolicy")["spec"]["ingress"]
    assert [rule["ports"][0]["port"] for rule in closed] == ["http"]
    alone = {"answersApi": ON | {"ingressFrom": [peer]}, "networkPolicy": {"ingressFrom": []}}
    (rule,) = only(render(alone), "NetworkPolicy")["spec"]["ingress"]
    assert rule["from"] == [peer]
    assert only(render({"networkPolicy": {"ingressFrom": []}}), "NetworkPolicy")["spec"]["ingress"] == []


def test_its_other_settings_are_settings() -> None:
    manifests = render({"answersApi": ON, "settings": {"SPANSTREAM_ANSWERS_API__MAX_WAITING": 4}})
    settings = only(manifests, "ConfigMap", f"{NAME}-settings")["data"]
    assert settings["SPANSTREAM_ANSWERS_API__MAX_WAITING"] == "4"


@pytest.mark.parametrize(
    ("values", "told"),
    [
        ({"answersApi": {"enabled": True}}, "needs answersApi.tokenSecret.name"),
        ({"answersApi": ON | {"port": 8080}}, "answersApi.port and http.port are both 8080"),
        ({"settings": {"SPANSTREAM_ANSWERS_API__TOKEN": "x"}}, "is set by answersApi.tokenSecret"),
        ({"extraEnv": [{"name": "SPANSTREAM_ANSWERS_API", "value": "{}"}]}, "names a whole group of settings"),
        ({"answersApi": ON | {"port": 80}}, "port"),
    ],
)
def test_values_that_would_not_work_are_refused(values: dict[str, Any], told: str) -> None:
    with pytest.raises(Refused, match=told):
        render(values)
