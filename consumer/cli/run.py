"""`spanstream run`: answers questions until it is stopped."""

from __future__ import annotations

import threading
from typing import Annotated

import structlog
import typer
from typer.core import TyperCommand

from spanstream.consumer.answering.wiring import build
from spanstream.consumer.asking.api.opening import open_answers_api
from spanstream.consumer.cli.config_file import ConfigFile, open_settings
from spanstream.consumer.cli.secret_files import watched_secrets
from spanstream.consumer.cli.signals import set_on_signals
from spanstream.consumer.settings.table import rows

_log = structlog.get_logger(__name__)


class RunCommand(TyperCommand):
    """The command `run`: its help ends with all settings."""

    @property
    def epilog(self) -> str:
        """One line a setting."""
        lines = [f"{row.name}={row.default}  {row.description}" for row in rows()]
        return "Settings (durations in seconds, sizes in bytes):\n\n" + "\n\n".join(lines)

    @epilog.setter
    def epilog(self, _: str | None) -> None:
        """Ignores the library's own: the getter makes it."""


def run(
    config: ConfigFile = None,
    once: Annotated[bool, typer.Option("--once", help="Stop when the questions that are there now are done.")] = False,
) -> None:
    """Answer questions until stopped (SIGTERM or Ctrl-C finish what was begun).

    Example: SPANSTREAM_KAFKA__BOOTSTRAP_SERVERS=broker:9092 SPANSTREAM_REDIS__URL=redis://cache spanstream run
    """
    settings = open_settings(config)
    stop = threading.Event()
    received = set_on_signals(stop, lambda name: _log.info("stopping", signal=name))
    application = build(settings)
    server = application.serve_http()
    api = None
    if (port := settings.answers_api.port) is not None:
        api = open_answers_api(
            settings, application.reader, application.metrics.requests, port=port, parallel=1, stop=stop
        )
    manifest = application.reader.artifact.manifest
    backends = [backend for backend in (application.reader.backends.cpu, application.reader.backends.gpu) if backend]
    _log.info(
        "started",
        kafka=settings.kafka.bootstrap_servers,
        group=settings.kafka.group_id,
        protocol=settings.kafka.group_protocol,
        transactions=settings.kafka.transactions,
        redis=settings.redis.url is not None,
        model=f"{manifest.name} {manifest.version}",
        sessions=[f"{backend.name} x {backend.parallel_runs}" for backend in backends],
        http_port=server.port if server else None,
        answers_port=api.port if api else None,
    )
    try:
        with watched_secrets(settings, config, application.store, stop):
            application.service.run(stop, once=once)
    finally:
        if api is not None:
            api.close()
        application.close()
        if server is not None:
            server.close()
    _log.info("stopped")
    raise typer.Exit(received.exit_code)
