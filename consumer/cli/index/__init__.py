"""`spanstream index`: the passages of collections; one file for each command."""

from __future__ import annotations

import typer

from spanstream.consumer.cli.index.rebuild_index import rebuild
from spanstream.consumer.cli.index.run_indexer import run
from spanstream.consumer.cli.index.show_status import status

app = typer.Typer(help="Keep the passage index, which collections are searched in, current.", no_args_is_help=True)
app.command()(run)
app.command()(rebuild)
app.command()(status)
