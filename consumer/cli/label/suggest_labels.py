"""`spanstream label suggest`: labels that a language model suggests."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from spanstream.consumer.cli.config_file import ConfigFile, open_settings
from spanstream.consumer.cli.event_output import write_event
from spanstream.consumer.clock import SystemClock
from spanstream.consumer.terminal.sanitizing import sanitized_line
from spanstream.schemas.codec import encode


def suggest(  # noqa: PLR0913, PLR0917  one option each
    tasks: Annotated[list[Path], typer.Option("--tasks", help="Of `label next --json`; repeatable.")],
    endpoint: Annotated[
        str, typer.Option(metavar="URL", help="Server with /v1/chat/completions; SPANSTREAM_SUGGEST__TOKEN is sent.")
    ],
    model: Annotated[str, typer.Option(help="The model's name there.")],
    send_texts: Annotated[
        bool, typer.Option("--send-texts", help="Needed: the questions and whole texts are sent to the endpoint.")
    ] = False,
    per_minute: Annotated[float, typer.Option(min=0.1, help="Questions asked in a minute at most.")] = 60.0,
    config: ConfigFile = None,
) -> None:
    """Ask a language model for the labels of questions; writes feedback events, marked as suggested, a line each.

    Taken is only what stands in the text word for word; a person has to accept it before it is an example.

    Example: spanstream label suggest --tasks tasks.jsonl --endpoint http://localhost:8000 --model m --send-texts
    """
    from spanstream.consumer.operations.labelling.feedback import feedback_of, now  # noqa: PLC0415  for those who use it
    from spanstream.consumer.operations.labelling.suggesting import SuggestingServer  # noqa: PLC0415  for those who use it
    from spanstream.consumer.operations.labelling.suggesting import suggest as ask  # noqa: PLC0415  for those who use it
    from spanstream.consumer.operations.labelling.tasks import read_task_lines  # noqa: PLC0415  for those who use it

    if not send_texts:
        raise typer.BadParameter("the texts leave the house: say that you want that", param_hint="--send-texts")
    settings = open_settings(config)
    server = SuggestingServer.at(endpoint, model, settings.suggest.token, SystemClock())
    asked = [task for file in tasks for task in read_task_lines(file)]
    typer.echo(f"the texts of {len(asked)} questions leave the house, to {server.host}", err=True)
    refused: list[str] = []
    written = 0
    for label in ask(asked, server, now, per_minute=per_minute, refuse=refused.append):
        write_event(encode(feedback_of(label)))
        written += 1
    for line in refused:
        typer.echo(sanitized_line(line), err=True)
    typer.echo(f"{written} suggested, {len(refused)} replies are no labels", err=True)
