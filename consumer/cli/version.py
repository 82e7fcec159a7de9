"""The option `--version`: the program's version and that of the model inside it."""

from __future__ import annotations

import json
from typing import Annotated

import typer

from spanstream.consumer.version import program_version
from spanstream.models.defaults import DEFAULT_ARTIFACT


def program(
    *,
    show_version: Annotated[
        bool,
        typer.Option("--version", is_eager=True, help="Show the version, and the bundled model's, and exit."),
    ] = False,
) -> None:
    """Verbatim answers out of documents, over Kafka, with a calibrated confidence."""
    if show_version:
        typer.echo(version_line())
        raise typer.Exit


def version_line() -> str:
    """Returns the versions of the program and of its bundled model, without loading the model."""
    manifest = json.loads((DEFAULT_ARTIFACT / "manifest.json").read_bytes())
    return f"spanstream {program_version() or 'out of a checkout'} (model {manifest['name']} {manifest['version']})"
