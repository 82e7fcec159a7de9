"""Serves /healthz, /readyz and /metrics on one port, from threads of its own."""

from __future__ import annotations

import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest

from spanstream.consumer.errors import Stop
from spanstream.consumer.health import Health
from spanstream.consumer.settings import HttpSettings


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
            self._server = ThreadingHTTPServer((host, port), _handler(health, registry))
        except OSError as error:
            detail = f"cannot listen on {host}:{port}: {error.strerror}"
            raise Stop(detail, hint="set SPANSTREAM_HTTP__PORT to a free port") from error
        self._server.daemon_threads = True
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
            page = pages.get(self.path.partition("?")[0])
            status, body, kind = page() if page else (404, b"see /healthz, /readyz, /metrics\n", "text/plain")
            self.send_response(status)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002  the library's name
            """Probes come every few seconds: nothing is logged."""

    return ProbeHandler
