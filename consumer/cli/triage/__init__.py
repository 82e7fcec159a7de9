"""`spanstream triage`: the ticket stream and its playbooks; one file a command."""

from __future__ import annotations

import typer

from spanstream.consumer.cli.triage import check, playbook, run, trial

app = typer.Typer(help="Triage support tickets by a playbook of questions and rules.", no_args_is_help=True)
app.command()(run.run)
app.command()(check.check)
app.command("try")(trial.try_)
app.command()(playbook.playbook)
