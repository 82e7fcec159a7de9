"""`spanstream serve`: answers questions over HTTP, without Kafka."""

from __future__ import annotations

import json
import threading
from pathlib import Path
from typing import Annotated, Final

import structlog
import typer

from spanstream.consumer.cli.config_file import ConfigFile, open_settings
from spanstream.consumer.cli.secret_files import watched_secrets
from spanstream.consumer.cli.signals import set_on_signals
from spanstream.consumer.errors import Stop
from spanstream.consumer.settings import Settings

_log = structlog.get_logger(__name__)

_DEFAULT_PORT: Final = 8081


def serve(
    config: ConfigFile = None,
    openapi: Annotated[bool, typer.Option("--openapi", help="Print the OpenAPI document of the API, and end.")] = False,
) -> None:
    """Answer questions over HTTP until stopped (SIGTERM or Ctrl-C finish what was begun). Needs no Kafka and no Redis.

    Example: SPANSTREAM_ANSWERS_API__PORT=8081 spanstream serve
    """
    from spanstream.consumer.asking.api.opening import openapi_document  # noqa: PLC0415  for those who use it

    if openapi:
        typer.echo(json.dumps(openapi_document(), indent=2))
        return
    _run(open_settings(config), config)


def _run(settings: Settings, config: Path | None) -> None:
    """Answers until a signal comes."""
    from spanstream.consumer.answering.open_reader import open_reader  # noqa: PLC0415  the model, for those who use it
    from spanstream.consumer.asking.api.opening import open_answers_api  # noqa: PLC0415  for those who use it
    from spanstream.consumer.clock import SystemClock  # noqa: PLC0415  for those who use it
    from spanstream.consumer.health import Health  # noqa: PLC0415  for those who use it
    from spanstream.consumer.http import serve_http  # noqa: PLC0415  for those who use it
    from spanstream.consumer.metrics import Metrics  # noqa: PLC0415  for those who use it

    stop = threading.Event()
    received = set_on_signals(stop, lambda name: _log.info("stopping", signal=name))
    metrics = Metrics()
    health = Health(SystemClock(), stuck_seconds=settings.http.stuck_seconds)
    reader = open_reader(settings)
    cpu = reader.backends.cpu
    port = _DEFAULT_PORT if settings.answers_api.port is None else settings.answers_api.port
    parallel = cpu.parallel_runs if cpu else 2
    api = open_answers_api(
        settings, reader, metrics.requests, port=port, parallel=parallel, stop=stop, on_turn=health.turned
    )
    probes = serve_http(settings.http, health, metrics.registry)
    manifest = reader.artifact.manifest
    _log.info(
        "started",
        model=f"{manifest.name} {manifest.version}",
        http_port=probes.port if probes else None,
        answers_port=api.port,
    )
    try:
        with watched_secrets(settings, config, None, stop):
            api.wait()
    finally:
        api.close()
        reader.close()
        if probes is not None:
            probes.close()
    if not stop.is_set():
        raise Stop("the HTTP server ended by itself; the log says why")
    _log.info("stopped")
    raise typer.Exit(received.exit_code)
