"""Reads the validation questions with an earlier model, an artifact or a checkpoint, so that the card can compare."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from spanstream.models.artifact import MANIFEST, Variant, load_artifact
from spanstream.models.building.graph.export import export
from spanstream.models.building.graph.fusion import Fusions, fuse
from spanstream.models.building.inputs import LabelledFile
from spanstream.models.checkpoints.checkpoint import Checkpoint
from spanstream.models.errors import BuildError
from spanstream.models.inference.session import OnnxSession
from spanstream.models.metrics.reading import ReadingOptions, ReadQuestion, read_all
from spanstream.models.text.windowing import WindowShape


@dataclass(frozen=True, slots=True)
class EarlierModel:
    """An earlier model's readings of the same questions, file by file."""

    name: str
    precision: str
    reads: Sequence[Sequence[ReadQuestion]]


def read_with_earlier_model(other: str, files: Sequence[LabelledFile], options: ReadingOptions) -> EarlierModel:
    """Reads with the CPU variant of an artifact, or with a checkpoint in fp32.

    Raises:
        ModelError: the name is neither an artifact's nor a checkpoint's, or the model cannot be run.
    """
    if (Path(other) / MANIFEST).is_file():
        return _read_artifact(Path(other), files, options)
    checkpoint = Checkpoint.open(other)
    with tempfile.TemporaryDirectory() as folder:
        tokenizer = checkpoint.write_tokenizer(Path(folder) / "tokenizer.json")
        exported = export(checkpoint.load_model(), Path(folder) / "exported")
        fused = fuse(exported, checkpoint, Path(folder) / "fused.onnx", Fusions())
        session = OnnxSession(fused.path, Variant(file="fused.onnx", precision="fp32", device="cpu"))
    max_length = min(options.shape.max_length, checkpoint.max_positions)
    shape = WindowShape(max_length, options.shape.stride, tokenizer.template)
    own = replace(options, tokenizer=tokenizer, shape=shape, pad_id=checkpoint.pad_id)
    return EarlierModel(Path(other).name, "fp32", [read_all(file.examples, session, own) for file in files])


def _read_artifact(folder: Path, files: Sequence[LabelledFile], options: ReadingOptions) -> EarlierModel:
    artifact = load_artifact(folder)
    variants = artifact.variants_for("cpu")
    if not variants:
        raise BuildError(f"{folder}: has no variant for the CPU to compare with")
    manifest, variant = artifact.manifest, variants[0]
    own = ReadingOptions(
        artifact.tokenizer,
        artifact.shape,
        manifest.pad_id,
        manifest.max_answer_tokens,
        variant.session.max_batch_tokens,
        options.parallel_runs,
    )
    session = OnnxSession(artifact.path_of(variant), variant)
    return EarlierModel(
        f"{manifest.name} {manifest.version}",
        variant.precision,
        [read_all(file.examples, session, own) for file in files],
    )
