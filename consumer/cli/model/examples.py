"""`spanstream model examples`: examples to learn from and to measure on, out of labels."""

from __future__ import annotations

import json
from collections.abc import Sequence
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from spanstream.consumer.cli.config_file import ConfigFile, open_settings
from spanstream.consumer.cli.label.options import DocumentFiles, FeedbackFiles, opened_sources
from spanstream.consumer.errors import Stop
from spanstream.consumer.terminal.sanitizing import sanitized_line

if TYPE_CHECKING:
    from spanstream.models.labelling.examples import Conflict
    from spanstream.models.metrics.squad_files import Example


class OnConflict(StrEnum):
    """What becomes of questions that people label differently."""

    LEAVE_OUT = "leave-out"
    NEWEST = "newest"


def examples(  # noqa: PLR0913, PLR0917  one option each
    output: Annotated[Path, typer.Option(help="Folder to write train.json and held-out.json into.")],
    feedback: FeedbackFiles = None,
    documents: DocumentFiles = None,
    held_out: Annotated[float, typer.Option(min=0, max=1, help="Share of the documents to measure on.")] = 0.3,
    on_conflict: Annotated[
        OnConflict, typer.Option(help="Questions that people label differently: leave them out, or the newest wins.")
    ] = OnConflict.LEAVE_OUT,
    suggested: Annotated[bool, typer.Option("--suggested", help="Take labels that no person has accepted.")] = False,
    uniform: Annotated[
        bool, typer.Option("--uniform", help="Only questions that were drawn uniformly, for guarantees.")
    ] = False,
    config: ConfigFile = None,
) -> None:
    """Make SQuAD v2 files of the labels there are, split by document; a document stays on its side for ever.

    Example: spanstream model examples --output examples, then
    spanstream model calibrate --data examples/held-out.json --output my-artifact
    """
    from spanstream.consumer.operations.labelling.feedback import labels_of, uniformly_drawn, weighed  # noqa: PLC0415  for those who use it
    from spanstream.models.labelling.examples import make_examples  # noqa: PLC0415  for those who use it

    settings = open_settings(config)
    with opened_sources(settings, {"feedback": feedback, "documents": documents}) as sources:
        found = labels_of(sources.labels(), sources.text)
    labels = (uniformly_drawn if uniform else weighed)(found.labels)
    made = make_examples(labels, held_out_share=held_out, on_conflict=on_conflict.value, with_suggested=suggested)
    _tell(made.conflicts, settled=on_conflict is OnConflict.NEWEST)
    for name, side in (("train.json", made.train), ("held-out.json", made.held_out)):
        _write(output, name, side)
    typer.echo(
        f"left out: {made.repeated} said again, {made.suggested} suggested, {made.shared} whose text is learned from, "
        f"{found.unsure} unsure, {found.lost} whose text is gone or another one now, {found.refused} that do not quote "
        "whole words",
        err=True,
    )


def _tell(conflicts: Sequence[Conflict], *, settled: bool) -> None:
    for conflict in conflicts:
        newest = conflict.labels[-1]
        said = ", ".join(f"{label.by or 'somebody'}: {label.span or 'no answer'}" for label in conflict.labels)
        fate = "the newest holds" if settled else "left out"
        typer.echo(sanitized_line(f"question {newest.task.question_id}: {said}: {fate}"), err=True)


def _write(folder: Path, name: str, side: Sequence[Example]) -> None:
    from spanstream.models.labelling.exchange.squad import write_squad  # noqa: PLC0415  for those who use it

    answerable = sum(example.has_answer for example in side)
    typer.echo(f"{name}: {len(side)} questions, {len(side) - answerable} without an answer", err=True)
    if not side:
        return
    try:
        folder.mkdir(parents=True, exist_ok=True)
        content = json.dumps(write_squad(side), ensure_ascii=False, indent=1)
        (folder / name).write_text(content + "\n", encoding="utf-8")
    except OSError as error:
        raise Stop(f"{folder / name}: cannot be written: {error.strerror}") from error
