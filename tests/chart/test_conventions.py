"""Values that charts commonly have (`helm create`, Bitnami's), by their common names and with their common meaning."""

from __future__ import annotations

from typing import Any

import pytest
import yaml

from tests.support.cluster.chart import RELEASE, Object, Refused, only, pod_specs, render

NAME = f"{RELEASE}-spanstream"
# All that makes pods.
ALL: dict[str, Any] = {
    "autoscaling": {"mode": "keda"},
    "gpu": {"enabled": True},
    "triage": {"enabled": True, "playbook": "x"},
    "feedback": {"enabled": True},
    "index": {"enabled": True},
    "settings": {"SPANSTREAM_INDEX__URI": "https://search.example.com"},
    "replay": {"enabled": True},
    "topicCreation": {"mode": "job"},
}
WORKLOADS = ("Deployment", "StatefulSet", "CronJob", "Job")
FETCH = {"source": "fetch", "fetch": {"url": "https://models.example.com/a.tar.gz", "sha256": "0" * 64}}


def workloads(manifests: list[Object]) -> list[Object]:
    found = [manifest for manifest in manifests if manifest["kind"] in WORKLOADS]
    assert len(found) == 7
    return found


def pod_templates(manifests: list[Object]) -> list[Object]:
    specs = [manifest["spec"].get("jobTemplate", {}).get("spec", manifest["spec"]) for manifest in workloads(manifests)]
    return [spec["template"] for spec in specs]


def containers(manifests: list[Object]) -> list[Object]:
    pods = pod_specs(manifests).values()
    return [container for pod in pods for container in [*pod["containers"], *pod.get("initContainers", [])]]


@pytest.mark.parametrize("of_static_members", [False, True])
def test_annotations_are_on_everything_that_makes_pods_where_reloader_looks_for_them(of_static_members: bool) -> None:
    reloader = {"reloader.stakater.com/auto": "true"}
    manifests = render(ALL | {"annotations": reloader, "kafka": {"staticMembership": of_static_members}})
    for workload in workloads(manifests):
        assert workload["metadata"]["annotations"] == reloader
    for pod in pod_templates(manifests):
        assert not pod["metadata"]["annotations"].keys() & reloader.keys()


def test_common_labels_are_on_every_object_and_every_pod_and_in_no_selector() -> None:
    monitoring = {name: {"enabled": True} for name in ("serviceMonitor", "prometheusRule", "dashboard")}
    manifests = render(ALL | {"commonLabels": {"team": "support"}, "monitoring": monitoring})
    assert {manifest["metadata"]["labels"]["team"] for manifest in manifests} == {"support"}
    assert {pod["metadata"]["labels"]["team"] for pod in pod_templates(manifests)} == {"support"}
    selectors = [manifest["spec"]["selector"] for manifest in manifests if "selector" in manifest.get("spec", {})]
    assert selectors
    assert "team" not in yaml.safe_dump(selectors)


def test_a_pods_own_label_wins_over_a_common_one() -> None:
    manifests = render(ALL | {"commonLabels": {"team": "support"}, "podLabels": {"team": "night"}})
    assert {pod["metadata"]["labels"]["team"] for pod in pod_templates(manifests)} == {"night"}


@pytest.mark.parametrize("label", ["app.kubernetes.io/version", "helm.sh/chart", "spanstream/metrics"])
def test_a_common_label_cannot_be_one_of_the_charts(label: str) -> None:
    with pytest.raises(Refused, match=rf"commonLabels\.{label} is the chart's own"):
        render({"commonLabels": {label: "x"}})


def test_security_contexts_are_passed_on_as_the_api_has_them() -> None:
    manifests = render(
        ALL
        | {
            "model": FETCH,
            "podSecurityContext": {"supplementalGroups": [2000], "seLinuxOptions": {"level": "s0:c1,c2"}},
            "securityContext": {"readOnlyRootFilesystem": False, "runAsUser": 1_000_660_000},
        }
    )
    for pod in pod_specs(manifests).values():
        assert pod["securityContext"] == {
            "runAsNonRoot": True,
            "runAsUser": 10001,
            "runAsGroup": 10001,
            "fsGroup": 10001,
            "fsGroupChangePolicy": "OnRootMismatch",
            "seccompProfile": {"type": "RuntimeDefault"},
            "supplementalGroups": [2000],
            "seLinuxOptions": {"level": "s0:c1,c2"},
        }
    for container in containers(manifests):
        assert container["securityContext"] == {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": False,
            "runAsUser": 1_000_660_000,
            "capabilities": {"drop": ["ALL"]},
        }


@pytest.mark.parametrize(
    "values",
    [
        {"podSecurityContext": {"runAsNonRoot": False}},
        {"podSecurityContext": {"seccompProfile": {"type": "Unconfined"}}},
        {"podSecurityContext": {"hostNetwork": True}},
        {"securityContext": {"privileged": True}},
        {"securityContext": {"allowPrivilegeEscalation": True}},
        {"securityContext": {"capabilities": {"drop": []}}},
        {"securityContext": {"capabilities": {"add": ["SYS_ADMIN"]}}},
    ],
    ids=str,
)
def test_nothing_makes_a_pod_less_than_restricted(values: dict[str, Any]) -> None:
    (group,) = values
    with pytest.raises(Refused, match=f"at '/{group}"):
        render(values)


def test_every_container_of_every_pod_has_the_extra_volumes() -> None:
    volume = {"name": "ca", "configMap": {"name": "house-ca"}}
    mount = {"name": "ca", "mountPath": "/etc/ssl/certs", "readOnly": True}
    manifests = render(ALL | {"model": FETCH, "extraVolumes": [volume], "extraVolumeMounts": [mount]})
    assert all(volume in pod["volumes"] for pod in pod_specs(manifests).values())
    assert all(mount in container["volumeMounts"] for container in containers(manifests))


VOLUME = {"name": "ca", "emptyDir": {}}


@pytest.mark.parametrize(
    ("volumes", "mounts", "says"),
    [
        ([{"name": "tmp", "emptyDir": {}}], [], "extraVolumes.tmp is the chart's own"),
        ([VOLUME, VOLUME], [], "extraVolumes.ca is there twice"),
        ([], [{"name": "ca", "mountPath": "/ca"}], "extraVolumeMounts.ca is none of extraVolumes"),
        (
            [VOLUME],
            [{"name": "ca", "mountPath": "/model/"}],
            "extraVolumeMounts.ca is mounted at /model/, which is the",
        ),
        ([{"emptyDir": {}}], [], "at '/extraVolumes/0': missing property 'name'"),
    ],
)
def test_an_extra_volume_cannot_take_the_place_of_one_of_the_charts(
    volumes: list[Object], mounts: list[Object], says: str
) -> None:
    with pytest.raises(Refused) as refused:
        render({"extraVolumes": volumes, "extraVolumeMounts": mounts})
    assert says in str(refused.value)


def test_extra_objects_are_objects_or_texts_whose_templates_are_rendered() -> None:
    user = {
        "apiVersion": "kafka.strimzi.io/v1",
        "kind": "KafkaUser",
        "metadata": {"name": '{{ include "spanstream.name" . }}-user', "labels": {"strimzi.io/cluster": "events"}},
        "spec": {"authentication": {"type": "tls"}},
    }
    text = (
        "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: topics}\n"
        "data: {questions: {{ .Values.kafka.topics.questions }}}\n"
    )
    manifests = render({"extraObjects": [user, text]})
    assert only(manifests, "KafkaUser")["metadata"]["name"] == f"{NAME}-user"
    assert only(manifests, "ConfigMap", "topics")["data"] == {"questions": "qa.questions"}


def test_spread_constraints_of_ones_own_take_the_place_of_the_charts_and_get_its_selector() -> None:
    zone = {"topologyKey": "topology.kubernetes.io/zone", "maxSkew": 1, "whenUnsatisfiable": "DoNotSchedule"}
    mine = zone | {"topologyKey": "kubernetes.io/hostname", "labelSelector": {"matchLabels": {"app": "mine"}}}
    pods = pod_specs(render(ALL | {"topologySpreadConstraints": [zone, mine]}))
    for part in ("gpu", "triage"):
        labels = {"app.kubernetes.io/name": "spanstream", "app.kubernetes.io/instance": RELEASE}
        selector = {"matchLabels": labels | {"app.kubernetes.io/component": part}}
        assert pods[f"{NAME}-{part}"]["topologySpreadConstraints"] == [zone | {"labelSelector": selector}, mine]


def test_one_existing_secret_holds_all_settings_that_are_secret_and_none_that_the_chart_sets() -> None:
    for container in containers(render(ALL | {"existingSecret": "spanstream"})):
        # Of a name that is in both, the later one counts.
        assert container["envFrom"] == [
            {"secretRef": {"name": "spanstream"}},
            {"configMapRef": {"name": f"{NAME}-settings"}},
        ]


def test_kafkas_login_comes_out_of_the_existing_secret_where_it_has_none_of_its_own() -> None:
    sasl = {"mechanism": "PLAIN"}
    for secret, more in (("spanstream", {}), ("kafka", {"secretName": "kafka"})):
        values = {"existingSecret": "spanstream", "kafka": {"sasl": sasl | more}, "autoscaling": {"mode": "keda"}}
        manifests = render(values)
        (container,) = pod_specs(manifests)[NAME]["containers"]
        assert {variable["valueFrom"]["secretKeyRef"]["name"] for variable in container["env"]} == {secret}
        references = only(manifests, "TriggerAuthentication")["spec"]["secretTargetRef"]
        assert {reference["name"] for reference in references} == {secret}


def test_the_network_policy_lets_pods_go_to_a_redis_that_only_a_secret_names_if_it_is_told_its_port() -> None:
    rules = only(render({"existingSecret": "s", "networkPolicy": {"redis": {"ports": [6380]}}}), "NetworkPolicy")
    assert rules["spec"]["egress"][-1] == {"ports": [{"port": 6380, "protocol": "TCP"}]}


def test_strimzis_ca_and_the_users_certificate_come_out_of_two_secrets() -> None:
    tls = {"enabled": True, "secretName": "events-cluster-ca-cert", "certSecretName": "qa"}
    tls |= {"certKey": "user.crt", "keyKey": "user.key"}
    manifests = render(ALL | {"kafka": {"tls": tls}})
    for pod in pod_specs(manifests).values():
        secrets = {volume["name"]: volume["secret"]["secretName"] for volume in pod["volumes"] if "secret" in volume}
        assert secrets == {"kafka": "events-cluster-ca-cert", "kafka-client": "qa"}
        mounts = {mount["name"]: mount["mountPath"] for mount in pod["containers"][0]["volumeMounts"]}
        assert mounts["kafka-client"] == "/etc/spanstream/kafka-client"
    client = yaml.safe_load(only(manifests, "ConfigMap", f"{NAME}-settings")["data"]["SPANSTREAM_KAFKA__CLIENT"])
    assert client == {
        "security.protocol": "SSL",
        "ssl.ca.location": "/etc/spanstream/kafka/ca.crt",
        "ssl.certificate.location": "/etc/spanstream/kafka-client/user.crt",
        "ssl.key.location": "/etc/spanstream/kafka-client/user.key",
    }
    references = only(manifests, "TriggerAuthentication")["spec"]["secretTargetRef"]
    assert {reference["parameter"]: (reference["name"], reference["key"]) for reference in references} == {
        "ca": ("events-cluster-ca-cert", "ca.crt"),
        "cert": ("qa", "user.crt"),
        "key": ("qa", "user.key"),
    }


def test_a_certificate_signed_for_brokers_with_a_public_ca_needs_no_secret_with_a_ca() -> None:
    tls = {"enabled": True, "certSecretName": "qa", "certKey": "tls.crt", "keyKey": "tls.key"}
    manifests = render({"kafka": {"tls": tls}, "autoscaling": {"mode": "keda"}})
    references = only(manifests, "TriggerAuthentication")["spec"]["secretTargetRef"]
    assert [reference["parameter"] for reference in references] == ["cert", "key"]
    client = yaml.safe_load(only(manifests, "ConfigMap")["data"]["SPANSTREAM_KAFKA__CLIENT"])
    assert "ssl.ca.location" not in client
