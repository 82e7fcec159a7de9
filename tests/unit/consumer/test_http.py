"""The probes' and the metrics' pages, asked for over a socket of this machine."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from http.client import HTTPConnection, HTTPResponse

import pytest

from spanstream.consumer.errors import Stop
from spanstream.consumer.health import Health
from spanstream.consumer.http import HttpServer
from spanstream.consumer.metrics import Metrics
from tests.support.memory.fake_time import FakeClock

HOST = "127.0.0.1"


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def health(clock: FakeClock) -> Health:
    return Health(clock, stuck_seconds=60.0)


@pytest.fixture
def metrics() -> Metrics:
    return Metrics()


@pytest.fixture
def server(health: Health, metrics: Metrics) -> Iterator[HttpServer]:
    server = HttpServer(HOST, 0, health=health, registry=metrics.registry)
    yield server
    server.close()


def get(server: HttpServer, path: str, method: str = "GET") -> tuple[int, str]:
    response = ask(server, path, method)
    return response.status, response.read().decode()


def ask(server: HttpServer, path: str, method: str = "GET") -> HTTPResponse:
    connection = HTTPConnection(HOST, server.port, timeout=10)
    connection.request(method, path)
    return connection.getresponse()


def test_it_is_alive_while_the_loop_turns(server: HttpServer, health: Health, clock: FakeClock) -> None:
    assert get(server, "/healthz") == (200, "ok\n")
    clock.sleep(61.0)
    assert get(server, "/healthz") == (503, "the loop has not turned for 61 s\n")
    health.turned()
    assert get(server, "/healthz") == (200, "ok\n")


def test_it_is_ready_when_nothing_is_waited_for(server: HttpServer, health: Health) -> None:
    assert get(server, "/readyz") == (503, "waiting for the group\n")
    health.turned("documents")
    assert get(server, "/readyz") == (503, "waiting for documents\n")
    health.turned()
    assert get(server, "/readyz") == (200, "ready\n")


def test_metrics_are_served_as_prometheus_reads_them(server: HttpServer, metrics: Metrics) -> None:
    metrics.records.outcomes.labels("answered").inc(3)
    response = ask(server, "/metrics")
    assert (response.getheader("Content-Type") or "").startswith("text/plain; version=")
    page = response.read().decode()
    assert 'spanstream_records_total{outcome="answered"} 3.0' in page
    assert all(line.startswith(("#", "spanstream_", "process_")) for line in page.splitlines())


def test_a_query_string_changes_nothing(server: HttpServer) -> None:
    assert get(server, "/healthz?verbose=1")[0] == 200


def test_a_head_is_answered_as_a_get_without_its_body(server: HttpServer) -> None:
    for path in ("/healthz", "/readyz", "/metrics", "/"):
        head, get_ = ask(server, path, "HEAD"), ask(server, path)
        assert (head.status, head.getheader("Content-Type")) == (get_.status, get_.getheader("Content-Type"))
        assert head.read() == b""
        assert get_.read()
    head = ask(server, "/healthz", "HEAD")
    assert (head.status, head.getheader("Content-Length")) == (200, "3")


def has_ipv6() -> bool:
    try:
        socket.create_server(("::1", 0), family=socket.AF_INET6).close()
    except OSError:
        return False
    return True


@pytest.mark.skipif(not has_ipv6(), reason="this machine has no IPv6")
def test_an_ipv6_host_is_listened_on_and_all_hosts_are_ipv4_too(health: Health) -> None:
    server = HttpServer("::", 0, health=health, registry=Metrics().registry)
    try:
        for host in ("::1", HOST):
            connection = HTTPConnection(host, server.port, timeout=10)
            connection.request("GET", "/healthz")
            assert connection.getresponse().status == 200
    finally:
        server.close()


def test_an_ipv6_host_that_is_nobodys_is_one_line_with_the_address_in_brackets(health: Health) -> None:
    with pytest.raises(Stop, match=r"cannot listen on \[2001:db8::1\]:0: "):
        HttpServer("2001:db8::1", 0, health=health, registry=Metrics().registry)


def test_other_pages_are_not_there_and_other_methods_not_allowed(server: HttpServer) -> None:
    assert get(server, "/") == (404, "see /healthz, /readyz, /metrics\n")
    assert get(server, "/healthz", "POST")[0] == 501


def test_a_client_that_says_nothing_holds_nobody_up(server: HttpServer) -> None:
    with socket.create_connection((HOST, server.port), timeout=10):
        assert get(server, "/healthz")[0] == 200


def test_what_is_no_http_is_refused_without_a_word_on_standard_error(
    server: HttpServer, capfd: pytest.CaptureFixture[str]
) -> None:
    with socket.create_connection((HOST, server.port), timeout=10) as client:
        client.sendall(b"\x00\xff nonsense\r\n\r\n")
        assert client.recv(1000)
    assert capfd.readouterr().err == ""


def test_a_port_that_is_taken_is_one_line_that_says_what_to_do(server: HttpServer, health: Health) -> None:
    with pytest.raises(Stop, match=f"cannot listen on {HOST}:{server.port}.*SPANSTREAM_HTTP__PORT") as caught:
        HttpServer(HOST, server.port, health=health, registry=Metrics().registry)
    assert "\n" not in str(caught.value)


def test_a_host_that_is_nobodys_is_one_line_too(health: Health) -> None:
    with pytest.raises(Stop, match="cannot listen on"):
        HttpServer("192.0.2.1", 0, health=health, registry=Metrics().registry)


def test_closing_frees_the_port(health: Health) -> None:
    first = HttpServer(HOST, 0, health=health, registry=Metrics().registry)
    port = first.port
    first.close()
    HttpServer(HOST, port, health=health, registry=Metrics().registry).close()
