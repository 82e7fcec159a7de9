"""`spanstream model`: the model's artifact, from the checkpoint to its figures; one file a command."""

from __future__ import annotations

import typer

from spanstream.consumer.cli.model import (
    bench,
    build,
    build_encoder,
    calibrate,
    compare,
    evaluate,
    examples,
    fetch,
    show,
    train,
)

app = typer.Typer(help="Train, build, measure, calibrate, compare, fetch, show or time a model.", no_args_is_help=True)
app.command()(show.show)
app.command()(bench.bench)
app.command()(fetch.fetch)
app.command()(train.train)
app.command()(build.build)
app.command()(build_encoder.build_encoder)
app.command()(evaluate.evaluate)
app.command()(calibrate.calibrate)
app.command()(examples.examples)
app.command()(compare.compare)
