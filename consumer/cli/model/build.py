"""`spanstream model build`: an artifact out of a checkpoint."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from consumer.cli.model.options import build_tools


def build(  # noqa: PLR0913, PLR0917  one option each
    checkpoint: Annotated[Path, typer.Option(help="Folder of a Hugging Face checkpoint with a QA head.")],
    validation: Annotated[Path, typer.Option(help="SQuAD v2 file (.json or .json.gz) for calibration and figures.")],
    output: Annotated[Path, typer.Option(help="Artifact folder to write; replaced at the end, in one step.")],
    sample: Annotated[
        list[Path] | None,
        typer.Option(
            help="SQuAD v2 file of texts like yours, to fix int8 scales by (repeatable; default: validation)."
        ),
    ] = None,
    name: Annotated[str | None, typer.Option(help="The model's name; by default the output folder's.")] = None,
    version: Annotated[str, typer.Option(help="The artifact's version.")] = "1.0.0",
) -> None:
    """Export, fuse, quantize to int8, calibrate and measure a checkpoint (needs the build group: `make model`).

    Example: spanstream model build --checkpoint my-checkpoint --validation dev.json.gz --output my-artifact
    """
    with build_tools("building"):
        from models.build.pipeline import Inputs  # noqa: PLC0415  needs torch and optimum
        from models.build.pipeline import build as build_artifact  # noqa: PLC0415  as above
    build_artifact(
        Inputs(checkpoint, validation, tuple(sample or ())), output, name=name or output.name, version=version
    )
