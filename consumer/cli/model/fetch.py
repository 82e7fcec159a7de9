"""`spanstream model fetch`: an artifact from a server, its SHA-256 checked."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TransferSpeedColumn


def fetch(
    url: Annotated[str, typer.Argument(help="Where the artifact's .tar.gz is: https:// or http://.")],
    sha256: Annotated[str, typer.Option("--sha256", help="SHA-256 of that file; sha256sum prints it.")],
    output: Annotated[Path, typer.Option("--output", "-o", help="Folder to make; one that is there is replaced.")],
) -> None:
    """Fetch an artifact; it is unpacked only if it has this SHA-256, and kept only if its files are whole.

    Example: spanstream model fetch https://models.example.com/minilm.tar.gz --sha256 4d5f... --output models/minilm
    """
    from spanstream.consumer.operations.model_fetch import fetch_artifact  # noqa: PLC0415  only this command speaks HTTP

    columns = (BarColumn(), DownloadColumn(), TransferSpeedColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("fetch", total=None)
        artifact = fetch_artifact(
            url, sha256, output, progress=lambda done, total: bar.update(task, completed=done, total=total)
        )
    typer.echo(f"{output}: {artifact.manifest.name} {artifact.manifest.version}")
