"""What differs between platforms: OpenShift's own users, IPv6, versions that carry a vendor's mark."""

from __future__ import annotations

from typing import Any

import pytest

from tests.support.cluster.chart import CHART, RELEASE, Refused, notes, only, pod_specs, render

NAME = f"{RELEASE}-spanstream"
IDS = ("runAsUser", "runAsGroup", "fsGroup")


def test_pods_run_as_the_images_user_where_nothing_else_is_said() -> None:
    context = pod_specs(render())[NAME]["securityContext"]
    assert [context[name] for name in IDS] == [10001, 10001, 10001]


def test_the_platform_chooses_user_and_groups_where_they_are_left_out() -> None:
    values: dict[str, Any] = {"podSecurityContext": dict.fromkeys(IDS), "triage": {"enabled": True, "playbook": "x"}}
    for pod in pod_specs(render(values | {"replay": {"enabled": True}})).values():
        context = pod["securityContext"]
        assert not context.keys() & set(IDS)
        assert context["runAsNonRoot"] is True
        assert context["seccompProfile"] == {"type": "RuntimeDefault"}


def test_one_of_them_alone_can_be_given_as_large_as_openshift_has_them() -> None:
    values = {"podSecurityContext": {"runAsUser": 1_000_660_000, "runAsGroup": None, "fsGroup": None}}
    context = pod_specs(render(values))[NAME]["securityContext"]
    assert {name: context[name] for name in IDS if name in context} == {"runAsUser": 1_000_660_000}


def test_root_is_no_user_to_choose() -> None:
    with pytest.raises(Refused, match="at '/podSecurityContext/runAsUser': minimum: got 0, want 1"):
        render({"podSecurityContext": {"runAsUser": 0}})


def test_the_openshift_example_leaves_user_and_groups_to_openshift() -> None:
    for pod in pod_specs(render({}, CHART / "examples" / "openshift.yaml")).values():
        assert not pod["securityContext"].keys() & set(IDS)


def test_the_user_may_be_a_value_where_the_brokers_operator_puts_only_the_password_into_its_secret() -> None:
    sasl = {"mechanism": "SCRAM-SHA-512", "secretName": "qa", "username": "qa"}
    manifests = render({"kafka": {"sasl": sasl}, "autoscaling": {"mode": "keda"}})
    user = "SPANSTREAM_KAFKA__CLIENT__SASL_USERNAME"
    variables = pod_specs(manifests)[NAME]["containers"][0]["env"]
    assert {"name": user, "value": "qa"} in variables
    # KEDA takes parameters of a login out of Secrets or of the pod's variables only.
    spec = only(manifests, "TriggerAuthentication")["spec"]
    assert spec["env"] == [{"parameter": "username", "name": user}]
    assert [secret["parameter"] for secret in spec["secretTargetRef"]] == ["password"]


def test_probes_and_metrics_can_be_served_on_ipv6() -> None:
    assert only(render(), "ConfigMap")["data"]["SPANSTREAM_HTTP__HOST"] == "0.0.0.0"  # noqa: S104  in a pod
    assert only(render({"http": {"host": "::"}}), "ConfigMap")["data"]["SPANSTREAM_HTTP__HOST"] == "::"


@pytest.mark.parametrize("servers", ["[fd00::10]:9092", "[fd00::10]:9092,[fd00::11]:9092", "[::ffff:10.0.0.7]:9092"])
def test_brokers_may_be_ipv6_addresses(servers: str) -> None:
    manifests = render({"kafka": {"bootstrapServers": servers}, "autoscaling": {"mode": "keda"}})
    assert only(manifests, "ConfigMap")["data"]["SPANSTREAM_KAFKA__BOOTSTRAP_SERVERS"] == servers
    trigger = only(manifests, "ScaledObject")["spec"]["triggers"][0]
    assert trigger["metadata"]["bootstrapServers"] == servers


@pytest.mark.parametrize("version", ["v1.31.2-eks-7f9249a", "v1.29.8+f10c92d", "v1.30.5-gke.1014001", "v1.28.4+k3s2"])
def test_a_vendors_mark_on_the_version_is_no_reason_to_refuse_it(version: str) -> None:
    assert render(kubernetes=version)


@pytest.mark.parametrize(
    ("values", "warns"),
    [
        ({"autoscaling": {"mode": "keda"}}, ""),
        ({"autoscaling": {"mode": "hpa"}, "http": {"host": "::"}}, ""),
        ({"autoscaling": {"mode": "keda"}, "http": {"host": "::"}}, "KEDA asks pods by IPv4 addresses only"),
        (
            {"autoscaling": {"mode": "keda"}, "kafka": {"bootstrapServers": "kafka:9092"}},
            "KEDA looks up kafka:9092 in its own namespace",
        ),
    ],
)
def test_the_notes_warn_of_what_keda_cannot_reach(values: dict[str, Any], warns: str) -> None:
    said = notes(values)
    assert said.count("WARNING: KEDA") == bool(warns)
    assert warns in said
