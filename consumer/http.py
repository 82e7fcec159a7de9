"""Serves /healthz, /readyz and /metrics on one port, from threads of its own."""

from __future__ import annotations

import ipaddress
import socket
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest

from spanstream.consumer.errors import Stop
from spanstream.consumer.health import Health
from spanstream.consumer.settings import HttpSettings


def address_family(host: str) -> socket.AddressFamily:
    """Returns IPv6 for an IPv6 address, IPv4 for other addresses and for names."""
    return socket.AF_INET6 if ":" in host else socket.AF_INET


def shown_address(host: str, port: int) -> str:
    """Returns host and port as URLs have them, an IPv6 address in brackets."""
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach an address."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def listening_socket(host: str, port: int, setting: str, *, dualstack: bool = False) -> socket.socket:
    """Returns a socket that listens.

    Args:
        host: address to listen on.
        port: 0 takes a free one.
        setting: names the port.
        dualstack: an IPv6 address takes IPv4 too.

    Raises:
        Stop: the port is taken.
    """
    try:
        return socket.create_server((host, port), family=address_family(host), dualstack_ipv6=dualstack)
    except OSError as error:
        raise _cannot_listen(host, port, setting, error) from error


def _cannot_listen(host: str, port: int, setting: str, error: OSError) -> Stop:
    return Stop(f"cannot listen on {shown_address(host, port)}: {error.strerror}", hint=f"set {setting} to a free port")


class HttpServer:
    """Serves the probes and metrics of one consumer until closed.

    Args:
        host: address to listen on.
        port: 0 takes a free one.
        health: what the probes report.
        registry: what is scraped.

    Raises:
        Stop: the port is taken.
    """

    def __init__(self, host: str, port: int, *, health: Health, registry: CollectorRegistry) -> None:
        try:
            self._server = _Server((host, port), _handler(health, registry))
        except OSError as error:
            raise _cannot_listen(host, port, "SPANSTREAM_HTTP__PORT", error) from error
        # Seconds: how late it notices that it is closed.
        threading.Thread(target=self._server.serve_forever, args=(0.05,), name="http", daemon=True).start()

    @property
    def port(self) -> int:
        """The port it listens on."""
        return int(self._server.server_address[1])

    def close(self) -> None:
        """Stops listening."""
        self._server.shutdown()
        self._server.server_close()


def serve_http(settings: HttpSettings, health: Health, registry: CollectorRegistry) -> HttpServer | None:
    """Serves probes and metrics, unless the port is None. Raises `Stop` if the port is taken."""
    if settings.port is None:
        return None
    return HttpServer(settings.host, settings.port, health=health, registry=registry)


class _Server(ThreadingHTTPServer):
    """Listens on IPv4 or IPv6, as its host is written; on `::` on both."""

    daemon_threads = True

    def __init__(self, address: tuple[str, int], handler: type[BaseHTTPRequestHandler]) -> None:
        self.address_family = address_family(address[0])
        super().__init__(address, handler)

    def server_bind(self) -> None:
        """Binds; some systems give `::` to IPv6 alone unless they are told otherwise."""
        if self.address_family == socket.AF_INET6:
            self.socket.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
        super().server_bind()


def _handler(health: Health, registry: CollectorRegistry) -> type[BaseHTTPRequestHandler]:
    def healthz() -> tuple[int, bytes, str]:
        if (seconds := health.stuck_for) is not None:
            return 503, f"the loop has not turned for {seconds:.0f} s\n".encode(), "text/plain"
        return 200, b"ok\n", "text/plain"

    def readyz() -> tuple[int, bytes, str]:
        if health.waiting_for:
            return 503, f"waiting for {health.waiting_for}\n".encode(), "text/plain"
        return 200, b"ready\n", "text/plain"

    def metrics() -> tuple[int, bytes, str]:
        return 200, generate_latest(registry), CONTENT_TYPE_LATEST

    pages = {"/healthz": healthz, "/readyz": readyz, "/metrics": metrics}

    class ProbeHandler(BaseHTTPRequestHandler):
        timeout = 10  # seconds; a client that sends nothing does not hold a thread for ever

        def do_GET(self) -> None:
            self.wfile.write(self._begin())

        def do_HEAD(self) -> None:
            self._begin()

        def _begin(self) -> bytes:
            """Sends status and headers; returns the body."""
            page = pages.get(self.path.partition("?")[0])
            status, body, kind = page() if page else (404, b"see /healthz, /readyz, /metrics\n", "text/plain")
            self.send_response(status)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            return body

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002  the library's name
            """Probes come every few seconds: nothing is logged."""

    return ProbeHandler
