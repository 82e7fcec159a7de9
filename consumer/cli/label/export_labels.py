"""`spanstream label export`: questions and labels in the file of another program."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from spanstream.consumer.cli.config_file import ConfigFile, open_settings
from spanstream.consumer.cli.label.options import DocumentFiles, FeedbackFiles, Format, opened_sources

if TYPE_CHECKING:
    from spanstream.models.labelling.labels import Label, Task


def export(
    form: Annotated[Format, typer.Option("--format", help="The program, or the layout.")],
    tasks: Annotated[
        list[Path] | None,
        typer.Option("--tasks", help="Of `label next --json`: what is to be labelled; repeatable. Not with squad."),
    ] = None,
    feedback: FeedbackFiles = None,
    documents: DocumentFiles = None,
    config: ConfigFile = None,
) -> None:
    """Write questions to label (--tasks), or the labels there are, for another program; to standard output.

    Example: spanstream label export --format label-studio --tasks tasks.jsonl > import-this.json
    """
    from spanstream.consumer.operations.labelling.feedback import labels_of  # noqa: PLC0415  for those who use it
    from spanstream.consumer.operations.labelling.tasks import read_task_lines  # noqa: PLC0415  for those who use it

    settings = open_settings(config)
    if tasks and form is Format.SQUAD:
        raise typer.BadParameter("SQuAD has no place for questions without a label", param_hint="--tasks")
    if tasks:
        given: list[tuple[Task, list[Label]]] = [(task, []) for file in tasks for task in read_task_lines(file)]
        typer.echo(json.dumps(_written(form, given), ensure_ascii=False, indent=1))
        typer.echo(f"{len(given)} questions", err=True)
        return
    with opened_sources(settings, {"feedback": feedback, "documents": documents}) as sources:
        found = labels_of(sources.labels(), sources.text)
    typer.echo(json.dumps(_written(form, _by_task(found.labels)), ensure_ascii=False, indent=1))
    typer.echo(
        f"{len(found.labels)} labels; left out: {found.unsure} unsure, {found.lost} whose text is gone or another one "
        f"now, {found.refused} that do not quote whole words",
        err=True,
    )


def _by_task(labels: Iterable[Label]) -> list[tuple[Task, list[Label]]]:
    tasks: dict[tuple[str, str], tuple[Task, list[Label]]] = {}
    for label in labels:
        tasks.setdefault((label.task.question_id, label.task.text), (label.task, []))[1].append(label)
    return list(tasks.values())


def _written(form: Format, tasks: list[tuple[Task, list[Label]]]) -> Any:  # noqa: ANN401  JSON
    from spanstream.models.labelling.exchange.argilla import write_records  # noqa: PLC0415  for those who use it
    from spanstream.models.labelling.exchange.label_studio import write_tasks  # noqa: PLC0415  for those who use it
    from spanstream.models.labelling.exchange.squad import write_squad  # noqa: PLC0415  for those who use it

    if form is Format.SQUAD:
        return write_squad(label.example for _, labels in tasks for label in labels if not label.is_suggested)
    return write_tasks(tasks) if form is Format.LABEL_STUDIO else write_records(tasks)
