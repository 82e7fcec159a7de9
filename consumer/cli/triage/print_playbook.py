"""`spanstream triage playbook`: prints the bundled playbook, as a start for one's own."""

from __future__ import annotations

import typer


def playbook() -> None:
    """Print the bundled playbook, for software support.

    Example: spanstream triage playbook > playbook.yaml
    """
    from spanstream.consumer.triage.playbook.load import bundled_text  # noqa: PLC0415  for those who use it

    typer.echo(bundled_text(), nl=False)
