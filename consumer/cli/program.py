"""Puts the commands of `spanstream` together."""

from __future__ import annotations

import typer

from spanstream.consumer.cli import (
    answers,
    ask,
    backfill,
    demo,
    desk,
    doctor,
    drift,
    erase,
    explain,
    feedback,
    index,
    label,
    mapping,
    model,
    publish,
    replay,
    run,
    serve,
    size,
    topics,
    triage,
    version,
)

app = typer.Typer(
    callback=version.program,
    invoke_without_command=True,
    context_settings={"help_option_names": ["-h", "--help"]},
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode="markdown",
)
app.command("run", cls=run.RunCommand)(run.run)
app.command("ask")(ask.ask)
app.command("explain")(explain.show_explanation)
app.command("drift")(drift.show_drift)
app.command("serve")(serve.serve)
app.command("desk")(desk.desk)
app.command("demo")(demo.demo)
app.add_typer(topics.app, name="topics")
app.add_typer(publish.app, name="publish")
app.command("answers")(answers.answers)
app.add_typer(replay.app, name="replay")
app.add_typer(triage.app, name="triage")
app.add_typer(feedback.app, name="feedback")
app.add_typer(index.app, name="index")
app.command("erase")(erase.erase)
app.add_typer(mapping.app, name="mapping")
app.command("backfill")(backfill.backfill)
app.command("doctor")(doctor.doctor)
app.command("size")(size.size)
app.add_typer(label.app, name="label")
app.add_typer(model.app, name="model")
