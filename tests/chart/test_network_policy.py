"""Where the network policy lets pods go: as narrow as the values are, and no narrower than they say."""

from __future__ import annotations

from typing import Any

import pytest

from tests.support.cluster.chart import Object, only, render

FETCH: dict[str, Any] = {"source": "fetch", "fetch": {"url": "https://models.example.com/a.tar.gz", "sha256": "0" * 64}}


def egress(values: dict[str, Any]) -> list[Object]:
    rules: list[Object] = only(render(values), "NetworkPolicy")["spec"]["egress"]
    return rules


def ports(values: dict[str, Any]) -> list[list[int]]:
    return [[port["port"] for port in rule["ports"] if port["protocol"] == "TCP"] for rule in egress(values)]


def namespaces(rule: Object) -> list[str] | None:
    """Returns the namespaces that a rule lets pods go to; None: anywhere."""
    if "to" not in rule:
        return None
    return [peer["namespaceSelector"]["matchLabels"]["kubernetes.io/metadata.name"] for peer in rule["to"]]


def test_the_network_is_open_to_dns_kafka_redis_and_the_models_server_and_nothing_else() -> None:
    dns = [53, 5353]
    assert ports({}) == [dns, [9092]]
    assert ports({"kafka": {"bootstrapServers": "a:9093,b:9094,c:9093"}}) == [dns, [9093, 9094]]
    assert ports({"redis": {"url": "rediss://redis:6380/0"}}) == [dns, [9092], [6380]]
    assert ports({"redis": {"url": "redis://redis:6380?protocol=3"}}) == [dns, [9092], [6380]]
    assert ports({"redis": {"url": "redis://[fd00::10]"}}) == [dns, [9092], [6379]]
    assert ports({"redis": {"urlSecret": {"name": "redis"}}}) == [dns, [9092], [6379]]
    assert ports({"model": FETCH}) == [dns, [9092], [443]]
    policy = only(render(), "NetworkPolicy")["spec"]
    assert policy["policyTypes"] == ["Ingress", "Egress"]
    (incoming,) = policy["ingress"]
    assert incoming["ports"] == [{"port": "http", "protocol": "TCP"}]


@pytest.mark.parametrize(
    ("url", "port"),
    [
        ("http://models.example.com/a.tar.gz", 80),
        ("http://models.example.com:8081/a.tar.gz", 8081),
        ("https://[fd00::1234]/a.tar.gz", 443),
        ("https://[fd00::1234]:8443/a:9.tar.gz", 8443),
    ],
)
def test_the_models_port_is_the_urls(url: str, port: int) -> None:
    assert ports({"model": {"source": "fetch", "fetch": FETCH["fetch"] | {"url": url}}})[-1] == [port]


def test_names_are_looked_up_at_the_clusters_own_dns_only_on_its_ports() -> None:
    rule = egress({})[0]
    assert {(port["port"], port["protocol"]) for port in rule["ports"]} == {
        (port, protocol) for port in (53, 5353) for protocol in ("UDP", "TCP")
    }
    (namespace, node) = rule["to"]
    assert namespace["namespaceSelector"]["matchExpressions"][0]["values"] == ["kube-system", "openshift-dns"]
    assert node == {"ipBlock": {"cidr": "169.254.0.0/16"}}  # caches on the node, and a cloud's own resolver


def test_dns_elsewhere_is_a_value() -> None:
    peer = {"ipBlock": {"cidr": "fd00::53/128"}}
    rule = egress({"networkPolicy": {"dns": {"to": [peer], "ports": [8053]}}})[0]
    assert rule["to"] == [peer]
    assert [port["port"] for port in rule["ports"]] == [8053, 8053]
    assert "to" not in egress({"networkPolicy": {"dns": {"to": []}}})[0]


@pytest.mark.parametrize(
    ("servers", "where"),
    [
        ("kafka:9092", ["qa"]),
        ("kafka.kafka.svc:9092", ["kafka"]),
        ("b-0.brokers.kafka.svc:9092, b-1.brokers.kafka.svc.cluster.local:9092", ["kafka"]),
        ("kafka.one.svc:9092,kafka.two.svc.cluster.local.:9093", ["one", "two"]),
        # Outside, or nobody can tell: anywhere, on these ports.
        ("b-1.demo.c2.kafka.eu-west-1.amazonaws.com:9096", None),
        ("kafka.kafka.svc:9092,broker.example.com:9092", None),
        ("kafka.kafka:9092", None),
        ("kafka.kafka.svc.clusterset.local:9092", None),
        ("10.0.0.7:9092", None),
        ("[fd00::10]:9092", None),
    ],
)
def test_brokers_that_are_named_inside_of_the_cluster_are_reached_only_in_their_namespaces(
    servers: str, where: list[str] | None
) -> None:
    assert namespaces(egress({"kafka": {"bootstrapServers": servers}})[1]) == where


def test_redis_and_the_models_server_too_are_reached_only_where_their_names_say() -> None:
    model = {"source": "fetch", "fetch": FETCH["fetch"] | {"url": "http://models.files.svc/a.tar.gz"}}
    rules = egress({"redis": {"url": "redis://redis.cache.svc:6379/0"}, "model": model})
    assert [namespaces(rule) for rule in rules[2:]] == [["cache"], ["files"]]
    rules = egress({"redis": {"urlSecret": {"name": "redis"}}, "model": FETCH})
    assert [namespaces(rule) for rule in rules[2:]] == [None, None]


def test_peers_and_ports_that_are_given_win_and_an_empty_list_is_anywhere() -> None:
    peer = {"ipBlock": {"cidr": "10.1.0.0/16"}}
    policy = {
        "kafka": {"to": [peer], "ports": [9094]},
        "redis": {"to": [peer], "ports": [6380]},
        "model": {"to": [peer], "ports": [3128]},
    }
    values = {"redis": {"url": "redis://redis:6379"}, "model": FETCH, "networkPolicy": policy}
    assert ports(values)[1:] == [[9094], [6380], [3128]]
    assert [rule["to"] for rule in egress(values)[1:]] == [[peer]] * 3
    anywhere: dict[str, Any] = {name: {"to": []} for name in policy}
    values = {"redis": {"url": "redis://redis:6379"}, "model": FETCH, "networkPolicy": anywhere}
    assert all("to" not in rule for rule in egress(values)[1:])
