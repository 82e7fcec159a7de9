"""`spanstream replay`: looks at dead letters and sends them again; one file a command."""

from __future__ import annotations

import typer

from spanstream.consumer.cli.replay.check_letters import check
from spanstream.consumer.cli.replay.list_letters import list_letters
from spanstream.consumer.cli.replay.prepare_topics import prepare
from spanstream.consumer.cli.replay.run_replay import run
from spanstream.consumer.cli.replay.show_letters import show
from spanstream.consumer.cli.replay.summarize_letters import summary
from spanstream.consumer.cli.replay.verify_manifest import manifest

app = typer.Typer(
    help="Look at dead letters, ours and those of Kafka Connect, Kafka Streams and Spring, and send them again.",
    no_args_is_help=True,
)
app.command()(summary)
app.command("list")(list_letters)
app.command()(show)
app.command()(check)
app.command()(run)
app.command()(manifest)
app.command()(prepare)
