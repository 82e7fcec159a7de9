"""`spanstream label next`: draws the questions to label next."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from spanstream.consumer.cli.config_file import ConfigFile, open_settings
from spanstream.consumer.cli.event_output import write_event
from spanstream.consumer.cli.label.options import DocumentFiles, FeedbackFiles, opened_sources
from spanstream.consumer.terminal.sanitizing import sanitized_line
from spanstream.models.labelling.choosing import RANDOM_SHARE


def next_(  # noqa: PLR0913, PLR0917  one option each
    count: Annotated[int, typer.Option("--count", "-n", min=1, help="How many questions.")] = 50,
    random_share: Annotated[
        float,
        typer.Option(
            min=0,
            max=1,
            help="Share that is drawn uniformly; the others are as many of each question that is asked often.",
        ),
    ] = RANDOM_SHARE,
    answers: Annotated[
        list[Path] | None,
        typer.Option("--answers", help="JSON lines of answers in place of all topics; repeatable."),
    ] = None,
    questions: Annotated[
        list[Path] | None, typer.Option("--questions", help="With --answers: their questions; repeatable.")
    ] = None,
    documents: DocumentFiles = None,
    feedback: FeedbackFiles = None,
    config: ConfigFile = None,
    as_json: Annotated[bool, typer.Option("--json", help="One line a question, with its text; for `export`.")] = False,
) -> None:
    """Draw questions that were answered or declined and not labelled yet, each with the chance that it had.

    Drawing again, when these are labelled, goes on where it ended.

    Example: spanstream label next -n 100 --json > tasks.jsonl
    """
    from spanstream.consumer.operations.labelling.tasks import next_tasks  # noqa: PLC0415  for those who use it
    from spanstream.models.labelling.labels import INCLUSION_PROBABILITY, SAMPLING  # noqa: PLC0415  for those who use it

    settings = open_settings(config)
    files = {"answers": answers, "questions": questions, "documents": documents, "feedback": feedback}
    with opened_sources(settings, files) as sources:
        drawn = next_tasks(sources, count, random_share)
    if as_json:
        for line in drawn.lines:
            write_event(line.model_dump_json().encode())
    else:
        table = Table("question", "asked", "candidate", "confidence", "drawn", "chance")
        for line in drawn.lines:
            candidate = "" if line.candidate is None else line.text[slice(*line.candidate)]
            drawn_as = (line.metadata[SAMPLING], line.metadata[INCLUSION_PROBABILITY])
            said = (line.question_id, line.question, candidate, f"{line.confidence or 0:.2f}", *drawn_as)
            table.add_row(*map(sanitized_line, said))
        Console(highlight=False).print(table)
    lost = f"; {drawn.lost} more were drawn, but their question or text is not there any more" if drawn.lost else ""
    typer.echo(f"{len(drawn.lines)} of {drawn.answered} questions, {drawn.labelled} are labelled{lost}", err=True)
