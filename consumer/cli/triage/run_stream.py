"""`spanstream triage run`: runs a member of the triage group."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Annotated

import structlog
import typer

from spanstream.consumer.cli.config_file import ConfigFile, open_settings
from spanstream.consumer.cli.secret_files import watched_secrets
from spanstream.consumer.cli.signals import set_on_signals

_log = structlog.get_logger(__name__)


def run(
    config: ConfigFile = None,
    playbook: Annotated[
        Path | None,
        typer.Option(help="YAML file; by default SPANSTREAM_TRIAGE__PLAYBOOK, or the bundled playbook."),
    ] = None,
) -> None:
    """Triage tickets until stopped (SIGTERM or Ctrl-C finish what was begun); consumers (`spanstream run`) answer.

    Settings are those of `spanstream run --help`: `SPANSTREAM_TRIAGE__*`, `SPANSTREAM_TOPICS__*`,
    `SPANSTREAM_KAFKA__*`.

    Example: SPANSTREAM_HTTP__PORT=8081 spanstream triage run --playbook playbook.yaml
    """
    from spanstream.consumer.triage.playbook.load import load_playbook  # noqa: PLC0415  for those who use it
    from spanstream.consumer.triage.wiring import build_triage  # noqa: PLC0415  half a second, for those who use it

    settings = open_settings(config)
    loaded = load_playbook(playbook or settings.triage.playbook)
    stop = threading.Event()
    received = set_on_signals(stop, lambda name: _log.info("stopping", signal=name))
    application = build_triage(settings, loaded)
    server = application.serve_http()
    _log.info(
        "started",
        kafka=settings.kafka.bootstrap_servers,
        group=settings.triage.group_id,
        protocol=settings.kafka.group_protocol,
        transactions=settings.kafka.transactions,
        playbook=f"{loaded.playbook} {loaded.version} {loaded.sha256[:12]}",
        http_port=server.port if server else None,
    )
    try:
        with watched_secrets(settings, config, None, stop):
            application.service.run(stop)
    finally:
        application.tracing.close()
        if server is not None:
            server.close()
    _log.info("stopped")
    raise typer.Exit(received.exit_code)
