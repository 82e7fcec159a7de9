"""`spanstream mapping`: mappings of other programs' JSON; one file for each command."""

from __future__ import annotations

import typer

from spanstream.consumer.cli.mapping.check_mapping import check
from spanstream.consumer.cli.mapping.list_mappings import list_
from spanstream.consumer.cli.mapping.show_mapping import show

app = typer.Typer(help="Map other programs' JSON to our events.", no_args_is_help=True)
app.command()(check)
app.command("list")(list_)
app.command()(show)
