"""`spanstream model build`: an artifact out of a checkpoint."""

from __future__ import annotations

import typer

from spanstream.consumer.cli.model import options
from spanstream.consumer.cli.model.tool_groups import build_tools
from spanstream.models.defaults import MAX_LENGTH, STRIDE


def build(  # noqa: PLR0913, PLR0917  one option each
    checkpoint: options.CheckpointName,
    validation: options.ValidationFiles,
    output: options.BuiltFolder,
    sample: options.Samples = None,
    name: options.ModelName = None,
    version: options.ModelVersion = "1.0.0",
    variant: options.TriedVariants = None,
    quick: options.Quick = False,
    gpu: options.Gpu = False,
    compare: options.Compare = None,
    about: options.About = None,
    max_length: options.MaxLength = MAX_LENGTH,
    stride: options.Stride = STRIDE,
) -> None:
    """Export, fuse, quantize to int8, calibrate and measure a checkpoint (needs the build group: `make model`).

    Takes minutes: every variant reads the validation questions and is timed. --quick takes about a quarter.

    Example: spanstream model build --checkpoint my-checkpoint --validation dev.json.gz --output my-artifact
    """
    with build_tools("building"):
        from spanstream.models.building.pipeline import build as build_artifact  # noqa: PLC0415  needs torch and optimum
        from spanstream.models.building.request import BuildRequest  # noqa: PLC0415  needs torch and optimum
    request = BuildRequest(
        checkpoint=checkpoint,
        validation=tuple(validation),
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
    build_artifact(request, output, say=typer.echo)
