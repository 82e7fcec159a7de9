"""`spanstream model build`: an artifact out of a checkpoint."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from spanstream.consumer.cli.model.options import build_tools
from spanstream.models.defaults import MAX_LENGTH, STRIDE


def build(  # noqa: PLR0913, PLR0917  one option each
    checkpoint: Annotated[
        str, typer.Option(help="Folder of a Hugging Face checkpoint with a QA head, or its name on a hub (org/name).")
    ],
    validation: Annotated[
        Path, typer.Option(help="SQuAD v2 file (.json or .json.gz) for the choice, calibration and figures.")
    ],
    output: Annotated[Path, typer.Option(help="Artifact folder to write; replaced at the end, in one step.")],
    sample: Annotated[
        list[Path] | None,
        typer.Option(
            help="SQuAD v2 file of texts like yours, to fix int8 scales by (repeatable; default: validation)."
        ),
    ] = None,
    name: Annotated[str | None, typer.Option(help="The model's name; by default the output folder's.")] = None,
    version: Annotated[str, typer.Option(help="The artifact's version.")] = "1.0.0",
    variant: Annotated[
        list[str] | None,
        typer.Option(
            help="Try only this variant beside fp32 (repeatable): int8-static-tamed, int8-static, int8-dynamic, "
            "int8-dynamic-skip. Default: all, and the fastest within 0.5 points of F1 is taken."
        ),
    ] = None,
    quick: Annotated[
        bool, typer.Option("--quick", help="Take the first variant within the margin; time nothing, tune nothing.")
    ] = False,
    gpu: Annotated[bool, typer.Option(help="Also make the fp16 variant that a GPU runs (2 bytes a weight).")] = False,
    compare: Annotated[
        str | None,
        typer.Option(help="Earlier artifact or checkpoint whose figures the card shows beside the new ones."),
    ] = None,
    about: Annotated[Path | None, typer.Option(help="Markdown about data and licences, for the card.")] = None,
    max_length: Annotated[
        int, typer.Option(min=32, help="Tokens of a window, if the model has as many positions.")
    ] = MAX_LENGTH,
    stride: Annotated[int, typer.Option(min=0, help="Tokens that neighbouring windows share.")] = STRIDE,
) -> None:
    """Export, fuse, quantize to int8, calibrate and measure a checkpoint (needs the build group: `make model`).

    Takes minutes: every variant reads the validation questions and is timed. --quick takes about a quarter.

    Example: spanstream model build --checkpoint my-checkpoint --validation dev.json.gz --output my-artifact
    """
    with build_tools("building"):
        from spanstream.models.building.pipeline import build as build_artifact  # noqa: PLC0415  needs torch and optimum
        from spanstream.models.building.request import BuildRequest  # noqa: PLC0415  with the rest
    order = BuildRequest(
        checkpoint=checkpoint,
        validation=validation,
        name=name or output.name,
        version=version,
        samples=tuple(sample or ()),
        max_length=max_length,
        stride=stride,
        variants=tuple(variant or ()),
        quick=quick,
        gpu=gpu,
        compare=compare,
        about=about,
    )
    build_artifact(order, output, say=typer.echo)
