"""`spanstream model`: show an artifact, time it on this machine, build a new one."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from consumer.errors import Stop
from models.artifact import DEFAULT_ARTIFACT, load_artifact

app = typer.Typer(help="Show, time or build a model artifact.", no_args_is_help=True)

Folder = Annotated[Path, typer.Argument(help="Artifact folder; by default the one that comes with the program.")]


@app.command()
def show(folder: Folder = DEFAULT_ARTIFACT) -> None:
    """What an artifact is; its files are verified."""
    artifact = load_artifact(folder)
    manifest = artifact.manifest
    table = Table(show_header=False)
    table.add_row("name", f"{manifest.name} {manifest.version} ({manifest.architecture})")
    table.add_row("windows", f"{manifest.max_length} tokens, neighbours share {manifest.stride}")
    table.add_row("longest answer", f"{manifest.max_answer_tokens} tokens")
    for variant in manifest.variants:
        size = artifact.path_of(variant).stat().st_size / 1e6
        table.add_row(f"{variant.precision} on {variant.device}", f"{variant.file}, {size:.1f} MB")
    table.add_row("calibration", manifest.calibration.name)
    for name, threshold in sorted(manifest.calibration.thresholds.items()):
        table.add_row(f"threshold {name}", f"{threshold:.3f}")
    table.add_row("tokenizer", manifest.tokenizer_fingerprint[:16])
    table.add_row("folder", str(folder))
    Console().print(table)


@app.command()
def bench(
    folder: Folder = DEFAULT_ARTIFACT,
    threads: Annotated[int | None, typer.Option(min=1, help="CPU threads; by default the cgroup's quota.")] = None,
    seconds: Annotated[float, typer.Option(min=0.5, help="How long to run, in seconds.")] = 5.0,
) -> None:
    """Windows a second of the session on this machine, on the demo's tickets and questions."""
    from consumer.model_bench import bench_session  # noqa: PLC0415  only this command needs the demo's tickets

    figures = bench_session(folder, threads=threads, seconds=seconds)
    typer.echo(
        f"{figures.windows_per_second:.0f} windows/s ({figures.windows} windows of {figures.mean_tokens:.0f} tokens on "
        f"average in {figures.seconds:.1f} s; {figures.session}, {figures.parallel_runs} runs at a time)"
    )


@app.command()
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
    try:
        from models.build.pipeline import Inputs  # noqa: PLC0415  needs torch and optimum
        from models.build.pipeline import build as build_artifact  # noqa: PLC0415  as above
    except ImportError as error:
        raise Stop(
            f"building needs the build group ({error.name} is missing): pip install -r requirements/build.txt"
        ) from error
    build_artifact(
        Inputs(checkpoint, validation, tuple(sample or ())), output, name=name or output.name, version=version
    )
