"""`spanstream model show`: what an artifact is."""

from __future__ import annotations

from rich.console import Console
from rich.table import Table

from spanstream.consumer.cli.model.options import ArtifactFolder
from spanstream.models.artifact import load_artifact
from spanstream.models.defaults import DEFAULT_ARTIFACT
from spanstream.models.drift.reference import read_reference


def show(folder: ArtifactFolder = DEFAULT_ARTIFACT) -> None:
    """Show what an artifact is; its files are verified."""
    artifact = load_artifact(folder)
    manifest = artifact.manifest
    table = Table(show_header=False)
    table.add_row("name", f"{manifest.name} {manifest.version} ({manifest.architecture})")
    table.add_row("windows", f"{manifest.max_length} tokens, neighbours share {manifest.stride}, {manifest.windows}")
    table.add_row("longest answer", f"{manifest.max_answer_tokens} tokens")
    for variant in manifest.variants:
        size = artifact.path_of(variant).stat().st_size / 1e6
        table.add_row(f"{variant.precision} on {variant.device}", f"{variant.file}, {size:.1f} MB")
    table.add_row("calibration", manifest.calibration.name)
    for name, threshold in sorted(manifest.calibration.thresholds.items()):
        table.add_row(f"threshold {name}", f"{threshold:.3f}")
    if (collection := manifest.calibration.collection) is not None:
        for name, threshold in sorted(collection.thresholds.items()):
            table.add_row(f"threshold {name} (collections)", f"{threshold:.3f}")
    reference = read_reference(artifact)
    compared = f"{reference.questions:,} questions about {reference.documents:,} documents" if reference else "none"
    table.add_row("reference of drift", compared)
    table.add_row("tokenizer", manifest.tokenizer_fingerprint[:16])
    table.add_row("folder", str(folder))
    Console().print(table)
