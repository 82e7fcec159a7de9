"""`spanstream triage playbook`: the playbook that comes along, to begin one's own with."""

from __future__ import annotations

import typer


def playbook() -> None:
    """Print the playbook for software support that comes with the program.

    Example: spanstream triage playbook > playbook.yaml
    """
    from spanstream.consumer.triage.playbook.load import default_text  # noqa: PLC0415  for those who use it

    typer.echo(default_text(), nl=False)
