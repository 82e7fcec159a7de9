"""`spanstream label import`: feedback events out of another program's file."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from pydantic import ValidationError

from spanstream.consumer.cli.event_output import write_event
from spanstream.consumer.cli.label.options import Format
from spanstream.consumer.errors import Stop
from spanstream.consumer.terminal.sanitizing import sanitized_line
from spanstream.schemas.codec import encode

if TYPE_CHECKING:
    from datetime import datetime

    from spanstream.models.labelling.exchange.imported import Imported


def import_(
    file: Annotated[Path, typer.Argument(help="Exported by Label Studio as JSON, by Argilla's to_json, or SQuAD v2.")],
    form: Annotated[Format, typer.Option("--format", help="The program, or the layout.")],
) -> None:
    """Write the labels of another program's file as feedback events, one a line, to standard output.

    Each must quote whole words of its text; the others are named on standard error, and the exit code is 1 then.

    Example: spanstream label import --format argilla records.json > feedback.jsonl
    """
    from spanstream.consumer.operations.labelling.feedback import feedback_of, now  # noqa: PLC0415  for those who use it

    imported = _read(file, form, now())
    refused = list(imported.refused)
    for label in imported.labels:
        try:
            write_event(encode(feedback_of(label)))
        except ValidationError as error:
            refused.append(f"question {label.task.question_id}: {error.errors(include_url=False)[0]['msg']}")
    for line in refused:
        typer.echo(sanitized_line(f"{file}: {line}"), err=True)
    written = len(imported.labels) - (len(refused) - len(imported.refused))
    typer.echo(f"{written} labels; {imported.unlabelled} questions are not labelled", err=True)
    if refused:
        raise Stop(f"{len(refused)} labels of {file} were refused")


def _read(file: Path, form: Format, now: datetime) -> Imported:
    from spanstream.models.labelling.exchange.argilla import read_records  # noqa: PLC0415  for those who use it
    from spanstream.models.labelling.exchange.imported import NotThisLayout  # noqa: PLC0415  for those who use it
    from spanstream.models.labelling.exchange.label_studio import read_tasks  # noqa: PLC0415  for those who use it
    from spanstream.models.labelling.exchange.squad import labels_of  # noqa: PLC0415  for those who use it
    from spanstream.models.metrics.squad_files import read_squad  # noqa: PLC0415  for those who use it

    if form is Format.SQUAD:
        return labels_of(read_squad(file), now)
    try:
        content = json.loads(file.read_bytes())
    except OSError as error:
        raise Stop(f"{file}: cannot be read: {error.strerror}") from error
    except ValueError as error:
        raise Stop(f"{file}: is not JSON: {error}") from error
    try:
        return (read_tasks if form is Format.LABEL_STUDIO else read_records)(content, now)
    except NotThisLayout as error:
        raise Stop(f"{file}: {error}") from error
