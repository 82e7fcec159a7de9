"""The option `--config`, which most commands share, and the settings that it leads to."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from spanstream.consumer.logs import configure_logs
from spanstream.consumer.settings import Settings
from spanstream.consumer.settings.loading import load_settings

ConfigFile = Annotated[
    Path | None,
    typer.Option("--config", "-c", help="TOML file of settings; the environment (SPANSTREAM_*) wins over it."),
]


def open_settings(config: Path | None) -> Settings:
    """Loads the settings, and configures the logs as they say."""
    settings = load_settings(config)
    configure_logs(settings.log)
    return settings
