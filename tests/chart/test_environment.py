"""`extraEnv`: more variables for the pods, and none that the chart sets itself or could not see."""

from __future__ import annotations

from typing import Any

import pytest

from tests.support.cluster.chart import RELEASE, Object, Refused, pod_specs, render

FETCH: dict[str, Any] = {"source": "fetch", "fetch": {"url": "https://models.example.com/a.tar.gz", "sha256": "0" * 64}}
SECRET = {"valueFrom": {"secretKeyRef": {"name": "more", "key": "it"}}}


def variables(extra: list[Object], **values: Any) -> list[Object]:
    pod = pod_specs(render({"extraEnv": extra, **values}))[f"{RELEASE}-spanstream"]
    found: list[Object] = pod["containers"][0]["env"]
    return found


def test_numbers_and_booleans_are_given_as_the_text_that_kubernetes_asks_for() -> None:
    values = {"PORT": 3128, "RATIO": 0.5, "LARGE": 5_000_000, "FLAG": True, "TEXT": "007", "EMPTY": ""}
    found = variables([{"name": name, "value": value} for name, value in values.items()])
    assert {variable["name"]: variable["value"] for variable in found} == {
        "PORT": "3128",
        "RATIO": "0.5",
        "LARGE": "5000000",
        "FLAG": "true",
        "TEXT": "007",
        "EMPTY": "",
    }


def test_every_container_has_them() -> None:
    extra = [{"name": "HTTPS_PROXY", "value": "http://proxy:3128"}, {"name": "TOKEN"} | SECRET]
    for pod in pod_specs(render({"extraEnv": extra, "model": FETCH, "replay": {"enabled": True}})).values():
        for container in [*pod["containers"], *pod.get("initContainers", [])]:
            assert [variable for variable in container["env"] if variable in extra] == extra


def test_settings_that_are_secrets_come_by_reference() -> None:
    for name in ("SPANSTREAM_REDIS__CLIENT", "SPANSTREAM_KAFKA__CLIENT__ssl.key.password"):
        assert {"name": name} | SECRET in variables([{"name": name} | SECRET])


TAKEN = {
    "SPANSTREAM_KAFKA__BOOTSTRAP_SERVERS": "is set by kafka.bootstrapServers",
    "SPANSTREAM_KAFKA__GROUP_ID": "is set by kafka.groupId",
    "spanstream_kafka__group_id": "is set by kafka.groupId",  # the program reads it all the same
    "SPANSTREAM_TOPICS__QUESTIONS": "is set by kafka.topics.questions",
    "SPANSTREAM_TOPICS__RETRIES": "is set by kafka.topics.retries",
    "SPANSTREAM_HTTP__PORT": "is set by http.port",
    "SPANSTREAM_HTTP__HOST": "is set by http.host",
    "SPANSTREAM_REDIS__URL": "is set by redis.url or redis.urlSecret",
    "SPANSTREAM_KAFKA__CLIENT": "is set by kafka.client",
    "SPANSTREAM_KAFKA__CLIENT__security.protocol": "is set by kafka.client, kafka.sasl or kafka.tls",
    "SPANSTREAM_KAFKA__CLIENT__SASL.PASSWORD": "is set by kafka.client, kafka.sasl or kafka.tls",
    "SPANSTREAM_TOPICS__TICKETS": "is read by the chart too: set it in settings or triage.settings",
    "SPANSTREAM_TRIAGE__GROUP_ID": "is read by the chart too: set it in settings or triage.settings",
    "SPANSTREAM_TOPICS__LABELS": "is read by the chart too: set it in settings",
    "SPANSTREAM_TRIAGE__PLAYBOOK": "is set by triage.playbook",
    "SPANSTREAM_KAFKA": "names a whole group of settings",
    "SPANSTREAM_DRAIN_SECONDS": "is set by drainSeconds",
    "SPANSTREAM_RETRIES__MAX_ATTEMPTS": "is in settings too",
    "MODEL_URL": "is the chart's own",
}


@pytest.mark.parametrize("name", TAKEN)
def test_what_the_chart_sets_cannot_be_set_behind_its_back_not_by_reference_either(name: str) -> None:
    sasl = {"sasl": {"mechanism": "PLAIN", "secretName": "kafka"}}
    settings = {"SPANSTREAM_RETRIES__MAX_ATTEMPTS": 3}
    with pytest.raises(Refused) as refused:
        variables([{"name": name} | SECRET], kafka=sasl, settings=settings)
    assert f"extraEnv.{name} {TAKEN[name]}" in str(refused.value)


@pytest.mark.parametrize(
    ("extra", "says"),
    [
        ([{"name": "SPANSTREAM_LOG__LEVEL", "value": "debug"}], "extraEnv.SPANSTREAM_LOG__LEVEL belongs in settings"),
        ([{"name": "A", "value": "1"}, {"name": "A", "value": "2"}], "extraEnv.A is there twice"),
        ([{"name": "A", "value": "1"} | SECRET], "extraEnv.A has both value and valueFrom"),
        ([{"name": "A B", "value": "1"}], "extraEnv.A B is no name of a variable"),
        # For these helm has no form: all variables of the pod would be left out, without a word.
        *(([{"name": "A", "value": f"a{c}b"}], "extraEnv.A holds a control character") for c in "\x7f\x80\x9f\uffff"),
        ([{"name": "A", "value": "\x1b[31m"}], "extraEnv.A holds a control character"),
        ([{"name": "A", "value": {"b": 1}}], "at '/extraEnv/0/value': got object, want boolean or number or string"),
        ([{"name": "A", "vale": "1"}], "at '/extraEnv/0': additional properties 'vale' not allowed"),
    ],
)
def test_a_variable_that_cannot_be_one_is_refused_in_words(extra: list[Object], says: str) -> None:
    with pytest.raises(Refused) as refused:
        variables(extra)
    assert says in str(refused.value)
