"""The feedback stream in the chart: pods that read no model, found by whoever watches and scales them."""

from __future__ import annotations

from typing import Any

from tests.support.cluster.chart import RELEASE, kinds, only, pod_specs, render

NAME = f"{RELEASE}-spanstream-feedback"
ON: dict[str, Any] = {"feedback": {"enabled": True}}
SCALED: dict[str, Any] = {
    "feedback": {"enabled": True, "autoscaling": {"enabled": True}},
    "autoscaling": {"mode": "keda"},
}
MODEL = {"model": {"source": "fetch", "fetch": {"url": "https://models.example.com/a", "sha256": "0" * 64}}}


def test_without_it_nothing_of_the_feedback_is_made() -> None:
    assert NAME not in pod_specs(render())


def test_a_pod_runs_the_feedback_with_the_settings_of_all_and_fetches_no_model() -> None:
    pod = pod_specs(render(ON | MODEL))[NAME]
    (container,) = pod["containers"]
    assert container["args"] == ["feedback", "run"]
    assert container["envFrom"][-1] == {"configMapRef": {"name": f"{RELEASE}-spanstream-settings"}}
    assert "initContainers" not in pod
    assert {port["name"] for port in container["ports"]} == {"http"}
    assert container["readinessProbe"]["httpGet"] == {"path": "/readyz", "port": "http"}


def test_the_pods_are_in_the_service_account_the_network_policy_and_a_disruption_budget() -> None:
    manifests = render(ON)
    labels = only(manifests, "Deployment", NAME)["spec"]["template"]["metadata"]["labels"]
    policy = only(manifests, "NetworkPolicy")["spec"]["podSelector"]["matchLabels"]
    assert policy.items() <= labels.items()
    assert only(manifests, "Service")["spec"]["selector"].items() <= labels.items()
    assert pod_specs(manifests)[NAME]["serviceAccountName"] == only(manifests, "ServiceAccount")["metadata"]["name"]
    assert ("PodDisruptionBudget", NAME) in kinds(manifests)


def test_keda_scales_it_by_the_lag_of_its_group_on_the_feedback() -> None:
    settings = {"SPANSTREAM_FEEDBACK__GROUP_ID": "ours", "SPANSTREAM_TOPICS__FEEDBACK": "said"}
    manifests = render(SCALED | {"settings": settings})
    spec = only(manifests, "ScaledObject", NAME)["spec"]
    (trigger,) = spec["triggers"]
    assert (trigger["metadata"]["consumerGroup"], trigger["metadata"]["topic"]) == ("ours", "said")
    assert (spec["minReplicaCount"], spec["maxReplicaCount"]) == (1, 3)
    assert "replicas" not in only(manifests, "Deployment", NAME)["spec"]
    assert only(render(ON), "Deployment", NAME)["spec"]["replicas"] == 1


def test_a_broken_promise_is_an_alert_that_counts_the_pods_that_test_it() -> None:
    manifests = render(ON | {"monitoring": {"prometheusRule": {"enabled": True}}})
    rules = {rule["alert"]: rule["expr"] for rule in only(manifests, "PrometheusRule")["spec"]["groups"][0]["rules"]}
    assert "max by (promise) (spanstream_promise_evidence" in rules["SpanstreamPromiseBroken"]
    assert ">= 20 * count by (promise) (spanstream_promise_evidence" in rules["SpanstreamPromiseBroken"]
