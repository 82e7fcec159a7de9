"""`spanstream index run`: runs a member of the index's group."""

from __future__ import annotations

import threading
from typing import Annotated

import structlog
import typer

from spanstream.consumer.cli.config_file import ConfigFile, open_settings
from spanstream.consumer.cli.secret_files import watched_secrets
from spanstream.consumer.cli.signals import set_on_signals

_log = structlog.get_logger(__name__)


def run(
    config: ConfigFile = None,
    once: Annotated[bool, typer.Option("--once", help="Stop when all documents of now are indexed.")] = False,
) -> None:
    """Keep the passage index in step with the documents topic, until stopped (SIGTERM or Ctrl-C).

    Documents that name collections are cut into passages, embedded and written; deleted ones, and those that left all
    collections, are taken out. A passage whose text has not changed is not embedded again. Where each partition is read
    from stands in the index itself: a member that is killed leaves neither holes nor ghosts.

    Several members share the partitions. Settings are those of `spanstream run --help`: `SPANSTREAM_INDEX__*`,
    `SPANSTREAM_TOPICS__DOCUMENTS`, `SPANSTREAM_KAFKA__*`.

    Example: SPANSTREAM_INDEX__URI=/var/lib/spanstream/index SPANSTREAM_HTTP__PORT=8083 spanstream index run
    """
    from spanstream.consumer.indexing.wiring import build_indexing  # noqa: PLC0415  half a second, for those who use it

    settings = open_settings(config)
    stop = threading.Event()
    received = set_on_signals(stop, lambda name: _log.info("stopping", signal=name))
    application = build_indexing(settings)
    server = application.serve_http()
    _log.info(
        "started",
        kafka=settings.kafka.bootstrap_servers,
        group=settings.index.group_id,
        protocol=settings.kafka.group_protocol,
        encoder=application.tools.encoder.fingerprint,
        http_port=server.port if server else None,
    )
    try:
        with watched_secrets(settings, config, None, stop):
            application.service.run(stop, once=once)
    finally:
        application.close()
        if server is not None:
            server.close()
    _log.info("stopped")
    raise typer.Exit(received.exit_code)
