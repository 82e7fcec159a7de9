"""`spanstream triage`: the ticket stream and its playbooks; one file for each command."""

from __future__ import annotations

import typer

from spanstream.consumer.cli.triage.check_playbook import check
from spanstream.consumer.cli.triage.measure_playbook import measure
from spanstream.consumer.cli.triage.print_playbook import playbook
from spanstream.consumer.cli.triage.run_stream import run
from spanstream.consumer.cli.triage.try_ticket import try_

app = typer.Typer(help="Triage support tickets by a playbook of questions and rules.", no_args_is_help=True)
app.command()(run)
app.command()(check)
app.command("try")(try_)
app.command()(measure)
app.command()(playbook)
