"""`spanstream label`: which questions to label next, and labels from and to other programs; one file a command."""

from __future__ import annotations

import typer

from spanstream.consumer.cli.label import export_labels, import_labels, next_questions, suggest_labels, watch_promises

app = typer.Typer(help="Choose what to label next; take labels from other programs, or to them.", no_args_is_help=True)
app.command("next")(next_questions.next_)
app.command("export")(export_labels.export)
app.command("import")(import_labels.import_)
app.command("suggest")(suggest_labels.suggest)
app.command("watch")(watch_promises.watch)
