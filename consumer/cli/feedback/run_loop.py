"""`spanstream feedback run`: runs a member of the feedback group."""

from __future__ import annotations

import threading

import structlog
import typer

from spanstream.consumer.cli.config_file import ConfigFile, open_settings
from spanstream.consumer.cli.secret_files import watched_secrets
from spanstream.consumer.cli.signals import set_on_signals

_log = structlog.get_logger(__name__)


def run(config: ConfigFile = None) -> None:
    """Check what people say of answers, and keep what holds as labels, until stopped (SIGTERM or Ctrl-C).

    Settings are those of `spanstream run --help`: `SPANSTREAM_FEEDBACK__*`, `SPANSTREAM_TOPICS__*`,
    `SPANSTREAM_KAFKA__*`.

    Example: SPANSTREAM_HTTP__PORT=8082 spanstream feedback run
    """
    from spanstream.consumer.feedback.wiring import build_feedback  # noqa: PLC0415  half a second, for those who use it

    settings = open_settings(config)
    stop = threading.Event()
    received = set_on_signals(stop, lambda name: _log.info("stopping", signal=name))
    application = build_feedback(settings)
    server = application.serve_http()
    _log.info(
        "started",
        kafka=settings.kafka.bootstrap_servers,
        group=settings.feedback.group_id,
        protocol=settings.kafka.group_protocol,
        transactions=settings.kafka.transactions,
        http_port=server.port if server else None,
    )
    try:
        with watched_secrets(settings, config, None, stop):
            application.service.run(stop)
    finally:
        if server is not None:
            server.close()
    _log.info("stopped")
    raise typer.Exit(received.exit_code)
