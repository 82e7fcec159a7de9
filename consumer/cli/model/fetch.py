"""`spanstream model fetch`: an artifact from a server, its SHA-256 checked."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from spanstream.consumer.terminal.progress import ProgressStep, show_progress


def fetch(
    url: Annotated[str, typer.Argument(help="Where the artifact's .tar.gz is: https:// or http://.")],
    sha256: Annotated[str, typer.Option("--sha256", help="SHA-256 of that file; sha256sum prints it.")],
    output: Annotated[Path, typer.Option("--output", "-o", help="Folder to make; one that is there is replaced.")],
) -> None:
    """Fetch an artifact; it is unpacked only if it has this SHA-256, and kept only if its files are whole.

    Example: spanstream model fetch https://models.example.com/minilm.tar.gz --sha256 4d5f... --output models/minilm
    """
    from spanstream.consumer.operations.model_fetch import fetch_artifact  # noqa: PLC0415  only this command speaks HTTP

    with show_progress(_step, lambda _: None) as show:
        artifact = fetch_artifact(url, sha256, output, on_block=lambda done, total: show((done, total)))
    typer.echo(f"{output}: {artifact.manifest.name} {artifact.manifest.version}")


def _step(bytes_done: tuple[int, int | None]) -> ProgressStep:
    done, total = bytes_done
    size = "" if total is None else f" of {total / 1e6:,.1f}"
    return ProgressStep(done, total, f"{done / 1e6:,.1f}{size} MB")
