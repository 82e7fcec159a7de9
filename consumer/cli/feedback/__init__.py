"""`spanstream feedback`: what people say of answers; one file for each command."""

from __future__ import annotations

import typer

from spanstream.consumer.cli.feedback.give_verdict import give
from spanstream.consumer.cli.feedback.publish_file import publish
from spanstream.consumer.cli.feedback.run_loop import run
from spanstream.consumer.cli.feedback.tail_labels import tail_labels

app = typer.Typer(help="Say what is right and wrong about answers, and keep it as labels.", no_args_is_help=True)
app.command()(run)
app.command()(publish)
app.command()(give)
app.command("tail")(tail_labels)
