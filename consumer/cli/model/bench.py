"""`spanstream model bench`: the session's speed on this machine."""

from __future__ import annotations

import typer

from spanstream.consumer.cli.model.options import ArtifactFolder, Seconds, Threads
from spanstream.models.defaults import DEFAULT_ARTIFACT


def bench(folder: ArtifactFolder = DEFAULT_ARTIFACT, threads: Threads = None, seconds: Seconds = 5.0) -> None:
    """Measure windows a second of the session on this machine, on the demo's tickets and questions."""
    from spanstream.consumer.operations.model_bench import bench_session  # noqa: PLC0415  only this command needs the demo's tickets

    figures = bench_session(folder, threads=threads, seconds=seconds)
    typer.echo(
        f"{figures.windows_per_second:.0f} windows/s ({figures.windows} windows of {figures.mean_tokens:.0f} tokens on "
        f"average in {figures.seconds:.1f} s; {figures.session}, {figures.parallel_runs} runs at a time)"
    )
