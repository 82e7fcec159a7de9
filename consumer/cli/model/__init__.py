"""`spanstream model`: the model's artifact, from the checkpoint to its figures; one file a command."""

from __future__ import annotations

import typer

from consumer.cli.model import bench, build, fetch, show

app = typer.Typer(help="Show, time, fetch or build a model artifact.", no_args_is_help=True)
app.command()(show.show)
app.command()(bench.bench)
app.command()(fetch.fetch)
app.command()(build.build)
