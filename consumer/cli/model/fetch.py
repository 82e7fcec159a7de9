"""`spanstream model fetch`: an artifact from a server, a bucket or a hub, its SHA-256 checked."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from spanstream.consumer.settings.loading import load_settings
from spanstream.consumer.terminal.progress import ProgressStep, show_progress


def fetch(
    source: Annotated[
        str,
        typer.Argument(
            metavar="SOURCE",
            help="s3://bucket/prefix, hf://organisation/name@revision, https://host/folder/ or https://host/file.tar.gz.",
        ),
    ],
    output: Annotated[Path, typer.Option("--output", "-o", help="Folder to make; one that is there is replaced.")],
    sha256: Annotated[
        str | None,
        typer.Option("--sha256", help="SHA-256 of the .tar.gz (needed), or of the folder's manifest.json."),
    ] = None,
) -> None:
    """Fetch an artifact; each file is compared with its SHA-256, and only a whole one replaces what is there.

    An interrupted fetch of a folder goes on where it stopped. SPANSTREAM_MODEL__TOKEN is sent to a web server or a hub.

    Example: spanstream model fetch https://models.example.com/minilm.tar.gz --sha256 4d5f... --output models/minilm

    Example: spanstream model fetch s3://models/minilm --output models/minilm
    """
    from spanstream.consumer.model_source.source import fetch_model  # noqa: PLC0415  only this command fetches

    settings = load_settings().model
    with show_progress(_step, lambda _: None) as show:
        artifact = fetch_model(source, output, settings, sha256, lambda done, total: show((done, total)))
    typer.echo(f"{output}: {artifact.manifest.name} {artifact.manifest.version}")


def _step(bytes_done: tuple[int, int | None]) -> ProgressStep:
    done, total = bytes_done
    size = "" if total is None else f" of {total / 1e6:,.1f}"
    return ProgressStep(done, total, f"{done / 1e6:,.1f}{size} MB")
