"""Puts the commands of `spanstream` together."""

from __future__ import annotations

import typer

from spanstream.consumer.cli import (
    answers,
    ask,
    backfill,
    demo,
    doctor,
    mapping,
    model,
    publish,
    replay,
    run,
    size,
    topics,
    triage,
)

app = typer.Typer(
    help="Verbatim answers out of documents, over Kafka, with a calibrated confidence.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode="markdown",
)
app.command("run", cls=run.RunCommand)(run.run)
app.command("ask")(ask.ask)
app.command("demo")(demo.demo)
app.add_typer(topics.app, name="topics")
app.add_typer(publish.app, name="publish")
app.command("answers")(answers.answers)
app.add_typer(replay.app, name="replay")
app.add_typer(triage.app, name="triage")
app.add_typer(mapping.app, name="mapping")
app.command("backfill")(backfill.backfill)
app.command("doctor")(doctor.doctor)
app.command("size")(size.size)
app.add_typer(model.app, name="model")
