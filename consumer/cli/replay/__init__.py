"""`spanstream replay`: looks at dead letters and sends them again; one file a command."""

from __future__ import annotations

import typer

from spanstream.consumer.cli.replay import check, list, manifest, prepare, run, show, summary  # noqa: A004  the verb is `list`

app = typer.Typer(
    help="Look at dead letters, ours and those of Kafka Connect, Kafka Streams and Spring, and send them again.",
    no_args_is_help=True,
)
app.command("summary")(summary.summary)
app.command("list")(list.list_letters)
app.command("show")(show.show)
app.command("check")(check.check)
app.command("run")(run.run)
app.command("manifest")(manifest.manifest)
app.command("prepare")(prepare.prepare)

__all__ = ["app"]
