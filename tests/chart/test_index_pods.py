"""The indexer in the chart: pods that keep the passage index current, found by whoever watches and scales them."""

from __future__ import annotations

from typing import Any

from tests.support.cluster.chart import RELEASE, kinds, only, pod_specs, render

NAME = f"{RELEASE}-spanstream-index"
URI = {"SPANSTREAM_INDEX__URI": "https://search.example.com"}
ON: dict[str, Any] = {"index": {"enabled": True}, "settings": URI}
SCALED: dict[str, Any] = {
    "index": {"enabled": True, "autoscaling": {"enabled": True}},
    "autoscaling": {"mode": "keda"},
}


def test_without_it_nothing_of_the_indexer_is_made() -> None:
    assert NAME not in pod_specs(render())


def test_a_pod_runs_the_indexer_with_the_settings_of_all_and_fetches_no_model() -> None:
    model = {"model": {"source": "fetch", "fetch": {"url": "https://models.example.com/a", "sha256": "0" * 64}}}
    manifests = render(ON | model)
    pod = pod_specs(manifests)[NAME]
    (container,) = pod["containers"]
    assert container["args"] == ["index", "run"]
    assert "initContainers" not in pod
    assert container["readinessProbe"]["httpGet"] == {"path": "/readyz", "port": "http"}
    settings = only(manifests, "ConfigMap", f"{RELEASE}-spanstream-settings")["data"]
    assert URI.items() <= settings.items()


def test_the_pods_are_in_the_service_the_network_policy_and_a_disruption_budget() -> None:
    manifests = render(ON)
    labels = only(manifests, "Deployment", NAME)["spec"]["template"]["metadata"]["labels"]
    policy = only(manifests, "NetworkPolicy")["spec"]["podSelector"]["matchLabels"]
    assert policy.items() <= labels.items()
    assert only(manifests, "Service")["spec"]["selector"].items() <= labels.items()
    assert ("PodDisruptionBudget", NAME) in kinds(manifests)


def test_keda_scales_it_by_the_lag_of_its_group_on_the_documents() -> None:
    named = {"kafka": {"topics": {"documents": "texts"}}, "settings": URI | {"SPANSTREAM_INDEX__GROUP_ID": "ours"}}
    manifests = render(SCALED | named)
    spec = only(manifests, "ScaledObject", NAME)["spec"]
    (trigger,) = spec["triggers"]
    assert (trigger["metadata"]["consumerGroup"], trigger["metadata"]["topic"]) == ("ours", "texts")
    assert (spec["minReplicaCount"], spec["maxReplicaCount"]) == (1, 3)
    assert "replicas" not in only(manifests, "Deployment", NAME)["spec"]
    assert only(render(ON), "Deployment", NAME)["spec"]["replicas"] == 1


def alerts(values: dict[str, Any]) -> dict[str, str]:
    monitored = {"monitoring": {"prometheusRule": {"enabled": True, "indexLagRecords": 250}}}
    (group,) = only(render(values | monitored), "PrometheusRule")["spec"]["groups"]
    return {rule["alert"]: rule["expr"] for rule in group["rules"]}


def test_an_index_that_falls_behind_fails_or_has_no_member_is_an_alert() -> None:
    rules = alerts(ON)
    assert rules["SpanstreamIndexBehind"].startswith("sum(spanstream_index_lag_records{")
    assert rules["SpanstreamIndexBehind"].endswith("> 250")
    assert "spanstream_index_failures_total" in rules["SpanstreamIndexFailing"]
    assert "or vector(0)) < " in rules["SpanstreamIndexWithoutMember"]
    assert 'outcome="unavailable"' in rules["SpanstreamCollectionsNotSearched"]


def test_where_the_indexer_runs_elsewhere_only_the_searches_are_watched() -> None:
    rules = alerts({"settings": URI})
    assert "SpanstreamCollectionsNotSearched" in rules
    assert not [name for name in rules if name.startswith("SpanstreamIndex")]


def test_an_indexer_that_may_be_scaled_to_none_may_be_without_a_member() -> None:
    index = {"enabled": True, "autoscaling": {"enabled": True, "minReplicas": 0}}
    assert "SpanstreamIndexWithoutMember" not in alerts(SCALED | {"index": index, "settings": URI})
