"""`spanstream model build-encoder`: the encoder of collections, out of a checkpoint."""

from __future__ import annotations

import typer

from spanstream.consumer.cli.model import options
from spanstream.consumer.cli.model.tool_groups import build_tools


def build_encoder(  # noqa: PLR0913, PLR0917  one option each
    checkpoint: options.EncoderCheckpoint,
    validation: options.EncoderFiles,
    output: options.BuiltFolder,
    name: options.ModelName = None,
    version: options.ModelVersion = "1.0.0",
    licence: options.Licence = "Apache-2.0",
    about: options.About = None,
) -> None:
    """Export, fuse, quantize to int8 and measure an encoder of texts (needs the build group: `make encoder`).

    Example: spanstream model build-encoder --checkpoint all-MiniLM-L6-v2 --validation dev.json.gz --output my-encoder
    """
    with build_tools("building"):
        from spanstream.models.building.encoder import encoder_pipeline  # noqa: PLC0415  needs torch and optimum
        from spanstream.models.building.encoder.encoder_request import EncoderRequest  # noqa: PLC0415  with it
    request = EncoderRequest(checkpoint, tuple(validation), name or output.name, version, licence, about)
    encoder_pipeline.build_encoder(request, output, say=typer.echo)
