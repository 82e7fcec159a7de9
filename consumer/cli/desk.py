"""`spanstream desk`: serves pages for the people who work with the answers."""

from __future__ import annotations

from contextlib import closing
from typing import Annotated

import structlog
import typer

from spanstream.consumer.cli.config_file import ConfigFile, open_settings

_log = structlog.get_logger(__name__)


def desk(
    config: ConfigFile = None,
    write: Annotated[
        bool, typer.Option("--write", help="Let the pages publish: feedback on answers, and dead letters sent again.")
    ] = False,
) -> None:
    """Serve pages for people until stopped: the answers, their documents, dead letters, triage, labels, quality.

    They are on port 8082 of this machine alone, and read-only without --write; docs/desk.md says how to share them.

    Example: spanstream desk --write
    """
    from spanstream.consumer.desk.opening import check_desk, open_desk, open_parts  # noqa: PLC0415  for those who use it

    settings = open_settings(config)
    check_desk(settings.desk)
    with closing(open_parts(settings, is_writing=write)) as parts:
        server = open_desk(settings.desk, parts)
        _log.info("started", address=server.address, writes=write)
        server.run()
