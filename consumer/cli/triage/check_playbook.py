"""`spanstream triage check`: says what is wrong with a playbook, and where."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from spanstream.consumer.errors import Stop
from spanstream.consumer.terminal.sanitizing import sanitized_line


def check(
    file: Annotated[
        Path | None, typer.Argument(metavar="[PLAYBOOK]", help="YAML file; by default the bundled one.")
    ] = None,
) -> None:
    """Say what is wrong with a playbook, one line each: FILE:LINE:COLUMN: what. Exit code 1 if anything is.

    Example: spanstream triage check playbook.yaml
    """
    from spanstream.consumer.triage.playbook.load import InvalidPlaybook, load_playbook  # noqa: PLC0415  for those who use it

    try:
        playbook = load_playbook(file)
    except InvalidPlaybook as error:
        for problem in error.problems:
            typer.echo(sanitized_line(f"{error.name}:{problem}"))
        count = len(error.problems)
        raise Stop(f"{error.name}: {count} problem{'' if count == 1 else 's'}") from None
    questions = sum(len(field.questions) for field in playbook.fields.values())
    name = sanitized_line(f"{playbook.playbook} {playbook.version}")
    typer.echo(
        f"{name}: {len(playbook.fields)} fields, {questions} questions a ticket, "
        f"{len(playbook.routes)} routes, {len(playbook.priorities)} priorities"
    )
