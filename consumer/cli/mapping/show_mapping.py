"""`spanstream mapping show`: prints a bundled mapping, as a start for one's own."""

from __future__ import annotations

from typing import Annotated

import typer


def show(name: Annotated[str, typer.Argument(metavar="NAME", help="Name of a bundled mapping.")]) -> None:
    """Print a bundled mapping.

    Example: spanstream mapping show jira > my-jira.yaml
    """
    from spanstream.consumer.formats.mapping.load import mapping_text  # noqa: PLC0415  for those who use it

    typer.echo(mapping_text(name), nl=False)
