"""Makes examples of labels for the commands that need them: says what was left out, and writes SQuAD v2 files."""

from __future__ import annotations

import json
from collections.abc import Sequence
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from spanstream.consumer.errors import Stop
from spanstream.consumer.operations.labelling.sources import LabellingSources
from spanstream.consumer.terminal.sanitizing import sanitized_line

if TYPE_CHECKING:
    from spanstream.models.labelling.examples import Conflict, ExampleSets
    from spanstream.models.metrics.squad_files import Example


class OnConflict(StrEnum):
    """What becomes of questions that people label differently."""

    LEAVE_OUT = "leave-out"
    NEWEST = "newest"


def examples_of_labels(
    sources: LabellingSources,
    *,
    held_out: float,
    on_conflict: OnConflict = OnConflict.LEAVE_OUT,
    suggested: bool = False,
    uniform: bool = False,
) -> ExampleSets:
    """Makes examples of the labels there are, and says on standard error which labels were left out.

    Args:
        sources: where labels and texts are.
        held_out: share of the documents to measure on, 0 to 1.
        on_conflict: what becomes of questions that people label differently.
        suggested: take labels that no person has accepted.
        uniform: only questions that were drawn uniformly.
    """
    from spanstream.consumer.operations.labelling.feedback import labels_of, uniformly_drawn, weighed  # noqa: PLC0415  for those who use it
    from spanstream.models.labelling.examples import make_examples  # noqa: PLC0415  for those who use it

    found = labels_of(sources.labels(), sources.text)
    labels = (uniformly_drawn if uniform else weighed)(found.labels)
    made = make_examples(labels, held_out_share=held_out, on_conflict=on_conflict.value, with_suggested=suggested)
    _tell(made.conflicts, settled=on_conflict is OnConflict.NEWEST)
    typer.echo(
        f"left out: {made.repeated} said again, {made.suggested} suggested, {made.shared} whose text is learned from, "
        f"{found.unsure} unsure, {found.lost} whose text is gone or another one now, {found.refused} that do not quote "
        "whole words",
        err=True,
    )
    return made


def write_examples(file: Path, examples: Sequence[Example]) -> None:
    """Writes examples into a file, and says how many; none: no file.

    Raises:
        Stop: it cannot be written.
    """
    from spanstream.models.labelling.exchange.squad import write_squad  # noqa: PLC0415  for those who use it

    answerable = sum(example.has_answer for example in examples)
    typer.echo(f"{file.name}: {len(examples)} questions, {len(examples) - answerable} without an answer", err=True)
    if not examples:
        return
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        content = json.dumps(write_squad(examples), ensure_ascii=False, indent=1)
        file.write_text(content + "\n", encoding="utf-8")
    except OSError as error:
        raise Stop(f"{file}: cannot be written: {error.strerror}") from error


def _tell(conflicts: Sequence[Conflict], *, settled: bool) -> None:
    for conflict in conflicts:
        newest = conflict.labels[-1]
        said = ", ".join(f"{label.by or 'somebody'}: {label.span or 'no answer'}" for label in conflict.labels)
        fate = "the newest holds" if settled else "left out"
        typer.echo(sanitized_line(f"question {newest.task.question_id}: {said}: {fate}"), err=True)
